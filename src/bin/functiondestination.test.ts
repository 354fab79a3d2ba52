import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AsyncEvent } from '../async/messages.js';
import { withLineage } from '../frontend/lineage.js';
import type { FunctionResolver } from '../frontend/ports.js';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import type { DestinationMessage } from '../kernel/ports/destinations.js';
import { fail, ok } from '../kernel/result.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import { FunctionDestination } from './functiondestination.js';

const source = 'arn:aws:lambda:us-east-1:123456789012:function:source';
const target = 'arn:aws:lambda:us-east-1:123456789012:function:target';
const trace = withLineage('Root=1-2-3', null, { functionArn: source });

const message = (arn: string, body = '{"a":1}'): DestinationMessage => ({
  arn,
  body,
  attributes: {},
  traceHeader: trace,
  origin: { functionArn: source, functionName: 'source', requestId: 'r', atMs: 0 },
});

function open(failure: ApiFailure | null = null, accepts = true) {
  const asked: (string | null | undefined)[][] = [];
  const events: { event: AsyncEvent; payload: string }[] = [];
  const resolver: FunctionResolver = {
    resolve: (account, region, name, qualifier, callerArn) => {
      asked.push([account, region, name, qualifier, callerArn]);
      if (failure !== null && name !== 'source') return fail(failure);
      const [, , , , owner = '', , plain = '', alias] = name.includes(':')
        ? name.split(':')
        : [...source.split(':').slice(0, 6), name];
      const functionArn = `arn:aws:lambda:${region}:${owner}:function:${plain}`;
      const spec = { account: owner, region, functionName: plain, functionArn } as unknown as FunctionSpec;
      const invokedFunctionArn = alias === undefined ? functionArn : `${functionArn}:${alias}`;
      return ok({ spec, invokedFunctionArn, executedVersion: '1' });
    },
  };
  const destination = new FunctionDestination({
    resolver,
    roleOf: () => 'arn:aws:iam::123456789012:role/source',
    intake: {
      publish: async (event, payload) => {
        events.push({ event, payload: payload.toString() });
        return accepts ? ok(undefined) : fail(apiFailure('ServiceException', 'full'));
      },
    },
    clock: { nowMs: () => 77, monotonicMs: () => 0, after: () => () => {} },
    random: { uuid: () => '11111111-2222-4333-8444-555555555555', fraction: () => 0, hex: () => '' },
  });
  return { destination, asked, events };
}

test('the record becomes an event of the other function, in the same chain of requests', async () => {
  const { destination, asked, events } = open();
  assert.ok(destination.accepts(target));
  assert.deepEqual(await destination.deliver(message(`${target}:live`)), { kind: 'delivered' });
  assert.deepEqual(asked, [['123456789012', 'us-east-1', `${target}:live`, null, undefined]]);
  const { event, payload } = events[0]!;
  assert.equal(payload, '{"a":1}');
  assert.deepEqual([event.functionName, event.qualifier, event.acceptedMs, event.attempts], ['target', 'live', 77, 0]);
  assert.equal(event.traceHeader, withLineage(trace, trace, { functionArn: target }));
  assert.equal('traced' in event, false);
  await destination.deliver({ ...message(target), traced: false });
  assert.equal(events[1]?.event.traced, false, 'what was decided of the chain stays');
});

test('a function of another account is asked for as the role of this one', async () => {
  const { destination, asked } = open();
  await destination.deliver(message('arn:aws:lambda:us-east-1:210987654321:function:theirs'));
  assert.equal(asked.at(-1)?.[4], 'arn:aws:iam::123456789012:role/source');
});

test('what another try may change, and what not', async () => {
  const cases: [ApiFailure, boolean][] = [
    [apiFailure('ResourceNotFoundException', 'x'), false],
    [apiFailure('AccessDeniedException', 'x'), false],
    [apiFailure('ResourceConflictException', 'x'), true],
  ];
  for (const [failure, again] of cases) {
    const end = await open(failure).destination.deliver(message(target));
    assert.deepEqual(end, { kind: 'failed', again, reason: `${failure.code}: x` });
  }
  assert.deepEqual(await open(null, false).destination.deliver(message(target)), {
    kind: 'failed',
    again: true,
    reason: 'full',
  });
  const large = await open().destination.deliver(message(target, 'x'.repeat(limits.asyncPayloadBytesMax + 1)));
  assert.ok(large.kind === 'failed' && !large.again && /too large/.test(large.reason));
});
