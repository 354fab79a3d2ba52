import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import { eventually } from '../../test/system/hearth.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import { RealRandom } from '../adapters/embedded/random.js';
import { EventSourceMappings } from '../config/mappings/mappings.js';
import { value } from '../config/testservice.js';
import { fakeResolved } from '../frontend/fakedoor.js';
import { withLineage } from '../frontend/lineage.js';
import type { Tracing } from '../frontend/ports.js';
import { apiFailure } from '../kernel/errors.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { fail, ok } from '../kernel/result.js';
import { Tracer } from '../observe/tracing/tracer.js';
import type { Caller } from '../wire/caller.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import { QueueError, type QueueMessage, type QueueService } from './queue.js';
import { concurrencyMaxDefault, EventSourceService, QueueProbe } from './service.js';

const caller = { account: '111111111111', region: 'us-east-1', arn: 'arn' } as unknown as Caller;
const EventSourceArn = 'arn:aws:sqs:us-east-1:111111111111:q';

/** A queue in memory: hides what it gives, and forgets what is deleted. */
class FakeQueue implements QueueService {
  readonly waiting: QueueMessage[] = [];
  readonly hidden = new Map<string, QueueMessage>();
  receives = 0;
  broken = false;
  /** What is given instead of messages. */
  nonsense: unknown = null;
  #serial = 0;

