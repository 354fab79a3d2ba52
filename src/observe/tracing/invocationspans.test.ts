import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Span } from '../../kernel/ports/spans.js';
import type { InvocationTrace } from '../../wire/invocationtrace.js';
import type { InvocationRecord } from '../invocations/record.js';
import { arrivedMs, starts, testId, testLife, testRecord, testRun, testSpec } from '../invocations/testrecord.js';
import { invocationSpans } from './invocationspans.js';

const trace: InvocationTrace = {
  traceId: '65553f000102030405060708090a0b0c',
  spanId: 'front end',
  invokeSpanId: 'invoke',
  parentSpanId: 'caller',
  traceState: 'a=1',
  links: [],
  attributes: {},
  countedMs: arrivedMs + 1,
  admittedMs: arrivedMs + 2,
};

function spansOf(more: Partial<InvocationRecord> = {}, of: Partial<InvocationTrace> = {}): readonly Span[] {
  let last = 0;
  return invocationSpans(testRecord('a', more), { ...trace, ...of }, () => `${++last}`);
}

/** One line a span: `parent > name from..to`, in milliseconds since the arrival. */
function drawn(spans: readonly Span[]): string[] {
  const nameOf = (id: string | null) => spans.find(({ spanId }) => spanId === id)?.name ?? id;
  return spans.map(({ name, parentSpanId, startMs, endMs, links }) => {
    const linked = links.length === 0 ? '' : ` ~ ${links.map(({ spanId }) => nameOf(spanId)).join(', ')}`;
    return `${nameOf(parentSpanId)} > ${name} ${startMs - arrivedMs}..${endMs - arrivedMs}${linked}`;
  });
}

test('golden: a cold start', () => {
  const spans = spansOf();
  assert.deepEqual(drawn(spans), [
    'caller > f 0..124',
    'f > counting 1..2',
    'f > assignment 2..101',
    'assignment > placement 2..5',
    'assignment > spare 5..15',
    'assignment > init 15..100',
    'f > invoke 102..122',
  ]);
  assert.deepEqual(spans[0]!.attributes, {
    'faas.trigger': 'other',
    'faas.invocation_id': testId('a'),
    'faas.name': 'f',
    'faas.version': '$LATEST',
    'faas.max_memory': 134_217_728,
    'faas.instance': 'stream',
    'hearth.sandbox.id': 's',
    'faas.coldstart': true,
    'cloud.account.id': '123456789012',
    'cloud.region': 'us-east-1',
    'cloud.resource_id': 'arn:aws:lambda:us-east-1:123456789012:function:f',
    'aws.lambda.invoked_arn': 'arn:aws:lambda:us-east-1:123456789012:function:f',
    'hearth.invocation.type': 'sync',
    'hearth.start.kind': 'cold',
    'hearth.why': 'cold: no sandbox was idle; a new one was made from a spare and initialized',
  });
  assert.deepEqual(
    spans.map(({ kind }) => kind),
    ['server', ...Array(6).fill('internal')],
  );
  assert.ok(spans.every(({ traceId, traceState }) => traceId === trace.traceId && traceState === 'a=1'));
  assert.deepEqual(
    spans.map(({ remoteParent }) => remoteParent),
    [true, ...Array(6).fill(false)],
  );
  assert.equal(spans.at(-1)?.spanId, 'invoke', 'the parent that the function was told of');
  assert.ok(spans.every(({ error }) => error === null));
});

test('golden: a warm invocation', () => {
  const run = { ...testRun, startedMs: arrivedMs + 3, life: { ...testLife, startedMs: arrivedMs - 60_000 } };
  const spans = spansOf({ start: starts.warm, grantedMs: arrivedMs + 2, endedMs: arrivedMs + 24, run });
  assert.deepEqual(drawn(spans), ['caller > f 0..24', 'f > counting 1..2', 'f > assignment 2..2', 'f > invoke 3..23']);
  assert.equal(spans[0]!.attributes['faas.coldstart'], false);
});

