import assert from 'node:assert/strict';
import { test } from 'node:test';
import { starts, testRecord, testSpec } from '../invocations/testrecord.js';
import { AsyncTally, functionsMax } from './asynctally.js';
import { exposition, labels } from './exposition.js';
import { durationBounds, Histogram } from './histogram.js';
import { Tally, versionsMax } from './tally.js';
import { readExposition } from './testexposition.js';

const read = (tally: Pick<Tally, 'families'>) => readExposition([...exposition(tally.families())].join(''));
const of = 'account="123456789012",region="us-east-1",function="f",version="$LATEST"';

test('invocations are counted as CloudWatch counts them', () => {
  const tally = new Tally();
  const spec = testSpec('f');
  const run = (more: Parameters<typeof testRecord>[1] = {}) => {
    tally.began(spec);
    tally.ended(testRecord('r', more));
  };
  run();
  run({ start: starts.warm });
  run({ start: { ...starts.warm, spilled: true } });
  run({ start: starts.warm, outcome: 'function-error', problem: 'Error' });
  run({ start: starts.provisioned });
  run({ start: null, run: null, outcome: 'refused', problem: 'ServiceException' });
  run({ start: null, run: null, outcome: 'throttled', problem: 'ConcurrentInvocationLimitExceeded' });
  tally.ended(testRecord('r', { attempts: 0, start: null, run: null, outcome: 'throttled', problem: 'Reserved' }));
  tally.began(spec);
  tally.started(spec, 'deploy');
  tally.ready(true);
  const series = read(tally);
  for (const [name, value] of [
    ['invocations_total', 5],
    ['errors_total', 1],
    ['refusals_total', 1],
    ['concurrent_executions', 1],
    ['provisioned_concurrency_invocations_total', 1],
    ['provisioned_concurrency_spillover_invocations_total', 1],
  ] as const) {
    assert.equal(series.get(`hearth_lambda_${name}{${of}}`), value, name);
  }
  for (const reason of ['ConcurrentInvocationLimitExceeded', 'Reserved']) {
    assert.equal(series.get(`hearth_lambda_throttles_total{${of},reason="${reason}"}`), 1);
  }
  assert.equal(series.get(`hearth_lambda_duration_seconds_count{${of},start="warm"}`), 3);
  assert.equal(series.get(`hearth_lambda_duration_seconds_bucket{${of},start="cold",le="0.01"}`), 0);
  assert.equal(series.get(`hearth_lambda_duration_seconds_bucket{${of},start="cold",le="0.025"}`), 1);
  assert.equal(series.get(`hearth_lambda_duration_seconds_sum{${of},start="cold"}`), 0.02);
  assert.equal(series.get('hearth_lambda_start_latency_seconds_count{start="warm"}'), 3);
  assert.equal(series.get(`hearth_lambda_environment_starts_total{${of},origin="deploy"}`), 1);
  assert.equal(series.get('hearth_lambda_environments_ready_total{init="initialized"}'), 1);
});

test('what is provisioned is asked for when somebody looks', () => {
  const spec = testSpec('f', '1');
  const tally = new Tally(() => [
    { spec, requested: 4, allocated: 4, available: 3, busy: 1 },
    { spec: testSpec('g', '1'), requested: 1, allocated: 0, available: 0, busy: 0 },
  ]);
  const series = read(tally);
  const one = of.replace('$LATEST', '1');
  const counts = [
    'concurrency_requested',
    'concurrency_allocated',
    'concurrency_available',
    'concurrent_executions',
    'concurrency_utilization_ratio',
  ].map((what) => series.get(`hearth_lambda_provisioned_${what}{${one}}`));
  assert.deepEqual(counts, [4, 4, 3, 1, 0.25]);
  const other = one.replace('"f"', '"g"');
  assert.equal(series.get(`hearth_lambda_provisioned_concurrent_executions{${other}}`), 0);
  assert.equal(series.has(`hearth_lambda_provisioned_concurrency_utilization_ratio{${other}}`), false, '0 of 0');
});

test('five thousand versions have series of their own, what comes later counts as other', () => {
  assert.deepEqual([versionsMax, functionsMax], [5_000, 5_000]);
  const tally = new Tally();
  const end = (version: string) => {
    const spec = testSpec('f', version);
    tally.began(spec);
    tally.ended(testRecord('r', { spec }));
  };
  for (let version = 1; version <= versionsMax + 2; version += 1) end(String(version));
  end('1');
  const series = read(tally);
  const invocations = [...series].filter(([name]) => name.startsWith('hearth_lambda_invocations_total'));
  assert.equal(invocations.length, versionsMax + 1);
  const other = 'account="other",region="other",function="other",version="other"';
  assert.equal(series.get(`hearth_lambda_invocations_total{${other}}`), 2);
  assert.equal(series.get(`hearth_lambda_concurrent_executions{${other}}`), 0);
  assert.equal(series.get(`hearth_lambda_invocations_total{${of.replace('$LATEST', '1')}}`), 2);
});

test('events are counted by function; beyond the bound as other', () => {
  const tally = new AsyncTally(1);
  tally.received('1/r/f');
  tally.age('1/r/f', 700);
  tally.dropped('1/r/f');
  tally.undelivered('1/r/f', 'destination');
  tally.undelivered('1/r/f', 'dead-letter');
  tally.recursion('1/r/g');
  const series = read(tally);
  const f = 'account="1",region="r",function="f"';
  for (const name of ['async_events_received', 'async_events_dropped', 'dead_letter_errors']) {
    assert.equal(series.get(`hearth_lambda_${name}_total{${f}}`), 1, name);
  }
  assert.equal(series.get(`hearth_lambda_destination_delivery_failures_total{${f}}`), 1);
  assert.equal(series.get(`hearth_lambda_async_event_age_seconds_bucket{${f},le="1"}`), 1);
  assert.equal(series.get(`hearth_lambda_async_event_age_seconds_bucket{${f},le="0.5"}`), 0);
  const other = 'account="other",region="other",function="other"';
  assert.equal(series.get(`hearth_lambda_recursive_invocations_dropped_total{${other}}`), 1);
});

test('labels are escaped; a bound is inclusive and what is beyond all is counted, too', () => {
  assert.equal(labels({ a: 'x"y\\z\n', b: '' }), 'a="x\\"y\\\\z\\n",b=""');
  const histogram = new Histogram();
  histogram.add(0.001);
  histogram.add(1_000);
  assert.deepEqual(
    [histogram.cumulative()[0], histogram.cumulative().at(-2), histogram.cumulative().at(-1)],
    [1, 1, 2],
  );
  assert.deepEqual(
    [...durationBounds].sort((a, b) => a - b),
    [...durationBounds],
  );
});
