import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseTraceHeader, parseTraceparent, traceHeader, w3cContextOf, withParent } from './tracecontext.js';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';
const root = 'Root=1-4bf92f35-77b34da6a3ce929d0e0e4736';

test('a traceparent is read as W3C writes it, and only so', () => {
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`), { traceId, spanId, sampled: true });
  assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-00`), { traceId, spanId, sampled: false });
  // Other flags say nothing of sampling; later versions may have more.
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-02`)?.sampled, false);
  assert.equal(parseTraceparent(`00-${traceId}-${spanId}-03`)?.sampled, true);
  assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-more`), { traceId, spanId, sampled: true });
  for (const wrong of [
    '',
    'x',
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `cc-${traceId}-${spanId}-01.more`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.slice(1)}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-1`,
  ]) {
    assert.equal(parseTraceparent(wrong), null, wrong);
  }
});

test('a trace header is read in any order; a root is a trace id with two dashes', () => {
  const all = { traceId, spanId, sampled: true };
  assert.deepEqual(parseTraceHeader(`${root};Parent=${spanId};Sampled=1`), all);
  assert.deepEqual(parseTraceHeader(`Self=1-2-3; Sampled=1; ${root}; Parent=${spanId};Lineage=a:1`), all);
  assert.deepEqual(parseTraceHeader(`${root};Sampled=0`), { traceId, spanId: null, sampled: false });
  assert.deepEqual(parseTraceHeader(`${root};Sampled=?`), { traceId, spanId: null, sampled: null });
  assert.deepEqual(parseTraceHeader(root), { traceId, spanId: null, sampled: null });
  assert.deepEqual(parseTraceHeader(`${root};Parent=Root`), { traceId, spanId: null, sampled: null });
  for (const wrong of ['', 'anything', 'Root=1-2-3', `XRoot=${root.slice(5)}`, `Root=2${root.slice(6)}`, `${root}0`]) {
    assert.equal(parseTraceHeader(wrong), null, wrong);
  }
});

test('property: what is written is read', () => {
  const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits - 1}}[1-9a-f]$`));
  const decision = fc.option(fc.boolean());
  fc.assert(
    fc.property(hex(32), fc.option(hex(16)), decision, hex(16), (id, parent, sampled, other) => {
      const context = { traceId: id, spanId: parent, sampled };
      const header = traceHeader(context);
      assert.deepEqual(parseTraceHeader(header), context);
      assert.deepEqual(parseTraceHeader(withParent(header, other)), { ...context, spanId: other });
      assert.deepEqual(parseTraceHeader(withParent(`${header};Lineage=01234567:1`, other)), {
        ...context,
        spanId: other,
      });
    }),
  );
});

test('property: nothing that a client sends makes reading fail', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      parseTraceHeader(text);
      parseTraceparent(text);
      assert.equal(w3cContextOf(['traceparent', text])?.context.traceId.length ?? 32, 32);
    }),
  );
});

test('a new parent changes nothing else of a header', () => {
  const other = 'aaaaaaaaaaaaaaaa';
  assert.equal(
    withParent(`${root};Parent=${spanId};Sampled=1;Lineage=x:1`, other),
    `${root};Parent=${other};Sampled=1;Lineage=x:1`,
  );
  assert.equal(withParent(`Sampled=?;${root}`, other), `Sampled=?;${root};Parent=${other}`);
  assert.equal(withParent(`Parent=;${root}`, other), `Parent=${other};${root}`);
});

test('of a request one traceparent counts, with all of its tracestate', () => {
  const parent = `00-${traceId}-${spanId}-01`;
  const context = { traceId, spanId, sampled: true };
  assert.deepEqual(w3cContextOf(['Host', 'h', 'TraceParent', parent]), { context, traceState: null });
  const states = ['traceparent', parent, 'TraceState', 'a=1', 'tracestate', 'b=2'];
  assert.deepEqual(w3cContextOf(states), { context, traceState: 'a=1,b=2' });
  assert.equal(w3cContextOf(['traceparent', parent, 'traceparent', parent]), null);
  assert.equal(w3cContextOf(['tracestate', 'a=1']), null);
  assert.equal(w3cContextOf(['traceparent', parent, 'tracestate', `a=${'x'.repeat(512)}`])?.traceState, null);
});
