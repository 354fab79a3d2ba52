import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.js';

test('counters and histograms in the text format of Prometheus', () => {
  const metrics = new Metrics();
  metrics.counter('hearth_invocations_total', 'Invocations.', '{type="sync"}').add(2);
  metrics.counter('hearth_invocations_total', 'Invocations.', '{type="event"}').add();
  const latency = metrics.histogram('hearth_latency_ms', 'Latency.', [1, 10], '{route="invoke"}');
  for (const value of [0.5, 1, 5, 50]) latency.observe(value);
  assert.equal(
    metrics.render(),
    `# HELP hearth_invocations_total Invocations.
# TYPE hearth_invocations_total counter
hearth_invocations_total{type="sync"} 2
hearth_invocations_total{type="event"} 1
# HELP hearth_latency_ms Latency.
# TYPE hearth_latency_ms histogram
hearth_latency_ms_bucket{route="invoke",le="1"} 2
hearth_latency_ms_bucket{route="invoke",le="10"} 3
hearth_latency_ms_bucket{route="invoke",le="+Inf"} 4
hearth_latency_ms_sum{route="invoke"} 56.5
hearth_latency_ms_count{route="invoke"} 4
`,
  );
});
