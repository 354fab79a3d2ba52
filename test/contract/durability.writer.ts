/**
 * Child of `durability.test.ts`: writes to every embedded port as fast as it can and prints a line for each promise
 * that resolved, until it is killed. Its parent's death ends it (stdin closes).
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import { LmdbEnvironment } from '../../src/adapters/embedded/environment.js';
import { EmbeddedJournal } from '../../src/adapters/embedded/journal.js';
import { EmbeddedKv } from '../../src/adapters/embedded/kv.js';
import { EmbeddedQueue } from '../../src/adapters/embedded/queue.js';

const folder = process.argv[2]!;
const run = process.argv[3]!;
process.stdin.on('end', () => process.exit(0)).resume();

const environment = new LmdbEnvironment(join(folder, 'lmdb'));
const kv = new EmbeddedKv<number>(environment, 'kv');
const journal = new EmbeddedJournal<number>(environment, 'journal');
const queue = new EmbeddedQueue<string>(environment, 'queue');
const blob = new EmbeddedBlob(join(folder, 'blobs'));
const done = (line: string): void => {
  writeSync(1, `${line}\n`);
};

async function writeKv(): Promise<never> {
  for (let n = 0; ; n++) {
    const writes = [`kv/${run}/${n}`, `pair/${run}/${n}`].map(
      (key) => ({ kind: 'put', key, value: n, expected: 0 }) as const,
    );
    if (await kv.transact(writes)) done(`kv ${n}`);
  }
}

async function writeJournal(): Promise<never> {
  for (;;) {
    const next = await journal.next();
    if (await journal.append(next, [next, next + 1])) done(`journal ${next + 1}`);
  }
}

async function writeQueue(): Promise<never> {
  for (let n = 0; ; n++) {
    const id = await queue.publish({ body: `${run}/${n}`, payload: Buffer.alloc(3_000, n), nowMs: 0 });
    done(`queue ${id} ${n}`);
    if (n % 3 !== 0) continue;
    done(`acking ${id}`);
    await queue.ack(id);
    done(`acked ${id}`);
  }
}

async function writeBlob(): Promise<never> {
  for (let n = 0; ; n++) {
    await blob.put(`${run}/${n}`, Buffer.alloc(10_000, n));
    done(`blob ${n}`);
  }
}

done('ready');
await Promise.all([writeKv(), writeJournal(), writeQueue(), writeBlob()]);
