import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LmdbEnvironment } from './environment.js';
import { EmbeddedQueue } from './queue.js';

const kib = 1024;

describe('the embedded queue', { timeout: 60_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-queue-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function opened<R>(use: (queue: EmbeddedQueue, environment: LmdbEnvironment) => Promise<R>): Promise<R> {
    const environment = new LmdbEnvironment(folder);
    const queue = new EmbeddedQueue(environment, 'q');
    try {
      return await use(queue, environment);
    } finally {
      await queue.close();
      await environment.close();
    }
  }

  const everything = { count: 1_000, nowMs: 100, leaseMs: 10 };

  for (const bytes of [0, 1, kib, kib + 1, 100 * kib]) {
    it(`keeps a payload of ${bytes} bytes, line feeds and all, over changes of the body and restarts`, async () => {
      const payload = Buffer.alloc(bytes, 'a\n\0');
      await opened(async (queue) => {
        const id = await queue.publish({ body: { text: 'a\nb' }, payload, nowMs: 5 });
        const [first] = await queue.pull(everything);
        assert.deepEqual([first!.body, first!.publishedMs], [{ text: 'a\nb' }, 5]);
        assert.deepEqual(Buffer.from(first!.payload), payload);
        await queue.update(id, { text: 'c\nd' });
        await queue.nak(id, 50);
        const [again] = await queue.pull(everything);
        assert.deepEqual([again!.body, Buffer.from(again!.payload)], [{ text: 'c\nd' }, payload]);
      });
      await opened(async (queue) => {
        const [last] = await queue.pull(everything);
        assert.deepEqual([last!.body, Buffer.from(last!.payload)], [{ text: 'c\nd' }, payload]);
        await queue.ack(last!.id);
      });
      await opened(async (queue) => assert.equal(await queue.depth(), 0));
    });
  }

  it('never gives an id twice, whatever went before a restart', async () => {
    const ids = new Set<string>();
    for (let run = 0; run < 3; run += 1) {
      await opened(async (queue) => {
        for (let n = 0; n < 3; n += 1) {
          const id = await queue.publish({ body: n, payload: Buffer.alloc(1), nowMs: 0 });
          assert.ok(!ids.has(id), `${id} was given before`);
          ids.add(id);
          await queue.pull(everything);
          await queue.ack(id);
        }
      });
    }
  });

  it('reads messages whose payloads all have a database of their own', async () => {
    const head = { publishedMs: 3, dueMs: 7, deliveries: 1, bytes: 9, body: { n: 1 } };
    await opened(async (_, environment) => {
      await environment.transaction(() => {
        environment.texts<number>('queue.q').put(0, '41');
        environment.texts<number>('queue.q').put(41, JSON.stringify(head));
        environment.bytes<number>('queue.q.payloads').put(41, Buffer.from('{}'));
      });
    });
    await opened(async (queue) => {
      const [{ id, body, payload, deliveries }] = (await queue.pull(everything)) as [never];
      assert.deepEqual([id, body, Buffer.from(payload).toString(), deliveries], ['41', { n: 1 }, '{}', 2]);
      assert.equal(await queue.publish({ body: 1, payload: Buffer.alloc(0), nowMs: 0 }), '42');
      await queue.ack(id);
    });
    await opened(async (queue, environment) => {
      assert.equal(await queue.depth(), 1);
      assert.equal(environment.bytes<number>('queue.q.payloads').getCount(), 0);
    });
  });

  it('what it was told and not yet asked about is on disk when it is closed', async () => {
    let acked: Promise<unknown> = Promise.resolve();
    await opened(async (queue) => {
      const published = Array.from({ length: 200 }, (_, n) =>
        queue.publish({ body: n, payload: Buffer.alloc(n * 10), nowMs: 0 }),
      );
      const ids = await Promise.all(published);
      await queue.pull(everything);
      acked = Promise.all(ids.slice(0, 150).map((id) => queue.ack(id)));
    });
    await acked;
    await opened(async (queue) => {
      const left = await queue.pull(everything);
      assert.deepEqual(
        left.map(({ body }) => body),
        Array.from({ length: 50 }, (_, n) => 150 + n),
      );
    });
  });

  it('a disk that takes no more fails what is published, and nothing else; it works again afterwards', async () => {
    const writer = new URL('./queue.writer.js', import.meta.url).pathname;
    // A file may become 1 MiB large; the shell ignores the signal that says it wants to be larger.
    const script = `trap '' XFSZ; ulimit -f 1024; exec "$0" "$@"`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, writer, folder], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 0, stderr);
    const { ids, failure } = JSON.parse(stdout) as { readonly ids: readonly string[]; readonly failure: string };
    assert.match(failure, /file too large|input\/output error/i);
    assert.ok(ids.length > 0);
    await opened(async (queue) => {
      assert.deepEqual(
        (await queue.pull(everything)).map(({ id }) => id),
        ids,
      );
      const id = await queue.publish({ body: 0, payload: Buffer.alloc(kib * kib), nowMs: 0 });
      assert.ok(!ids.includes(id));
    });
  });
});
