import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import { LmdbEnvironment } from '../../src/adapters/embedded/environment.js';
import { EmbeddedJournal } from '../../src/adapters/embedded/journal.js';
import { EmbeddedKv } from '../../src/adapters/embedded/kv.js';
import { EmbeddedQueue } from '../../src/adapters/embedded/queue.js';
import { withFolder } from './folder.js';

const writer = fileURLToPath(new URL('./durability.writer.js', import.meta.url));

/** Runs a writer on the folder and kills it after `lines` acknowledgements. Returns them all. */
async function killedAfter(folder: string, run: number, lines: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [writer, folder, String(run)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === lines) child.kill('SIGKILL');
  }
  const [, signal] = (await closed) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  return said;
}

it('everything acknowledged is there after kill -9, and nothing is half there', async () =>
  await withFolder(async (folder) => {
    const acked = new Set<string>();
    const published = new Map<string, string>();
    let appended = 0;
    // One folder for all rounds: each also opens what the kill before left behind.
    for (let run = 0; run < 6; run++) {
      const said = await killedAfter(folder, run, 1 + Math.floor(Math.random() * 300));
      const environment = new LmdbEnvironment(join(folder, 'lmdb'));
      const kv = new EmbeddedKv<number>(environment, 'kv');
      const journal = new EmbeddedJournal<number>(environment, 'journal');
      const queue = new EmbeddedQueue<string>(environment, 'queue');
      const blob = new EmbeddedBlob(join(folder, 'blobs'));
      for (const line of said) {
        const [kind, a, b] = line.split(' ') as [string, string, string];
        if (kind === 'kv') assert.equal((await kv.get(`kv/${run}/${a}`))?.value, Number(a));
        else if (kind === 'journal') appended = Math.max(appended, Number(a));
        else if (kind === 'queue') published.set(a, `${run}/${b}`);
        else if (kind === 'acking') published.delete(a);
        else if (kind === 'acked') acked.add(a);
        else if (kind === 'blob') {
          assert.deepEqual(Buffer.from((await blob.get(`${run}/${a}`))!), Buffer.alloc(10_000, Number(a)));
        }
      }
      assert.equal((await kv.list('kv/')).length, (await kv.list('pair/')).length);
      const entries = await journal.read(1, 1_000_000);
      assert.deepEqual(
        entries.map(({ entry }) => entry),
        entries.map((_, index) => index + 1),
      );
      assert.ok(entries.length >= appended && entries.length % 2 === 0);
      assert.equal(await journal.next(), entries.length + 1);
      const deliveries = await queue.pull({ count: 1_000_000, nowMs: 0, leaseMs: 1 });
      const bodies = new Map(deliveries.map((delivery) => [delivery.id, delivery]));
      for (const id of acked) assert.ok(!bodies.has(id), `acknowledged ${id} came again`);
      for (const [id, body] of published) {
        const delivery = bodies.get(id);
        assert.equal(delivery?.body, body, `published ${id} is lost`);
        assert.ok(Buffer.from(delivery.payload).equals(Buffer.alloc(3_000, Number(body.split('/')[1]))));
      }
      for (const key of await blob.list('')) assert.equal(await blob.size(key), 10_000);
      await environment.close();
    }
  }));
