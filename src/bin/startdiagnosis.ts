import type { ConfigService } from '../config/service.js';
import type { StartDiagnosis } from '../frontend/dispatcher.js';
import { apiFailure } from '../kernel/errors.js';
import type { MachineRuntimes } from '../worker/runtimes/catalog.js';
import { RuntimeUnavailable } from '../worker/runtimes/description.js';

/**
 * What was there when the version became active, and is not any more: its runtime, or its code. (Texts: the service
 * model's, with the cause.)
 */
export function startDiagnosis(
  runtimes: Pick<MachineRuntimes, 'launch'>,
  config: Pick<ConfigService, 'codeFolder'>,
): StartDiagnosis {
  return async ({ runtime, codeSha256Hex }) => {
    const [launch, code] = await Promise.allSettled([runtimes.launch(runtime), config.codeFolder(codeSha256Hex)]);
    if (launch.status === 'rejected' && launch.reason instanceof RuntimeUnavailable) {
      const message = `The runtime or runtime version specified is not supported: ${launch.reason.message}`;
      return apiFailure('InvalidRuntimeException', message);
    }
    if (code.status === 'rejected') {
      return apiFailure('InvalidZipFileException', 'Lambda could not unzip the deployment package.');
    }
    return null;
  };
}
