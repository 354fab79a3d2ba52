import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AcquireListener, AssignmentService, Grant, RefuseReason } from '../assignment/service.js';
import type { CountingInput } from '../counting/messages.js';
import { apiFailure } from '../kernel/errors.js';
import type { AccountId, Region, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { InvocationRecord } from '../observe/invocations/record.js';
import { starts, testRun } from '../observe/invocations/testrecord.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import type { InvocationTrace } from '../wire/invocationtrace.js';
import { InvocationDispatcher, type StartDiagnosis } from './dispatcher.js';
import { fakeResolved } from './fakedoor.js';

const arrivedMs = 1_000_000;
const grant: Grant = { sandboxId: 's' as SandboxId, workerId: 'w' as WorkerId, epoch: 1, warm: true };
const success: InvocationOutcome = { kind: 'success', payload: Buffer.from('1'), logTail: null };
const refused: InvocationOutcome = {
  kind: 'refused',
  failure: apiFailure('ServiceUnavailableException', 'The sandbox is busy.'),
};

function makeInvocation(trace?: InvocationTrace): Invocation {
  const account = '123456789012' as AccountId;
  const { spec, invokedFunctionArn } = fakeResolved(account, 'us-east-1' as Region, 'f', null);
  return {
    requestId: 'r' as RequestId,
    spec,
    invokedFunctionArn,
    payload: Buffer.from('{}'),
    clientContext: null,
    cognitoIdentity: null,
    traceHeader: '',
    tail: false,
    stream: null,
    arrivedMs,
    trace,
  };
}

/** A dispatcher between a counting that says yes (or no), and workers that answer one outcome after the other. */
function dispatch(
  world: {
    readonly outcomes?: InvocationOutcome[];
    readonly refuse?: RefuseReason;
    readonly throttle?: true;
    readonly start?: Grant['start'];
    readonly trace?: InvocationTrace;
  } = {},
) {
  const counted: string[] = [];
  const waits: number[] = [];
  const outcomes = [...(world.outcomes ?? [success])];
  const records: InvocationRecord[] = [];
  let began = 0;
  let asked = 0;
  let ended: InvocationOutcome | null = null;
  const dispatcher = new InvocationDispatcher(
    {
      step: (input: CountingInput) => {
        counted.push(input.kind);
        if (input.kind === 'release') return [];
        const { requestId } = input;
        return world.throttle
          ? [{ kind: 'throttled', requestId, reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' }]
          : [{ kind: 'admitted', requestId }];
      },
    },
    {
      acquire: (_id: RequestId, _spec: object, waitUntilMs: number, listener: AcquireListener) => {
        waits.push(waitUntilMs);
        if (world.refuse === undefined) listener.granted({ ...grant, ...(world.start && { start: world.start }) });
        else listener.refused(world.refuse, null);
      },
    } as unknown as AssignmentService,
    { invoke: (_grant, _invocation, onEnd) => onEnd(outcomes.shift() ?? success) },
    { committed: () => ({ reserved: 0, provisioned: 0 }), provisionedOf: () => 0 },
    { nowMs: () => arrivedMs + asked++, monotonicMs: () => 0, after: () => () => {} },
    null,
    {
      began: () => {
        began += 1;
      },
      ended: (record) => records.push(record),
    },
  );
  dispatcher.invoke(makeInvocation(world.trace), (outcome) => {
    assert.equal(ended, null, 'an invocation ends once');
    ended = outcome;
  });
  assert.ok(ended !== null);
  assert.equal(records.length, 1, 'each invocation is told of once');
  assert.equal(began, records[0]!.attempts > 0 ? 1 : 0);
  return { counted, waits, outcome: ended as InvocationOutcome, record: records[0]!, asked };
}

test('an invocation waits 30 seconds from its arrival for a sandbox, and is released whatever happens', () => {
  const { counted, waits, outcome } = dispatch();
  assert.equal(outcome, success);
  assert.deepEqual(waits, [arrivedMs + 30_000]);
  assert.deepEqual(counted, ['admit', 'release']);
  for (const [reason, code] of [
    ['wait-expired', 'ServiceException'],
    ['start-failed', 'ServiceException'],
    ['no-capacity', 'TooManyRequestsException'],
  ] as const) {
    const failed = dispatch({ refuse: reason });
    assert.ok(failed.outcome.kind === 'refused' && failed.outcome.failure.code === code, reason);
    assert.deepEqual(failed.counted, ['admit', 'release']);
  }
});

test('what a diagnosis finds is said in place of a start that failed; a diagnosis that fails changes nothing', async () => {
  const ask = (diagnose: StartDiagnosis) =>
    new Promise<InvocationOutcome>((resolve) => {
      const acquire = (_id: RequestId, _spec: object, _until: number, listener: AcquireListener) =>
        listener.refused('start-failed', 'broken');
      new InvocationDispatcher(
        { step: ({ kind, requestId }) => (kind === 'release' ? [] : [{ kind: 'admitted', requestId }]) },
        { acquire } as unknown as AssignmentService,
        { invoke: () => assert.fail('never granted') },
        { committed: () => ({ reserved: 0, provisioned: 0 }), provisionedOf: () => 0 },
        { nowMs: () => arrivedMs, monotonicMs: () => 0, after: () => () => {} },
        diagnose,
      ).invoke(makeInvocation(), resolve);
    });
  const found = apiFailure('InvalidRuntimeException', 'no such runtime');
  assert.deepEqual(await ask(async () => found), { kind: 'refused', failure: found });
  for (const nothing of [async () => null, () => Promise.reject(new Error('x'))]) {
    const outcome = await ask(nothing);
    assert.ok(outcome.kind === 'refused');
    assert.deepEqual(
      [outcome.failure.code, outcome.failure.message],
      ['ServiceException', 'The execution environment could not be started: broken'],
    );
  }
});

test('a sandbox that refuses costs another attempt, four in all, within the same wait', () => {
  const second = dispatch({ outcomes: [refused, success] });
  assert.equal(second.outcome, success);
  assert.deepEqual(second.waits, [arrivedMs + 30_000, arrivedMs + 30_000]);
  const never = dispatch({ outcomes: [refused, refused, refused, refused, success] });
  assert.equal(never.outcome, refused);
  assert.equal(never.waits.length, 4);
  assert.deepEqual(never.counted, ['admit', 'release']);
});

test('a throttled invocation is told why and when to come again, and never asks for a sandbox', () => {
  const { counted, waits, outcome } = dispatch({ throttle: true });
  assert.ok(outcome.kind === 'refused');
  assert.equal(outcome.failure.code, 'TooManyRequestsException');
  assert.deepEqual(outcome.failure.members, { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' });
  assert.deepEqual(outcome.failure.headers, { 'Retry-After': '1' });
  assert.deepEqual([counted, waits], [['admit'], []]);
});

test('an invocation is told of once: what it met, its attempts, and how it ended', () => {
  const { record } = dispatch({ outcomes: [refused, { ...success, run: testRun }], start: starts.cold });
  assert.deepEqual(
    [record.start, record.attempts, record.outcome, record.problem, record.run, record.type],
    [starts.cold, 2, 'success', null, testRun, 'sync'],
  );
  const failed = dispatch({
    outcomes: [
      {
        kind: 'function-error',
        functionError: 'Unhandled',
        errorType: 'TypeError',
        payload: Buffer.alloc(0),
        logTail: null,
      },
    ],
    start: starts.warm,
  }).record;
  assert.deepEqual([failed.outcome, failed.problem, failed.run], ['function-error', 'TypeError', null]);
  const throttle = dispatch({ throttle: true }).record;
  assert.deepEqual(
    [throttle.attempts, throttle.outcome, throttle.problem, throttle.start],
    [0, 'throttled', 'ReservedFunctionConcurrentInvocationLimitExceeded', null],
  );
  const none = dispatch({ refuse: 'wait-expired' }).record;
  assert.deepEqual(
    [none.outcome, none.problem, none.grantedMs, none.start],
    ['refused', 'ServiceException', null, null],
  );
  const full = dispatch({ refuse: 'scaling-rate' }).record;
  assert.deepEqual([full.outcome, full.problem], ['throttled', 'ConcurrentInvocationLimitExceeded']);
});

test('an invocation in a trace takes it along, with when counting was asked and had answered; all others look at no clock for it', () => {
  const trace = { traceId: 't', countedMs: null, admittedMs: null } as InvocationTrace;
  const { record, asked } = dispatch({ trace });
  assert.equal(record.trace, trace);
  assert.deepEqual([trace.countedMs, trace.admittedMs, record.grantedMs], [arrivedMs, arrivedMs + 1, arrivedMs + 2]);
  const other = dispatch();
  assert.deepEqual([other.record.trace, other.asked, asked], [undefined, 2, 4]);
});

test('cold is restored where the run tells of a restore; what was ready before stays proactive', () => {
  const outcomes = () => [{ ...success, run: { ...testRun, restoreMs: 12 } }];
  assert.equal(dispatch({ outcomes: outcomes(), start: starts.cold }).record.start?.kind, 'restored');
  assert.equal(dispatch({ outcomes: outcomes(), start: starts.proactive }).record.start?.kind, 'proactive');
});

test('an init or a restore inside the invocation: it was no warm start, whatever its sandbox had served before', () => {
  const inside = { ...success, run: { ...testRun, initInsideMs: 40 } };
  const kindOf = (outcome: InvocationOutcome, start: NonNullable<Grant['start']>) => {
    const { record } = dispatch({ outcomes: [outcome], start });
    return [record.start?.kind, record.start?.trigger, record.start?.first];
  };
  assert.deepEqual(kindOf(inside, starts.warm), ['cold', null, false]);
  assert.deepEqual(kindOf(inside, starts.proactive), ['cold', null, true]);
  assert.deepEqual(kindOf(inside, starts.provisioned), ['provisioned', null, false]);
  const restored = { ...success, run: { ...testRun, restoreMs: 12, restoredInside: true } };
  assert.deepEqual(kindOf(restored, starts.warm), ['restored', null, false]);
});
