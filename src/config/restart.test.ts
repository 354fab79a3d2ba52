import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withFolder } from '../../test/contract/folder.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import { RealRandom } from '../adapters/embedded/random.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { openConfigService } from './service.js';

const caller = { account: '111111111111' as AccountId, region: 'us-east-1' as Region };
const writer = fileURLToPath(new URL('./restart.writer.js', import.meta.url));

it('after kill -9 at any moment: what was answered holds, what was interrupted is finished, nothing is left over', async () =>
  await withFolder(async (folder) => {
    const versions = new Map<string, string>();
    const codes = new Map<string, string>();
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, [writer, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
      const closed = once(child, 'close');
      let left = 1 + Math.floor(Math.random() * 25);
      codes.clear();
      for await (const line of createInterface({ input: child.stdout })) {
        const [kind, name, a, b] = line.split(' ') as [string, string, string, string];
        if (kind === 'version') versions.set(`${name}:${a}`, b);
        if (kind === 'code') codes.set(name, a);
        if (--left === 0) child.kill('SIGKILL');
      }
      assert.equal((await closed)[1], 'SIGKILL');

      const environment = new LmdbEnvironment(join(folder, 'lmdb'));
      const blob = new EmbeddedBlob(join(folder, 'blobs'));
      const open = () =>
        openConfigService({
          kv: new EmbeddedKv(environment, 'config'),
          blob,
          clock: new RealClock(),
          random: new RealRandom(),
          codeFolder: join(folder, 'code'),
          codeUrl: () => '',
          architecture: 'x86_64',
        });
      // Waits for what the start went on with.
      await (await open()).close();
      // What an interrupted update replaced is still there for its sandboxes: the next start collects it.
      const service = await open();
      await service.close();
      for (const [FunctionName, sha] of versions) {
        const found = await service.getFunctionConfiguration(caller, { FunctionName });
        assert.ok(found.ok, `${FunctionName} is lost`);
        assert.equal(found.value.CodeSha256, sha);
      }
      const listed = await service.listFunctions(caller, { FunctionVersion: 'ALL' });
      assert.ok(listed.ok);
      const used = new Set<string>();
      for (const { FunctionName, Version } of listed.value.Functions!) {
        const got = await service.getFunctionConfiguration(caller, { FunctionName: FunctionName!, Qualifier: Version });
        assert.ok(got.ok);
        assert.deepEqual([got.value.State, got.value.LastUpdateStatus], ['Active', 'Successful']);
        const resolved = service.resolve(caller.account, caller.region, FunctionName!, Version!);
        assert.ok(resolved.ok);
        const tree = await service.codeFolder(resolved.value.spec.codeSha256Hex);
        assert.equal(statSync(join(tree, 'more')).size, 200_000);
        assert.match(readFileSync(join(tree, 'round'), 'utf8'), /^\d+$/);
        used.add(resolved.value.spec.codeSha256Hex);
      }
      if (listed.value.NextMarker === undefined) {
        assert.deepEqual(new Set((await blob.list('code/')).map((key) => key.slice(5))), used);
        assert.deepEqual(new Set(readdirSync(join(folder, 'code'))), new Set([...used, 'boot', 'temporary']));
      }
      assert.deepEqual(readdirSync(join(folder, 'code', 'temporary')), []);
      for (const [name, sha] of codes) {
        const found = await service.getFunctionConfiguration(caller, { FunctionName: name });
        // The interrupted next update may have become durable without its answer.
        assert.ok(found.ok, name);
        assert.ok(found.value.CodeSha256 === sha || found.value.LastUpdateStatus === 'Successful');
      }
      await environment.close();
    }
  }));
