import assert from 'node:assert/strict';
import test from 'node:test';
import { lifetimeOf, policiesOf } from './policies.js';

test('policies by name, or none of them', () => {
  assert.deepEqual(policiesOf({ proactive: 'on' }), { proactive: true, policies: {}, lifetime: null });
  assert.deepEqual(policiesOf({ proactive: 'off', 'keep-alive': 'fixed-20m', forecast: 'off' }), {
    proactive: false,
    policies: { keepAlive: 'fixed-20m', forecast: 'off' },
    lifetime: null,
  });
  assert.throws(() => policiesOf({ proactive: 'on', 'keep-alive': 'best' }), /one of fixed, none, histogram/);
  assert.throws(() => policiesOf({ proactive: 'on', forecast: 'best' }), /one of trend, naive/);
});

test('a life is a range of times', () => {
  assert.deepEqual(lifetimeOf('1h..4h'), { ms: 14_400_000, spread: 0.75 });
  assert.deepEqual(lifetimeOf('60s..2m'), { ms: 120_000, spread: 0.5 });
  assert.deepEqual(lifetimeOf('5m..5m'), { ms: 300_000, spread: 0 });
  for (const text of ['', '4h', '4h..1h', '0s..1h', '1..2', '1d..2d', '1h...2h']) {
    assert.throws(() => lifetimeOf(text), /MIN\.\.MAX/, text);
  }
});
