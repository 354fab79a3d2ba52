import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OtlpSettingsError, otlpSettings } from './settings.js';

const endpoint = 'http://127.0.0.1:4318';

test('without an endpoint nothing is exported; with one everything has the defaults of the specification', () => {
  assert.equal(otlpSettings({}, null), null);
  assert.equal(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, null), null);
  const all = {
    url: `${endpoint}/v1/traces`,
    protocol: 'http/protobuf',
    sampler: { parentBased: true, share: 1 },
    queueSpansMax: 2_048,
    batchSpansMax: 512,
    batchMs: 5_000,
    exportMsMax: 10_000,
  };
  assert.deepEqual(otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, null), all);
  assert.deepEqual(otlpSettings({}, endpoint), all);
});

test('the path of traces is added to a collector, and not to what names it', () => {
  const url = (variables: Record<string, string>, flag: string | null = null) => otlpSettings(variables, flag)?.url;
  assert.equal(url({}, `${endpoint}/`), `${endpoint}/v1/traces`);
  assert.equal(url({}, `${endpoint}/otel`), `${endpoint}/otel/v1/traces`);
  assert.equal(url({}, `${endpoint}/v1/traces`), `${endpoint}/v1/traces`);
  const both = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://b/path' };
  assert.equal(url(both), 'https://b/path');
  assert.equal(url(both, endpoint), `${endpoint}/v1/traces`);
});

test('variables of the machine can take back what others of them switched on', () => {
  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
  assert.equal(otlpSettings({ ...on, OTEL_SDK_DISABLED: 'True' }, null), null);
  assert.equal(otlpSettings({ ...on, OTEL_TRACES_EXPORTER: 'none' }, null), null);
  assert.ok(otlpSettings({ ...on, OTEL_SDK_DISABLED: 'false', OTEL_TRACES_EXPORTER: 'otlp' }, null));
  assert.ok(otlpSettings({ OTEL_SDK_DISABLED: 'true' }, endpoint), 'the command line is asked for');
});

test('samplers, protocols and bounds are those of the variables', () => {
  const sampler = (OTEL_TRACES_SAMPLER: string, OTEL_TRACES_SAMPLER_ARG?: string) =>
    otlpSettings({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }, endpoint)?.sampler;
  assert.deepEqual(sampler('always_on'), { parentBased: false, share: 1 });
  assert.deepEqual(sampler('parentbased_always_off'), { parentBased: true, share: 0 });
  assert.deepEqual(sampler('traceidratio', '0.25'), { parentBased: false, share: 0.25 });
  assert.deepEqual(sampler('parentbased_traceidratio'), { parentBased: true, share: 1 });
  const given = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  const { protocol, exportMsMax, queueSpansMax, batchSpansMax, batchMs } = otlpSettings(given, endpoint)!;
  assert.deepEqual([protocol, exportMsMax, queueSpansMax, batchSpansMax, batchMs], ['http/json', 500, 100, 100, 50]);
  assert.equal(otlpSettings({ OTEL_BSP_MAX_QUEUE_SIZE: 'many' }, endpoint)?.queueSpansMax, 2_048);
});

test('what cannot be is said', () => {
  for (const [variables, message] of [
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /http\/protobuf or http\/json, not grpc/],
    [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, /not jaeger_remote/],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }, /from 0 to 1, not 2/],
  ] as const) {
    assert.throws(() => otlpSettings(variables, endpoint), { name: 'OtlpSettingsError', message });
  }
  for (const wrong of ['nowhere', 'ftp://a', '127.0.0.1:4318']) {
    assert.throws(() => otlpSettings({}, wrong), OtlpSettingsError, wrong);
    assert.throws(() => otlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: wrong }, null), OtlpSettingsError, wrong);
  }
});
