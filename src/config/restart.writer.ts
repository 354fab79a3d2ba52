/**
 * Child of `restart.test.ts`: changes functions as fast as it can and prints a line for each answer, until it is
 * killed. Its parent's death ends it (stdin closes).
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeZip } from '../../test/zip.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import { RealRandom } from '../adapters/embedded/random.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { openConfigService } from './service.js';

const folder = process.argv[2]!;
process.stdin.on('end', () => process.exit(0)).resume();
const caller = { account: '111111111111' as AccountId, region: 'us-east-1' as Region };
const environment = new LmdbEnvironment(join(folder, 'lmdb'));
const service = await openConfigService({
  kv: new EmbeddedKv(environment, 'config'),
  blob: new EmbeddedBlob(join(folder, 'blobs')),
  clock: new RealClock(),
  random: new RealRandom(),
  codeFolder: join(folder, 'code'),
  codeUrl: () => '',
  architecture: 'x86_64',
});
writeSync(1, 'ready\n');

/** Each lane owns one function and makes it say its round: in the code, in the description and as a version. */
async function lane(name: string): Promise<never> {
  for (let round = Date.now(); ; round++) {
    const zip = makeZip([
      { name: 'round', data: String(round) },
      { name: 'more', data: Buffer.alloc(200_000, round) },
    ]);
    const found = await service.getFunction(caller, { FunctionName: name });
    const answer = found.ok
      ? await service.updateFunctionCode(caller, { FunctionName: name, ZipFile: zip })
      : await service.createFunction(caller, {
          FunctionName: name,
          Runtime: 'nodejs20.x',
          Handler: 'index.handler',
          Role: 'arn:aws:iam::111111111111:role/r',
          Code: { ZipFile: zip },
        });
    if (answer.ok) writeSync(1, `code ${name} ${answer.value.CodeSha256}\n`);
    const version = await service.publishVersion(caller, { FunctionName: name });
    if (version.ok) writeSync(1, `version ${name} ${version.value.Version} ${version.value.CodeSha256}\n`);
  }
}

await Promise.all(['a', 'b', 'c'].map(lane));
