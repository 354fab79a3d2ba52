import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AsyncEvent } from '../../async/messages.js';
import { testEvent } from '../../async/testevent.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Random } from '../../kernel/ports/random.js';
import type { Span } from '../../kernel/ports/spans.js';
import { testRecord } from '../invocations/testrecord.js';
import { parseTraceHeader } from './tracecontext.js';
import { linksMax, runningMax, Tracer } from './tracer.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const root = 'Root=1-4bf92f35-77b34da6a3ce929d0e0e4736';
const traceparent = (sampled: boolean) => ['traceparent', `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`];
/** What Lambda gives to a function where nobody said anything. */
const fresh = 'Root=1-65553f00-0102030405060708090a0b0c;Parent=1111111122224333;Sampled=0';
const chain = ';Lineage=01234567:1';

/** `records`: what the sampler says of traces that nobody has decided about. */
function tracer(records = true) {
  let last = 0;
  const spans: Span[] = [];
  const asked: (boolean | null)[] = [];
  const random = { hex: (count: number) => (++last).toString(16).padStart(count * 2, '0') } as Random;
  const sampler = {
    records: (_: string, decided: boolean | null) => {
      asked.push(decided);
      return decided ?? records;
    },
  };
  const sink = { add: (some: readonly Span[]) => void spans.push(...some) };
  return { tracer: new Tracer(sink, sampler, random, { nowMs: () => 42 } as Clock), spans, asked };
}

test('where nobody said anything the trace begins here, and the function gets the invoke span as parent', () => {
  const { tracer: one, asked } = tracer();
  const { header, trace } = one.invocation(one.callerOf(null, []), fresh + chain);
  assert.ok(trace !== null);
  assert.deepEqual([trace.traceId, trace.parentSpanId], ['65553f000102030405060708090a0b0c', null]);
  // As Lambda: without active tracing nobody decided, which reads as not sampled.
  assert.equal(header, `Root=1-65553f00-0102030405060708090a0b0c;Parent=${trace.invokeSpanId};Sampled=0${chain}`);
  assert.notEqual(trace.invokeSpanId, trace.spanId);
  assert.deepEqual(asked, [null]);
  const { tracer: none } = tracer(false);
  assert.deepEqual(none.invocation(none.callerOf(null, []), fresh), { header: fresh, trace: null });
});

test('what a recorded invocation calls is recorded with it, although its function is told Sampled=0', () => {
  const { tracer: one, asked } = tracer();
  const outer = one.invocation(one.callerOf(null, []), fresh);
  const nested = () => one.invocation(one.callerOf(outer.header, []), outer.header).trace;
  const inner = nested()!;
  assert.deepEqual([inner.traceId, inner.parentSpanId], [outer.trace!.traceId, outer.trace!.invokeSpanId]);
  assert.deepEqual(asked, [null, true]);
  one.ended(testRecord('a', { trace: outer.trace }), outer.trace!);
  assert.equal(nested(), null, 'nobody vouches for it any more');
});

test('invocations under way are remembered up to a bound', () => {
  const { tracer: one } = tracer();
  const headers = Array.from({ length: runningMax + 1 }, () => one.invocation(one.callerOf(null, []), fresh).header);
  const isRecorded = (header: string) => one.acceptance(one.callerOf(header, []), header).trace !== null;
  assert.deepEqual([headers[0]!, headers[1]!, headers.at(-1)!].map(isRecorded), [false, true, true]);
});

test('a trace header is continued, and its decision obeyed', () => {
  for (const [sampled, recorded] of [
    [';Sampled=1', true],
    [';Sampled=0', false],
    [';Sampled=?', true],
    ['', true],
  ] as const) {
    const { tracer: one } = tracer();
    const given = `${root};Parent=${spanId}${sampled}`;
    const { header, trace } = one.invocation(one.callerOf(given, []), given);
    assert.equal(trace !== null, recorded, sampled);
    if (trace === null) assert.equal(header, given);
    else {
      assert.deepEqual([trace.traceId, trace.parentSpanId], [traceId, spanId]);
      assert.equal(header, `${root};Parent=${trace.invokeSpanId}${sampled}`);
    }
  }
});

test('active tracing decided where nobody else had: the trace is recorded when it sampled, and the caller kept', () => {
  const { tracer: one, asked } = tracer(false);
  const caller = one.callerOf(`${root};Parent=${spanId}`, []);
  const own = '1111111122224333';
  const sampled = one.invocation(caller, `${root};Parent=${own};Sampled=1`);
  assert.equal(sampled.trace?.parentSpanId, spanId);
  assert.equal(sampled.header, `${root};Parent=${sampled.trace.invokeSpanId};Sampled=1`);
  const not = one.invocation(caller, `${root};Parent=${own};Sampled=0`);
  assert.deepEqual(not, { header: `${root};Parent=${own};Sampled=0`, trace: null });
  assert.deepEqual(asked, [true, null]);
});

