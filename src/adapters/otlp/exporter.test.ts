import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Span } from '../../kernel/ports/spans.js';
import { OtlpExporter } from './exporter.js';
import { type OtlpSettings, otlpSettings } from './settings.js';

const span: Span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  parentSpanId: null,
  remoteParent: false,
  traceState: null,
  name: 'f',
  kind: 'server',
  startMs: 1_700_000_000_000,
  endMs: 1_700_000_000_001.25,
  attributes: {},
  links: [],
  error: null,
};
const spans = (count: number): Span[] => Array(count).fill(span);

const settings = (variables: Record<string, string> = {}, endpoint = 'http://127.0.0.1:9'): OtlpSettings =>
  otlpSettings({ OTEL_BSP_SCHEDULE_DELAY: '10', ...variables }, endpoint)!;

/** Takes batches, and answers each when it is told to. */
class SlowExporter implements SpanExporter {
  readonly batches: {
    readonly spans: ReadableSpan[];
    readonly done: (result: { code: number; error?: Error }) => void;
  }[] = [];
  export(given: ReadableSpan[], done: (result: { code: number; error?: Error }) => void): void {
    this.batches.push({ spans: given, done });
  }
  async shutdown(): Promise<void> {
    for (const { done } of this.batches) done({ code: 0 });
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function portOf(t: TestContext, status: number): Promise<{ readonly url: string; readonly requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url} ${req.headers['content-type']}`);
    req.resume();
    req.on('end', () => res.writeHead(status).end());
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests });
    });
  });
}

test('spans wait in a queue of bounded length; what has no room is dropped whole, and counted', {
  timeout: 20_000,
}, async () => {
  const slow = new SlowExporter();
  const bounds = { OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10' };
  const exporter = new OtlpExporter(settings(bounds), '1', slow, assert.ifError);
  exporter.add(spans(7));
  exporter.add(spans(4));
  exporter.add(spans(3));
  assert.deepEqual(exporter.counts, { exported: 0, unqueued: 4, undelivered: 0, pending: 10 });
  await until(() => slow.batches.length === 1);
  // What is on its way makes room.
  exporter.add(spans(10));
  exporter.add(spans(1));
  assert.deepEqual(exporter.counts, { exported: 0, unqueued: 5, undelivered: 0, pending: 20 });
  slow.batches[0]!.done({ code: 0 });
  await until(() => slow.batches.length === 2);
  slow.batches[1]!.done({ code: 0 });
  assert.deepEqual(exporter.counts, { exported: 20, unqueued: 5, undelivered: 0, pending: 0 });
  await exporter.close();
});

test('a collector that is down costs its spans, is told of once, and again only after it was there', {
  timeout: 20_000,
}, async () => {
  const told: string[] = [];
  const slow = new SlowExporter();
  const exporter = new OtlpExporter(settings(), '1', slow, (error) => told.push((error as Error).message));
  const send = async (result: { code: number; error?: Error }) => {
    exporter.add(spans(2));
    const count = slow.batches.length;
    await until(() => slow.batches.length > count);
    slow.batches.at(-1)!.done(result);
    // The processor sees to its next batch.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const down = { code: 1, error: new Error('connect ECONNREFUSED') };
  await send(down);
  await send(down);
  assert.deepEqual(exporter.counts, { exported: 0, unqueued: 0, undelivered: 4, pending: 0 });
  assert.equal(told.length, 1);
  assert.match(told[0]!, /^Traces do not reach http:\/\/127\.0\.0\.1:9\/v1\/traces: connect ECONNREFUSED/);
  await send({ code: 0 });
  await send(down);
  assert.equal(told.length, 2);
  await exporter.close();
});

test('what waits at the end is sent', { timeout: 20_000 }, async (t) => {
  const { url, requests } = await portOf(t, 200);
  for (const [protocol, type] of [
    ['http/protobuf', 'application/x-protobuf'],
    ['http/json', 'application/json'],
  ] as const) {
    const variables = { OTEL_BSP_SCHEDULE_DELAY: '60000', OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    const exporter = await OtlpExporter.open(settings(variables, url), '1', assert.ifError);
    exporter.add(spans(3));
    await exporter.close();
    assert.deepEqual(exporter.counts, { exported: 3, unqueued: 0, undelivered: 0, pending: 0 });
    assert.equal(requests.at(-1), `POST /v1/traces ${type}`);
  }
});

test('the end does not wait for a collector that says nothing', { timeout: 20_000 }, async (t) => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const told: string[] = [];
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const exporter = await OtlpExporter.open(settings({ OTEL_BSP_SCHEDULE_DELAY: '60000' }, url), '1', (error) =>
    told.push((error as Error).message),
  );
  exporter.add(spans(3));
  await exporter.close();
  assert.deepEqual(told, ['3 spans were not delivered in time']);
});

test('samplers follow who began the trace, or their share of the ids', () => {
  const sampler = (OTEL_TRACES_SAMPLER: string, OTEL_TRACES_SAMPLER_ARG = '1') =>
    new OtlpExporter(
      settings({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }),
      '1',
      new SlowExporter(),
      assert.ifError,
    );
  const asked = [true, false, null];
  const of = (one: OtlpExporter) => asked.map((decided) => one.records(span.traceId, decided));
  assert.deepEqual(of(sampler('parentbased_always_on')), [true, false, true]);
  assert.deepEqual(of(sampler('parentbased_always_off')), [true, false, false]);
  assert.deepEqual(of(sampler('always_on')), [true, true, true]);
  assert.deepEqual(of(sampler('always_off')), [false, false, false]);
  const quarter = sampler('traceidratio', '0.25');
  // The first eight digits of X-Ray's are the time.
  const ids = Array.from(
    { length: 4_000 },
    (_, i) => `65553f00${((i + 1) * 0x9e3779b1).toString(16).padStart(24, '0').slice(-24)}`,
  );
  const share = ids.filter((id) => quarter.records(id, null)).length / ids.length;
  assert.ok(share > 0.2 && share < 0.3, `${share}`);
  assert.ok(
    ids.every((id) => quarter.records(id, null) === quarter.records(id, true)),
    'always the same',
  );
});
