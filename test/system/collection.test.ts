import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  type LambdaClient,
  PublishVersionCommand,
} from '@aws-sdk/client-lambda';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import { collectedStore } from '../../src/bin/snapshotplane.js';
import { defaultLimits } from '../../src/chunks/collection/service.js';
import { fileKeyStore, Keyring } from '../../src/chunks/keyring.js';
import type { Clock } from '../../src/kernel/ports/clock.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { microVmProblem } from './microvms.js';

const problem = microVmProblem();
const skip = problem !== null && `no virtual machines here: ${problem}`;
/** An init, a capture and two starts on a busy machine without hardware virtualization. */
const activeMsMax = 120_000;
const mib = 1024 * 1024;

/** Draws at its init what only a restore of that init can know; megabytes that are nobody else's come along. */
const code = `
const drawn = Math.random();
globalThis.ballast = require('node:crypto').randomBytes(4 << 20);
exports.handler = async () => drawn;`;

/** How far time has been moved on. */
let laterMs = 0;

/** The snapshots of a platform that has ended, collected as if time had passed; bytes of chunks before and after. */
async function collectLater(dataFolder: string): Promise<readonly [number, number]> {
  const snapshots = join(dataFolder, 'snapshots');
  const blob = new EmbeddedBlob(join(snapshots, 'origin'));
  const clock: Clock = { nowMs: () => Date.now() + laterMs, monotonicMs: () => 0, after: () => () => {} };
  const bytes = async () => {
    const sizes = await Promise.all((await blob.list('chunks/')).map((key) => blob.size(key)));
    return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  };
  const before = await bytes();
  const { collector } = collectedStore(blob, await Keyring.open(fileKeyStore(join(snapshots, 'keyring'))), clock);
  for (const ms of [0, defaultLimits.rotateMs, defaultLimits.graceMs]) {
    laterMs += ms;
    assert.equal((await collector.collect()).failure, null);
  }
  const result = [before, await bytes()] as const;
  await collector.close();
  await blob.close();
  return result;
}

describe('collection of chunks', { skip, timeout: 400_000 }, () => {
  let hearth: Hearth;
  let client: LambdaClient;
  before(async () => {
    process.env.HEARTH_TEST_ISOLATION = 'microvm';
    hearth = await Hearth.start();
    client = hearth.lambda();
  });
  after(async () => {
    await hearth?.remove();
  });

  async function publish(name: string): Promise<void> {
    await hearth.create(
      name,
      ownNode,
      'index.handler',
      { 'index.js': code },
      {
        SnapStart: { ApplyOn: 'PublishedVersions' },
        Timeout: 30,
      },
    );
    await client.send(new PublishVersionCommand({ FunctionName: name }));
    const settled = await eventually(
      async () => {
        const wanted = new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: '1' });
        const { State } = await client.send(wanted);
        return State !== 'Pending' && State;
      },
      `version 1 of ${name}`,
      activeMsMax,
    );
    assert.equal(settled, 'Active');
  }

  it('gives back the bytes of a deleted function’s snapshot; another’s is restored afterwards, with another salt, too', async () => {
    await publish('kept');
    await publish('deleted');
    const drawn = (await hearth.invoke('kept', {}, { Qualifier: '1' })).payload;
    await hearth.stop();
    const [full, unchanged] = await collectLater(hearth.folder);
    assert.ok(unchanged <= full);

    await hearth.start();
    client = hearth.lambda();
    await client.send(new DeleteFunctionCommand({ FunctionName: 'deleted' }));
    await hearth.stop();
    const [before, after] = await collectLater(hearth.folder);
    assert.ok(before - after > 4 * mib, `${before - after} bytes were given back`);

    // Encrypted anew, it is the same snapshot.
    const rotated = await hearth.cli('snapshots', 'rotate-salt', '--json');
    assert.equal(rotated.status, 0, rotated.stderr);
    const [{ files }] = JSON.parse(rotated.stdout) as [{ readonly files: number }];
    assert.ok(files >= 3, `${files} files`);

    await hearth.start();
    client = hearth.lambda();
    const again = await hearth.invoke('kept', {}, { Qualifier: '1' });
    assert.match(again.log, /Restore Duration/);
    assert.equal(again.payload, drawn, 'the same init');
    const refused = await hearth.cli('snapshots', 'rotate-salt');
    assert.deepEqual([refused.status, /stop the platform first/.test(refused.stderr)], [1, true], refused.stderr);
  });
});