test('golden: a proactive start: the init lies before the request, and is linked', () => {
  const life = {
    ...testLife,
    origin: 'deploy',
    startedMs: arrivedMs - 5_000,
    boxedMs: arrivedMs - 4_990,
    initializedMs: arrivedMs - 4_900,
  } as const;
  const run = { ...testRun, startedMs: arrivedMs + 3, life };
  const spans = spansOf({ start: starts.proactive, grantedMs: arrivedMs + 2, endedMs: arrivedMs + 24, run });
  assert.deepEqual(drawn(spans), [
    'caller > f 0..24 ~ spare, init',
    'f > counting 1..2',
    'f > assignment 2..2',
    'f > spare -5000..-4990',
    'f > init -4990..-4900',
    'f > invoke 3..23',
  ]);
  assert.equal(spans[0]!.attributes['faas.coldstart'], false);
  assert.equal(spans[0]!.attributes['hearth.start.trigger'], 'deploy');
  assert.deepEqual(spans[4]!.attributes, { 'hearth.sandbox.origin': 'deploy', 'hearth.init.phase': 'init' });
  assert.ok(spans[0]!.links.every(({ traceId }) => traceId === trace.traceId));
});

test('a restore tells which tier served what', () => {
  const tierBytes = { memory: 4_096, origin: 8_192 };
  const run = { ...testRun, initMs: null, restoreMs: 90, life: { ...testLife, box: 'restore', tierBytes } as const };
  const spans = spansOf({ start: { ...starts.cold, kind: 'restored' }, run });
  const restore = spans.find(({ name }) => name === 'restore')!;
  const origin = { 'hearth.sandbox.origin': 'demand' };
  assert.deepEqual(restore.attributes, {
    ...origin,
    'hearth.restore.bytes.memory': 4_096,
    'hearth.restore.bytes.origin': 8_192,
  });
  assert.equal(spans[0]!.attributes['faas.coldstart'], true);
});

test('an init inside the invocation comes before invoke', () => {
  const run = { ...testRun, startedMs: arrivedMs + 90, durationMs: 60, initInsideMs: 40 };
  const life = { ...testLife, initializedMs: null, initStatus: 'error' } as const;
  const spans = spansOf({ run: { ...run, life }, grantedMs: arrivedMs + 49 });
  assert.deepEqual(drawn(spans), [
    'caller > f 0..124',
    'f > counting 1..2',
    'f > assignment 2..49',
    'assignment > placement 2..5',
    'assignment > spare 5..15',
    'f > init 50..90',
    'f > invoke 90..110',
  ]);
  assert.equal(spans[5]!.attributes['hearth.init.phase'], 'invoke');
});

test('what went wrong is said where it did', () => {
  const errors = (spans: readonly Span[]) =>
    spans.filter(({ error }) => error !== null).map(({ name, error }) => `${name}: ${error}`);
  const failed = spansOf({
    outcome: 'function-error',
    problem: 'TypeError',
    run: { ...testRun, status: 'error', errorType: 'TypeError' },
  });
  assert.deepEqual(errors(failed), ['f: TypeError', 'invoke: TypeError']);
  assert.equal(failed[0]!.attributes['error.type'], 'TypeError');
  const none = { start: null, run: null, grantedMs: null } as const;
  const throttled = spansOf({ ...none, attempts: 0, outcome: 'throttled', problem: 'Why' });
  assert.deepEqual(drawn(throttled), ['caller > f 0..124', 'f > counting 1..2']);
  assert.deepEqual(errors(throttled), ['f: Why', 'counting: Why']);
  assert.equal('faas.coldstart' in throttled[0]!.attributes, false);
  const refused = spansOf({ ...none, outcome: 'refused', problem: 'ServiceException' });
  assert.deepEqual(drawn(refused), ['caller > f 0..124', 'f > counting 1..2', 'f > assignment 2..124']);
  assert.deepEqual(errors(refused), ['f: ServiceException', 'assignment: ServiceException']);
});

test('versions are named, aliases are not; what asked is told', () => {
  const invokedFunctionArn = `${testSpec('f').functionArn}:live`;
  const [frontEnd] = spansOf(
    { spec: testSpec('f', '7'), invokedFunctionArn, type: 'url' },
    { attributes: { 'url.path': '/x' }, links: [{ traceId: 't', spanId: 'other' }] },
  );
  const { attributes, links } = frontEnd!;
  assert.equal(attributes['cloud.resource_id'], `${testSpec('f').functionArn}:7`);
  assert.equal(attributes['aws.lambda.invoked_arn'], invokedFunctionArn);
  assert.deepEqual([attributes['faas.trigger'], attributes['url.path']], ['http', '/x']);
  assert.deepEqual(links, [{ traceId: 't', spanId: 'other' }]);
});