  send(count: number, more: Partial<QueueMessage> = {}): void {
    for (let sent = 0; sent < count; sent += 1) {
      const id = String(this.#serial++);
      this.waiting.push({ MessageId: id, ReceiptHandle: id, Body: `body ${id}`, MD5OfBody: '', ...more });
    }
  }

  async receive(_: string, count: number): Promise<readonly QueueMessage[]> {
    this.receives += 1;
    if (this.nonsense !== null) return this.nonsense as never;
    if (this.broken) throw new QueueError('Broken', 'the queue is broken');
    // A long poll, but a short one.
    if (this.waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const given = this.waiting.splice(0, count);
    for (const message of given) this.hidden.set(message.ReceiptHandle, message);
    return given;
  }

  async delete(_: string, handles: readonly string[]): Promise<void> {
    for (const handle of handles) assert.ok(this.hidden.delete(handle), 'deleted twice');
  }

  async release(_: string, handles: readonly string[]): Promise<void> {
    for (const handle of handles) {
      this.waiting.push(this.hidden.get(handle)!);
      this.hidden.delete(handle);
    }
  }

  async visibilitySeconds(): Promise<number> {
    return 30;
  }
}

/** Far above what anything takes. */
const closeMs = 60_000;

interface World {
  readonly queue: FakeQueue;
  readonly mappings: EventSourceMappings;
  readonly service: EventSourceService;
  readonly invocations: { readonly invocation: Invocation; readonly done: (outcome: InvocationOutcome) => void }[];
  /** Whether the function is there. */
  isThere: boolean;
  /** Errors that were reported. */
  readonly problems: () => number;
}

async function within(body: (world: World) => Promise<void>, tracing: Tracing | null = null): Promise<void> {
  await withFolder(async (folder) => {
    const environment = new LmdbEnvironment(join(folder, 'lmdb'));
    const [clock, random, queue] = [new RealClock(), new RealRandom(), new FakeQueue()];
    const invocations: World['invocations'] = [];
    let problems = 0;
    const resolver = {
      resolve: (account: AccountId, region: Region, name: string, qualifier: string | null) =>
        world.isThere
          ? ok(fakeResolved(account, region, name, qualifier))
          : fail(apiFailure('ResourceNotFoundException', 'Function not found: f')),
    };
    const mappings = await EventSourceMappings.open({
      kv: new EmbeddedKv(environment, 'eventsources'),
      clock,
      random,
      functions: { getFunctionConfiguration: async () => ok({ Timeout: 3 }) },
      probe: new QueueProbe(queue),
    });
    const service = new EventSourceService({
      mappings,
      queues: queue,
      resolver,
      dispatcher: { invoke: (invocation, done) => void invocations.push({ invocation, done }) },
      clock,
      random,
      tracing,
      onProblem: (error) => {
        assert.ok(queue.nonsense !== null, String(error));
        problems += 1;
      },
    });
    const world: World = { queue, mappings, service, invocations, isThere: true, problems: () => problems };
    try {
      service.start();
      await body(world);
    } finally {
      for (const { done } of invocations.splice(0)) done(success);
      await service.close(closeMs);
      await mappings.close();
      await environment.close();
    }
  });
}

const success: InvocationOutcome = { kind: 'success', payload: Buffer.from('null'), logTail: null };
const create = (world: World, more: object = {}) =>
  world.mappings.createEventSourceMapping(caller, { FunctionName: 'f', EventSourceArn, ...more });
const recordsOf = ({ payload }: Invocation): { messageId: string }[] => JSON.parse(String(payload)).Records;

test('a mapping without a ScalingConfig invokes at most 100 times at once, one with it as often as it says', async () => {
  for (const [more, most] of [
    [{}, concurrencyMaxDefault],
    [{ ScalingConfig: { MaximumConcurrency: 2 } }, 2],
  ] as const) {
    await within(async (world) => {
      const { queue, invocations } = world;
      queue.send(most + 10);
      value(await create(world, { BatchSize: 1, ...more }));
      await eventually(async () => invocations.length === most, 'as many invocations as may be');
      // Whatever was going to come has come once the poller has been heard of again.
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(invocations.length, most);
      assert.equal(queue.hidden.size, most);
      invocations.shift()!.done(success);
      await eventually(async () => invocations.length === most, 'another one in its place');
      assert.equal(queue.hidden.size, most);
    });
  }
});

test('a function that is not there costs no message a delivery; once it is there, it gets them', async () => {
  await within(async (world) => {
    world.isThere = false;
    world.queue.send(3);
    const { UUID } = value(await create(world));
    const result = async () =>
      value(await world.mappings.getEventSourceMapping(caller, { UUID: UUID! })).LastProcessingResult;
    await eventually(async () => (await result()) === 'PROBLEM: Function not found: f', 'the problem to be told');
    assert.equal(world.queue.receives, 0);
    world.isThere = true;
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    const [{ invocation, done }] = world.invocations.splice(0) as [World['invocations'][0]];
    assert.deepEqual(
      recordsOf(invocation).map(({ messageId }) => messageId),
      ['0', '1', '2'],
    );
    done(success);
    await eventually(async () => world.queue.hidden.size === 0, 'the messages to be deleted');
  });
});

test('a batch is in the chain of its messages; one that comes from a loop is not invoked with', async () => {
  await within(async (world) => {
    const { queue, invocations } = world;
    const { spec } = fakeResolved('111111111111' as AccountId, 'us-east-1' as Region, 'f', null);
    let header = 'Root=1-2-3';
    for (let count = 0; count < 15; count += 1) header = withLineage(header, header, spec);
    const trace = (AWSTraceHeader: string) => ({ Attributes: { AWSTraceHeader } });
    queue.send(2, trace(header));
    const { UUID } = value(await create(world));
    await eventually(async () => invocations.length > 0, 'the sixteenth invocation');
    assert.match(invocations[0]!.invocation.traceHeader, /;Lineage=[0-9a-f]{8}:16$/);
    for (const { done } of invocations.splice(0)) done(success);
    await eventually(async () => queue.hidden.size === 0 && queue.waiting.length === 0, 'the messages to be deleted');
    queue.send(1, trace(withLineage(header, header, spec)));
    const result = async () =>
      value(await world.mappings.getEventSourceMapping(caller, { UUID: UUID! })).LastProcessingResult;
    await eventually(async () => (await result())?.startsWith('PROBLEM') === true, 'the failure to be told');
    assert.equal(invocations.length, 0);
    // It is the queue's to give it again, or to its dead letters.
    assert.equal(queue.hidden.size, 1);
  });
});

test('a batch whose trace is recorded is linked to those of its messages', async () => {
  const nobody = { add: () => {} };
  const tracer = new Tracer(nobody, { records: () => true }, new RealRandom(), new RealClock());
  await within(async (world) => {
    const AWSTraceHeader = 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Parent=0102030405060708;Sampled=1';
    world.queue.send(1, { Attributes: { AWSTraceHeader } });
    value(await create(world));
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    const { trace, traceHeader } = world.invocations[0]!.invocation;
    assert.deepEqual(trace?.links, [{ traceId: '5e1b41515ac6c58f0a1d2c3b4e5f6071', spanId: '0102030405060708' }]);
    assert.ok(traceHeader.includes(`;Parent=${trace.invokeSpanId};`), traceHeader);
  }, tracer);
});

test('a queue that fails is told of in the mapping, and tried again', async () => {
  await within(async (world) => {
    world.queue.broken = true;
    const { UUID } = value(await create(world));
    const result = async () =>
      value(await world.mappings.getEventSourceMapping(caller, { UUID: UUID! })).LastProcessingResult;
    await eventually(async () => (await result()) === 'PROBLEM: Broken: the queue is broken', 'the problem to be told');
    world.queue.broken = false;
    world.queue.send(1);
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    assert.equal(await result(), 'OK');
  });
});

test('a queue that answers nonsense is reported, and asked again', async () => {
  await within(async (world) => {
    world.queue.nonsense = { no: 'list' };
    value(await create(world));
    await eventually(async () => world.problems() > 0, 'the report');
    world.queue.send(1);
    world.queue.nonsense = null;
    await eventually(async () => world.invocations.length === 1, 'an invocation');
  });
});

test('closing waits for invocations under way, and deletes what they succeeded with', async () => {
  await within(async (world) => {
    world.queue.send(1);
    value(await create(world));
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    let isClosed = false;
    const closed = world.service.close(closeMs).then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isClosed, false);
    world.invocations.splice(0)[0]!.done(success);
    await closed;
    assert.equal(world.queue.hidden.size, 0);
  });
});

test('closing does not wait for ever; what is not done is left to the queue', async () => {
  await within(async (world) => {
    world.queue.send(1);
    value(await create(world));
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    await world.service.close(1);
    world.invocations.splice(0)[0]!.done(success);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(world.queue.hidden.size, 1);
  });
});

test('a disabled mapping receives nothing; deleted while an invocation runs, its messages are still deleted', async () => {
  await within(async (world) => {
    const UUID = value(await create(world)).UUID!;
    const state = async () => value(await world.mappings.getEventSourceMapping(caller, { UUID })).State;
    await eventually(async () => (await state()) === 'Enabled', 'enabled');
    world.queue.send(1);
    await eventually(async () => world.invocations.length === 1, 'an invocation');
    value(await world.mappings.updateEventSourceMapping(caller, { UUID, Enabled: false }));
    await eventually(async () => (await state()) === 'Disabled', 'disabled');
    const { receives } = world.queue;
    value(await world.mappings.deleteEventSourceMapping(caller, { UUID }));
    await eventually(async () => world.mappings.find(UUID) === null, 'gone');
    assert.equal(world.queue.receives, receives);
    world.invocations.splice(0)[0]!.done(success);
    await eventually(async () => world.queue.hidden.size === 0, 'the message to be deleted');
  });
});
