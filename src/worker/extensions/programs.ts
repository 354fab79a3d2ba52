import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Initiation } from '../initiation.js';
import { extensionsMax } from './machine.js';
import type { LaunchedProgram } from './messages.js';

/**
 * Variables of the runtime's process alone (Lambda developer guide, Extensions API, "Accessing environment variables in
 * extensions").
 */
const runtimeOnly = [
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_XRAY_CONTEXT_MISSING',
  'AWS_XRAY_DAEMON_ADDRESS',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
  '_AWS_XRAY_DAEMON_ADDRESS',
  '_AWS_XRAY_DAEMON_PORT',
  '_HANDLER',
];

/** What an external extension gets of the function's environment. */
export function extensionEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !runtimeOnly.includes(name)));
}

/** Where a box shows them: without a mount namespace the layers are where they are. */
export function extensionsFolder({ options, code }: Initiation): string {
  return options.driver.grade === 'none' ? join(code.layersDirectory!, 'extensions') : '/opt/extensions';
}

/** The external extensions of a function: the files directly in its layers' `extensions` folder, by name. */
export function findExtensions(layersDirectory: string | null): readonly LaunchedProgram[] {
  if (layersDirectory === null) return [];
  const folder = join(layersDirectory, 'extensions');
  return namesIn(folder).map((name, index) => ({ name, problem: problemOf(folder, name, index) }));
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true)
      .sort();
  } catch {
    return []; // No such folder: the usual case.
  }
}

function problemOf(folder: string, name: string, index: number): LaunchedProgram['problem'] {
  if (index >= extensionsMax) {
    return { errorType: 'TooManyExtensions', message: `Extension limit (${extensionsMax}) reached` };
  }
  try {
    accessSync(join(folder, name), constants.X_OK);
    return null;
  } catch {
    return { errorType: 'PermissionDenied', message: `fork/exec /opt/extensions/${name}: permission denied` };
  }
}
