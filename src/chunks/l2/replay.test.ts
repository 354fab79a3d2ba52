import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EmbeddedBlob } from '../../adapters/embedded/blob.js';
import { replay } from './replay.js';

test('six member processes, one killed in the middle: the origin is not asked once more', {
  timeout: 180_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-replay-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { functions: 10, starts: 80, sharedChunks: 6, ownChunks: 4, chunkPages: 8 };
  const found = await replay({
    ...options,
    origin: new EmbeddedBlob(folder),
    workers: 2,
    l1Chunks: 8,
    members: 6,
    seed: 4,
    l2MsMax: 60_000,
  });
  const { first, before, after, repaired } = found;
  t.diagnostic(JSON.stringify({ first, before, after, repaired }));
  // Both workers may ask for the same chunk before either has put it.
  assert.ok(first.origin >= 46 && first.origin <= 2 * 46);
  assert.equal(before.origin, 0);
  assert.equal(after.origin, 0);
  assert.ok(before.l2 > 0 && after.l2 > 0, 'L1 alone did not do it');
  assert.ok(repaired > 0, 'the share of the dead one is held by others');
});

test('members die with the process that started them, also after kill -9', { timeout: 60_000 }, async () => {
  const program = `
    import { MemberProcess } from ${JSON.stringify(new URL('./memberprocess.js', import.meta.url).href)};
    const one = await MemberProcess.start({ id: 'm', secret: Buffer.alloc(32), bytesMax: 1000, folder: null });
    console.log(one.pid);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(owner.stdout, 'data')) as [Buffer];
  const pid = Number(text.toString());
  assert.ok(running(pid));
  // A member that is stopped does not notice that its standard input has ended; the kernel does.
  process.kill(pid, 'SIGSTOP');
  owner.kill('SIGKILL');
  const deadlineMs = performance.now() + 30_000;
  while (running(pid)) {
    assert.ok(performance.now() < deadlineMs, 'the member outlived its owner');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

/** A zombie that nobody has collected yet does not run. */
function running(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
