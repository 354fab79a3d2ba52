import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../kernel/ports/clock.js';
import type { Destination } from '../kernel/ports/destinations.js';
import { destinationMessage as message } from '../kernel/ports/testmessage.js';
import { Destinations, deliveryMsMax } from './destinations.js';

/** Time passes when it is told to. */
class StoppedClock implements Clock {
  readonly waits = new Map<() => void, number>();
  nowMs = () => 0;
  monotonicMs = () => 0;
  after(delayMs: number, action: () => void): () => void {
    this.waits.set(action, delayMs);
    return () => this.waits.delete(action);
  }
}

const functions = (deliver: Destination['deliver']): Destination => ({
  accepts: (arn) => arn.includes(':lambda:'),
  deliver,
});
const arn = 'arn:aws:lambda:us-east-1:123456789012:function:g';

test('a destination that does not answer is given up', async () => {
  const clock = new StoppedClock();
  const destinations = new Destinations(
    {},
    functions(() => new Promise(() => {})),
    '/nowhere',
    clock,
  );
  const end = destinations.deliver(message(arn));
  const [[action, delayMs] = []] = clock.waits;
  assert.equal(delayMs, deliveryMsMax);
  action!();
  assert.deepEqual(await end, { kind: 'failed', again: true, reason: 'it did not answer in time' });
});

test('one that answers costs no timer, one that breaks no exception', async () => {
  const clock = new StoppedClock();
  const good = new Destinations(
    {},
    functions(async () => ({ kind: 'delivered' })),
    '/nowhere',
    clock,
  );
  assert.deepEqual(await good.deliver(message(arn)), { kind: 'delivered' });
  assert.equal(clock.waits.size, 0);
  const bad = new Destinations(
    {},
    functions(async () => {
      throw new Error('broken');
    }),
    '/nowhere',
    clock,
  );
  assert.deepEqual(await bad.deliver(message(arn)), { kind: 'failed', again: true, reason: 'broken' });
});

test('what this installation cannot tell says what it would need', async () => {
  const destinations = new Destinations(
    {},
    functions(async () => ({ kind: 'delivered' })),
    '/nowhere',
    new StoppedClock(),
  );
  for (const [target, reason] of [
    ['arn:aws:sqs:us-east-1:123456789012:q', /start it with --sqs-endpoint URL$/],
    ['arn:aws:sns:us-east-1:123456789012:t', /start it with --sns-endpoint URL$/],
    ['arn:aws:events:us-east-1:123456789012:event-bus/default', /^destinations of the kind events cannot be told/],
    ['arn:aws:s3:::bucket', /^destinations of the kind s3/],
    ['arn:aws:hearth:us-east-1:123456789012:http/http://127.0.0.1:1/', /not below any --destination-url$/],
    ['arn:aws:hearth:us-east-1:123456789012:carrier-pigeon/home', /^destinations of the kind hearth/],
  ] as const) {
    const end = await destinations.deliver(message(target));
    assert.ok(end.kind === 'failed' && !end.again && reason.test(end.reason), target);
  }
});
