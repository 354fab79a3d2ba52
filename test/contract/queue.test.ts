import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EmbeddedQueue } from '../../src/adapters/embedded/queue.js';
import { type Queue, QueueFullError } from '../../src/kernel/ports/queue.js';
import { embeddedScope } from './embeddedscope.js';

export interface QueueImplementation {
  readonly name: string;
  /** The queue holds at most 100 messages and 1 MiB. */
  scope<T>(body: (use: <R>(action: (queue: Queue<unknown>) => Promise<R>) => Promise<R>) => Promise<T>): Promise<T>;
}

const payload = (text: string): Buffer => Buffer.from(text);

export function queueSuite({ name, scope }: QueueImplementation): void {
  describe(`Queue: ${name}`, () => {
    const one = (body: (queue: Queue<unknown>) => Promise<void>) => async () =>
      await scope(async (use) => await use(body));

    it(
      'delivers in order, leases, and forgets what is acknowledged',
      one(async (queue) => {
        assert.equal(await queue.nextDueMs(), null);
        const first = await queue.publish({ body: { n: 1 }, payload: payload('one'), nowMs: 10 });
        await queue.publish({ body: { n: 2 }, payload: payload(''), nowMs: 10 });
        assert.equal(await queue.depth(), 2);
        assert.equal(await queue.nextDueMs(), 10);
        assert.deepEqual(await queue.pull({ count: 5, nowMs: 9, leaseMs: 100 }), []);
        const [a, b] = await queue.pull({ count: 5, nowMs: 10, leaseMs: 100 });
        assert.equal(a!.id, first);
        assert.deepEqual([a!.body, b!.body], [{ n: 1 }, { n: 2 }]);
        assert.equal(Buffer.from(a!.payload).toString(), 'one');
        assert.equal(b!.payload.byteLength, 0);
        assert.deepEqual([a!.deliveries, a!.publishedMs], [1, 10]);
        assert.deepEqual(await queue.pull({ count: 5, nowMs: 109, leaseMs: 100 }), []);
        await queue.ack(a!.id);
        assert.equal(await queue.depth(), 1);
        const again = await queue.pull({ count: 5, nowMs: 110, leaseMs: 100 });
        assert.deepEqual(
          again.map((delivery) => [delivery.id, delivery.deliveries]),
          [[b!.id, 2]],
        );
        await queue.ack(b!.id);
        await queue.ack(b!.id);
        assert.equal(await queue.nextDueMs(), null);
      }),
    );

    it(
      'gives back with delay and a new body, and extends leases',
      one(async (queue) => {
        const id = await queue.publish({ body: 'a', payload: payload('p'), nowMs: 0 });
        await queue.pull({ count: 1, nowMs: 0, leaseMs: 10 });
        await queue.extend(id, 50);
        assert.deepEqual(await queue.pull({ count: 1, nowMs: 49, leaseMs: 10 }), []);
        await queue.nak(id, 200, 'b');
        assert.equal(await queue.nextDueMs(), 200);
        assert.deepEqual(await queue.pull({ count: 1, nowMs: 199, leaseMs: 10 }), []);
        const [again] = await queue.pull({ count: 1, nowMs: 200, leaseMs: 10 });
        assert.deepEqual([again!.body, Buffer.from(again!.payload).toString(), again!.deliveries], ['b', 'p', 2]);
        await queue.nak(id, 300);
        assert.equal((await queue.pull({ count: 1, nowMs: 300, leaseMs: 10 }))[0]!.body, 'b');
      }),
    );

    it(
      'replaces the body of a message in flight, which stays in flight',
      one(async (queue) => {
        const id = await queue.publish({ body: 'a', payload: payload('p'), nowMs: 5 });
        await queue.pull({ count: 1, nowMs: 5, leaseMs: 10 });
        await queue.update(id, 'b');
        assert.deepEqual(await queue.pull({ count: 1, nowMs: 14, leaseMs: 10 }), []);
        const [again] = await queue.pull({ count: 1, nowMs: 15, leaseMs: 10 });
        assert.deepEqual([again!.body, Buffer.from(again!.payload).toString(), again!.deliveries], ['b', 'p', 2]);
        await queue.ack(id);
        await queue.update(id, 'c');
        assert.equal(await queue.depth(), 0);
      }),
    );

    it(
      'takes no body that grows beyond its bound; a note of what became of a message always',
      one(async (queue) => {
        const id = await queue.publish({ body: 'a', payload: Buffer.alloc(1000 * 1024), nowMs: 0 });
        await queue.pull({ count: 1, nowMs: 0, leaseMs: 10 });
        const large = 'x'.repeat(100 * 1024);
        await assert.rejects(queue.update(id, large), QueueFullError);
        await assert.rejects(queue.nak(id, 5, large), QueueFullError);
        const note = 'x'.repeat(4_000);
        for (const body of [note, 'b', note]) await queue.update(id, body);
        const [again] = await queue.pull({ count: 1, nowMs: 10, leaseMs: 10 });
        assert.equal(again?.body, note);
        // Bytes are counted as they are: room is there again afterwards.
        await queue.ack(id);
        await queue.publish({ body: 'a', payload: Buffer.alloc(1000 * 1024), nowMs: 0 });
      }),
    );

    it('delivers a replaced body after a restart, at once', async () =>
      await scope(async (use) => {
        await use(async (queue) => {
          const id = await queue.publish({ body: 'a', payload: payload('p'), nowMs: 5 });
          await queue.pull({ count: 1, nowMs: 5, leaseMs: 1_000_000 });
          await queue.update(id, 'b');
        });
        await use(async (queue) => {
          assert.deepEqual(
            (await queue.pull({ count: 1, nowMs: 5, leaseMs: 10 })).map(({ body }) => body),
            ['b'],
          );
        });
      }));

    it(
      'refuses beyond its bound of messages, and takes more after an acknowledgement',
      one(async (queue) => {
        const outcomes = await Promise.allSettled(
          Array.from({ length: 120 }, async () => await queue.publish({ body: 1, payload: payload('x'), nowMs: 0 })),
        );
        const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
        assert.equal(refused.length, 20);
        assert.ok(refused.every((outcome) => outcome.reason instanceof QueueFullError));
        assert.equal(await queue.depth(), 100);
        const [delivery] = await queue.pull({ count: 1, nowMs: 0, leaseMs: 1 });
        await queue.ack(delivery!.id);
        await queue.publish({ body: 1, payload: payload('x'), nowMs: 0 });
      }),
    );

    it(
      'refuses beyond its bound of bytes',
      one(async (queue) => {
        const large = Buffer.alloc(600 * 1024, 7);
        await queue.publish({ body: 1, payload: large, nowMs: 0 });
        await assert.rejects(queue.publish({ body: 1, payload: large, nowMs: 0 }), QueueFullError);
        const [delivery] = await queue.pull({ count: 1, nowMs: 0, leaseMs: 1 });
        assert.deepEqual(Buffer.from(delivery!.payload), large);
        assert.equal(await queue.depth(), 1);
      }),
    );

    it('delivers everything in flight again after a restart', async () =>
      await scope(async (use) => {
        const [kept, given] = await use(async (queue) => {
          const ids = [];
          for (const n of [1, 2, 3]) ids.push(await queue.publish({ body: n, payload: payload('x'), nowMs: 5 }));
          await queue.pull({ count: 3, nowMs: 5, leaseMs: 1_000_000 });
          await queue.ack(ids[0]!);
          await queue.nak(ids[2]!, 50, 33);
          return [ids[1]!, ids[2]!];
        });
        await use(async (queue) => {
          assert.equal(await queue.depth(), 2);
          const now = await queue.pull({ count: 9, nowMs: 5, leaseMs: 10 });
          assert.deepEqual(
            now.map((delivery) => delivery.id),
            [kept],
          );
          const later = await queue.pull({ count: 1, nowMs: 50, leaseMs: 10 });
          assert.equal(later.length, 1);
          const ids = [later[0]!.id, ...(await queue.pull({ count: 1, nowMs: 50, leaseMs: 10 })).map((d) => d.id)];
          assert.ok(ids.includes(given!));
          const fresh = await queue.publish({ body: 4, payload: payload('x'), nowMs: 60 });
          assert.ok(![kept, given].includes(fresh));
        });
      }));

    it('behaves as a list of messages with due times (property)', async () => {
      const command = fc.oneof(
        fc.record({ kind: fc.constant('publish' as const) }),
        fc.record({
          kind: fc.constant('pull' as const),
          count: fc.integer({ min: 1, max: 3 }),
          leaseMs: fc.integer({ min: 1, max: 5 }),
        }),
        fc.record({ kind: fc.constant('ack' as const), pick: fc.nat(20) }),
        fc.record({ kind: fc.constant('nak' as const), pick: fc.nat(20), delayMs: fc.nat(6) }),
        fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4 }) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
          await scope(
            async (use) =>
              await use(async (queue) => {
                const model: { id: string; dueMs: number; deliveries: number }[] = [];
                let nowMs = 0;
                for (const step of commands) {
                  const picked = 'pick' in step ? model[step.pick % Math.max(1, model.length)] : undefined;
                  if (step.kind === 'publish') {
                    const id = await queue.publish({ body: null, payload: payload('p'), nowMs });
                    model.push({ id, dueMs: nowMs, deliveries: 0 });
                  } else if (step.kind === 'pull') {
                    const due = model
                      .filter((message) => message.dueMs <= nowMs)
                      .sort((a, b) => a.dueMs - b.dueMs || Number(a.id) - Number(b.id))
                      .slice(0, step.count);
                    for (const message of due) message.deliveries++;
                    const got = await queue.pull({ count: step.count, nowMs, leaseMs: step.leaseMs });
                    assert.deepEqual(
                      got.map((delivery) => [delivery.id, delivery.deliveries]),
                      due.map((message) => [message.id, message.deliveries]),
                    );
                    for (const message of due) message.dueMs = nowMs + step.leaseMs;
                  } else if (step.kind === 'wait') nowMs += step.ms;
                  else if (picked !== undefined && step.kind === 'ack') {
                    await queue.ack(picked.id);
                    model.splice(model.indexOf(picked), 1);
                  } else if (picked !== undefined && step.kind === 'nak') {
                    await queue.nak(picked.id, nowMs + step.delayMs);
                    picked.dueMs = nowMs + step.delayMs;
                  }
                  assert.equal(await queue.depth(), model.length);
                  const dues = model.map((message) => message.dueMs);
                  assert.equal(await queue.nextDueMs(), dues.length === 0 ? null : Math.min(...dues));
                }
              }),
          );
        }),
        { numRuns: 30 },
      );
    });
  });
}

queueSuite({
  name: 'embedded',
  scope: embeddedScope(
    (environment) => new EmbeddedQueue(environment, 'test', { messagesMax: 100, bytesMax: 1024 * 1024 }),
  ),
});