test('a traceparent is continued where there is no trace header', () => {
  const { tracer: one } = tracer();
  const caller = one.callerOf(null, [...traceparent(true), 'tracestate', 'a=1']);
  assert.equal(caller.header, `${root};Parent=${spanId};Sampled=1`);
  const { trace } = one.invocation(caller, caller.header);
  assert.deepEqual([trace?.traceId, trace?.parentSpanId, trace?.traceState], [traceId, spanId, 'a=1']);
  const not = one.callerOf(null, traceparent(false));
  assert.equal(not.header, `${root};Parent=${spanId};Sampled=0`);
  assert.equal(one.invocation(not, not.header!).trace, null);
  // A chain of functions is not forgotten for it.
  assert.equal(one.callerOf(chain.slice(1), traceparent(true)).header, `${root};Parent=${spanId};Sampled=1${chain}`);
});

test('with both, the trace header wins: the same trace takes the nearer parent, another one is linked', () => {
  const { tracer: one } = tracer();
  const given = `${root};Parent=aaaaaaaaaaaaaaaa;Sampled=1`;
  const same = one.callerOf(given, [...traceparent(false), 'tracestate', 'a=1']);
  assert.equal(same.header, given);
  const near = one.invocation(same, given).trace!;
  assert.deepEqual([near.parentSpanId, near.traceState, near.links], [spanId, 'a=1', []]);
  const otherRoot = `Root=1-00000000-${'1'.repeat(24)};Parent=aaaaaaaaaaaaaaaa;Sampled=1`;
  const other = one.invocation(one.callerOf(otherRoot, traceparent(true)), otherRoot).trace!;
  assert.equal(other.parentSpanId, 'aaaaaaaaaaaaaaaa');
  assert.deepEqual(other.links, [{ traceId, spanId }]);
});

test('what is no trace header is replaced where the invocation is recorded', () => {
  const { tracer: one } = tracer();
  const { header, trace } = one.invocation(one.callerOf('nonsense', []), `nonsense${chain}`);
  assert.ok(trace !== null && trace.parentSpanId === null);
  assert.deepEqual(parseTraceHeader(header), { traceId: trace.traceId, spanId: trace.invokeSpanId, sampled: false });
  assert.ok(header.endsWith(chain));
});

const event: AsyncEvent = { ...testEvent, traceHeader: fresh, acceptedMs: 40, attempts: 1 };

test('attempts at an event are parts of its acceptance, and recorded when it was', () => {
  const { tracer: one, spans } = tracer();
  const { header, trace } = one.acceptance(one.callerOf(null, traceparent(true)), `${root};Parent=${spanId};Sampled=1`);
  one.accepted(trace!, event, 'arn');
  assert.deepEqual(
    spans.map(({ name, parentSpanId, startMs, endMs }) => [name, parentSpanId, startMs, endMs]),
    [['accept f', spanId, 40, 42]],
  );
  const attempt = one.attempt({ ...event, traceHeader: header, traced: true }).trace!;
  assert.deepEqual([attempt.traceId, attempt.parentSpanId], [traceId, spans[0]!.spanId]);
  assert.equal(attempt.attributes['hearth.event.attempt'], 2);
  const traced = (more: Partial<AsyncEvent>) => one.attempt({ ...event, ...more }).trace !== null;
  assert.ok(
    traced({ traceHeader: fresh, traced: true }),
    'a header that says no, as Lambda has it when nobody decided',
  );
  assert.ok(!traced({ traceHeader: fresh, traced: false }));
  assert.ok(traced({}));
  const { tracer: none } = tracer(false);
  assert.equal(none.attempt(event).trace, null);
  assert.ok(none.attempt({ ...event, traceHeader: fresh.replace('Sampled=0', 'Sampled=1') }).trace !== null);
});

test('messages of a batch are linked, as many as a span can have', () => {
  const { tracer: one } = tracer();
  const trace = one.batch(fresh, [`${root};Parent=${spanId}`, undefined, 'nonsense', root]).trace!;
  assert.deepEqual(trace.links, [{ traceId, spanId }]);
  assert.deepEqual([trace.parentSpanId, trace.attributes['messaging.batch.message_count']], [null, 4]);
  const many = one.batch(
    fresh,
    Array.from({ length: 1_000 }, () => `${root};Parent=${spanId}`),
  ).trace!;
  assert.equal(many.links.length, linksMax);
});

test('an invocation that ended goes to the sink with all its spans at once', () => {
  const { tracer: one, spans } = tracer();
  const trace = one.invocation(one.callerOf(null, []), fresh).trace!;
  one.ended(testRecord('a', { trace }), trace);
  assert.deepEqual(new Set(spans.map((span) => span.traceId)), new Set([trace.traceId]));
  assert.equal(new Set(spans.map((span) => span.spanId)).size, spans.length);
});
