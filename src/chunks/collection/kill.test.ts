import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../../adapters/embedded/blob.js';
import { ManifestStore } from '../manifeststore.js';
import {
  chunkOf,
  ciphertext,
  collectAll,
  collectorOn,
  keyring,
  limits,
  manifestOf,
  present,
  scope,
  store,
  TestClock,
  writerOn,
} from './testworld.js';

const child = fileURLToPath(new URL('./kill.child.js', import.meta.url));
const labels = Array.from({ length: 30 }, (_, n) => n);
/** A store that never ends to change would kill for ever. */
const stepsMax = 200;

/** Collects in a process of its own; true when it was killed after that many changes, false when it got through. */
async function killedAfter(folder: string, steps: number, nowMs: number): Promise<boolean> {
  const collecting = spawn(process.execPath, [child, folder, String(steps), String(nowMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  collecting.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = (await once(collecting, 'close')) as [number | null, string | null];
  if (signal === 'SIGKILL') return true;
  assert.equal(code, 0);
  assert.equal(JSON.parse(said).failure, null);
  return false;
}

test('a collector killed after any of its steps: nothing wanted is lost, nothing unwanted stays', {
  timeout: 300_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-collection-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));

  // A store in which one round opens a root, takes manifests over, retires, expires and removes roots, and sweeps twice.
  const origin = join(folder, 'origin');
  const clock = new TestClock();
  const blob = new EmbeddedBlob(origin);
  await (await collectorOn(blob, clock)).collect();
  const writer = await writerOn(blob, { id: 'before' });
  const kept = [await store(writer, [1, 2, 3]), await store(writer, [3, 4, 5])];
  const dropped = await store(writer, [5, 6, 7, 8, 9, 10]);
  await writer.manifests.delete(scope, dropped);
  clock.now += limits.rotateMs;
  await (await collectorOn(blob, clock)).collect();
  kept.push(await store(writer, [11, 12]));
  clock.now += limits.graceMs + limits.rotateMs;

  let step = 0;
  for (let killed = true; killed; ) {
    step += 1;
    assert.ok(step < stepsMax);
    const copy = join(folder, `step${step}`);
    mkdirSync(copy);
    cpSync(origin, copy, { recursive: true });
    killed = await killedAfter(copy, step, clock.now);
    const label = `killed after step ${step}`;
    const after = new EmbeddedBlob(copy);
    const wanted = [1, 2, 3, 4, 5, 11, 12];
    assert.deepEqual(
      (await present(after, labels)).filter((one) => wanted.includes(one)),
      wanted,
      label,
    );

    // A writer that does not know of it, in the middle: chunks that may be on the sweep's list, old and new ones.
    const then = new TestClock();
    then.now = clock.now;
    const writing = writerOn(after, { id: `after-${step}`, waitMsMax: 20_000 }).then((one) => store(one, [2, 7, 20]));
    const collecting = collectorOn(after, then).then((one) => one.collect());
    const [added, report] = await Promise.all([writing, collecting]);
    assert.equal(report.failure, null, label);
    const all = [...wanted, 7, 20].sort((a, b) => a - b);
    assert.deepEqual(
      (await present(after, labels)).filter((one) => all.includes(one)),
      all,
      label,
    );

    await collectAll(after, then);
    assert.deepEqual(await present(after, labels), all, `${label}: and two rounds more`);
    const manifests = new ManifestStore(after, await keyring());
    for (const name of kept) assert.ok((await manifests.get(scope, name)).chunks.length > 0);
    assert.deepEqual(await manifests.get(scope, added), manifestOf([2, 7, 20]));
    assert.equal((await manifests.list()).length, kept.length + 1);
    for (const each of all) assert.deepEqual(await after.get(`chunks/${chunkOf(each).name}`), ciphertext(each));
    rmSync(copy, { recursive: true });
  }
  // Root opened, 3 manifests kept, retired, expired, removed; two sweeps: all of it was cut.
  assert.ok(step > 20, `only ${step} steps`);
  t.diagnostic(`killed after each of ${step - 1} steps`);
});
