import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DestinationMessage } from '../kernel/ports/destinations.js';
import { type Delivery, type Queue, QueueFullError } from '../kernel/ports/queue.js';
import { AsyncMachine } from './machine.js';
import type { AsyncEvent, AsyncPolicy, AttemptEnd } from './messages.js';
import { AsyncCounts } from './observer.js';
import { type AsyncPorts, AsyncService } from './service.js';
import { testEvent } from './testevent.js';

const event = testEvent;
const policy: AsyncPolicy = {
  retriesMax: 0,
  eventAgeMsMax: 60_000,
  onSuccessArn: 'yes',
  onFailureArn: 'no',
  deadLetterArn: null,
  zeroReserved: false,
};
const success: AttemptEnd = { outcome: 'success', executedVersion: '1', response: '"large"' };

/** A queue of one message, which notes what it is told. */
class OneQueue implements Queue<AsyncEvent> {
  readonly told: string[] = [];
  message: Delivery<AsyncEvent> | null = null;
  /** Bodies of conclusions with a response do not fit. */
  full = false;
  #leased = false;

  async publish({ body, payload }: { body: AsyncEvent; payload: Uint8Array }): Promise<string> {
    this.message = { id: '1', body, payload, deliveries: 1, publishedMs: 0 };
    this.#leased = false;
    return '1';
  }
  async pull(): Promise<readonly Delivery<AsyncEvent>[]> {
    if (this.message === null || this.#leased) return [];
    this.#leased = true;
    return [this.message];
  }
  async extend(): Promise<void> {}
  async update(_id: string, body: AsyncEvent): Promise<void> {
    const end = body.conclusion?.end;
    const response = end != null && 'response' in end ? end.response : null;
    this.told.push(`update ${body.conclusion?.condition} ${response}`);
    if (this.full && response !== null) throw new QueueFullError('full');
    if (this.message !== null) this.message = { ...this.message, body };
  }
  async ack(): Promise<void> {
    this.told.push('ack');
    this.message = null;
  }
  async nak(_id: string, _dueMs: number, body: AsyncEvent): Promise<void> {
    this.told.push(`nak ${body.attempts}`);
  }
  async depth(): Promise<number> {
    return this.message === null ? 0 : 1;
  }
  async nextDueMs(): Promise<number | null> {
    return null;
  }
  async close(): Promise<void> {
    this.told.push('close');
  }
}

function open(more: Partial<AsyncPorts> = {}) {
  const queue = new OneQueue();
  const messages: DestinationMessage[] = [];
  const problems: string[] = [];
  const counts = new AsyncCounts();
  let fire: (() => void)[] = [];
  const service = new AsyncService(new AsyncMachine(), {
    queue,
    attempt: async () => success,
    policyOf: () => policy,
    deliver: async (message) => {
      messages.push(message);
      return { kind: 'delivered' };
    },
    clock: {
      nowMs: () => 1_000,
      monotonicMs: () => 0,
      after: (_ms, action) => {
        fire.push(action);
        return () => {
          fire = fire.filter((one) => one !== action);
        };
      },
    },
    observer: counts,
    onProblem: (error) => problems.push(error.message),
    ...more,
  });
  const elapse = () => {
    for (const action of fire) action();
  };
  const settle = async () => {
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { service, queue, messages, problems, counts, settle, elapse };
}

test('a conclusion is stored, then told, then the event is gone', async () => {
  const { service, queue, messages, counts, settle } = open();
  assert.ok((await service.publish(event, Buffer.from('{"a":1}'))).ok);
  await settle();
  assert.deepEqual(queue.told, ['update Success "large"', 'ack']);
  assert.equal(messages[0]?.arn, 'yes');
  assert.equal(JSON.parse(messages[0]!.body).responsePayload, 'large');
  assert.deepEqual(JSON.parse(messages[0]!.body).requestPayload, { a: 1 });
  assert.deepEqual(counts.counts, { received: 1, dropped: 0, undelivered: 0, recursions: 0, ageMsMax: 1_000 });
});

test('a full queue takes a conclusion without its response; who is told at once hears it all the same', async () => {
  const { service, queue, messages, settle } = open();
  queue.full = true;
  await service.publish(event, Buffer.from('{}'));
  await settle();
  assert.deepEqual(queue.told, ['update Success "large"', 'update Success null', 'ack']);
  assert.equal(JSON.parse(messages[0]!.body).responsePayload, 'large');
});

test('what nobody could be told is counted, and reported without a flood', async () => {
  const { service, problems, counts, settle } = open({
    attempt: async () => ({ outcome: 'recursion', status: 400, message: 'loop' }),
    deliver: async () => ({ kind: 'failed', again: false, reason: 'nobody there' }),
  });
  for (let round = 0; round < 2; round += 1) {
    await service.publish(event, Buffer.from('{}'));
    await settle();
  }
  assert.deepEqual(problems, ["the record of f's event r is lost: no: nobody there"]);
  const { dropped, undelivered, recursions } = counts.counts;
  assert.deepEqual([dropped, undelivered, recursions], [2, 2, 2]);
});

test('the end waits for what is under way, but not for ever', async () => {
  let end: (ended: AttemptEnd) => void = () => {};
  const slow = open({ attempt: () => new Promise((resolve) => (end = resolve)) });
  await slow.service.publish(event, Buffer.from('{}'));
  await slow.settle();
  const closing = slow.service.close(10_000);
  end(success);
  await closing;
  assert.deepEqual(slow.queue.told, ['update Success "large"', 'ack', 'close']);

  const stuck = open({ attempt: () => new Promise(() => {}) });
  await stuck.service.publish(event, Buffer.from('{}'));
  await stuck.settle();
  const late = stuck.service.close(10_000);
  stuck.elapse();
  await late;
  assert.deepEqual(stuck.queue.told, ['close']);
  assert.equal(await stuck.queue.depth(), 1);
});

test('nothing more is taken from the queue once it ends', async () => {
  const { service, queue, settle } = open();
  const closing = service.close(10_000);
  await service.publish(event, Buffer.from('{}'));
  await closing;
  await settle();
  assert.equal(await queue.depth(), 1);
});
