import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  PutFunctionConcurrencyCommand,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { readExposition } from '../../src/observe/metrics/testexposition.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { type ArrivedSpan, OtlpCollector } from './otlpcollector.js';
import { zip } from './zip.js';

const code = (text: string) => ({
  'index.mjs': `
  const fromMs = Date.now();
  while (Date.now() - fromMs < 50);
  export const handler = async ({ fail = false }, { awsRequestId }) => {
    if (fail) throw new TypeError('as told');
    return { text: '${text}', requestId: awsRequestId, trace: process.env._X_AMZN_TRACE_ID };
  };`,
});

interface Answer {
  readonly requestId: string;
  /** What the function was told. */
  readonly trace: string;
  /** What the client was. */
  readonly told: string;
  readonly functionError: string | undefined;
}

/** Invoked by AWS's own client, with headers of a tracer in it. */
async function invoked(
  hearth: Hearth,
  headers: Readonly<Record<string, string>> = {},
  more: Partial<InvokeCommandInput> = {},
): Promise<Answer> {
  const client = hearth.lambda();
  let told = '';
  client.middlewareStack.add(
    (next) => async (args) => {
      Object.assign((args.request as { headers: Record<string, string> }).headers, headers);
      const answer = await next(args);
      told = (answer.response as { headers: Record<string, string> }).headers['x-amzn-trace-id'] ?? '';
      return answer;
    },
    { step: 'build' },
  );
  const { Payload, FunctionError } = await client.send(
    new InvokeCommand({ FunctionName: 'f', Payload: '{}', ...more }),
  );
  client.destroy();
  const text = Buffer.from(Payload ?? []).toString();
  return {
    ...(JSON.parse(text === '' ? '{}' : text) as { requestId: string; trace: string }),
    told,
    functionError: FunctionError,
  };
}

/** `Root=1-8-24;Parent=16;Sampled=N;…` as trace id, span id and decision. */
function context(header: string): readonly [string, string, string] {
  const found = /^Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=([01])/.exec(header);
  assert.ok(found, header);
  return [`${found[1]}${found[2]}`, found[3]!, found[4]!];
}

const callerId = '00f067aa0ba902b7';
let traces = 0;
/** Of a trace of its own, with the time first as X-Ray wants it. */
function newTrace(): string {
  traces += 1;
  return `65553f00${String(traces).padStart(24, '0')}`;
}
const traceparent = (traceId: string, sampled = true) => `00-${traceId}-${callerId}-0${sampled ? 1 : 0}`;
const rootOf = (traceId: string) => `1-${traceId.slice(0, 8)}-${traceId.slice(8)}`;

/** `parent > name`, as they began. */
function tree(spans: readonly ArrivedSpan[]): string[] {
  const nameOf = (id: string) => spans.find(({ spanId }) => spanId === id)?.name ?? (id === '' ? '' : 'caller');
  return spans.map(({ parentSpanId, name }) => `${nameOf(parentSpanId)} > ${name}`);
}

/** Within their parents, one after the other, as far as a clock of whole milliseconds tells. */
function assertOrder(spans: readonly ArrivedSpan[], names: readonly string[]): void {
  const ordered = names.map((name) => spans.find((span) => span.name === name)!);
  for (const [i, span] of ordered.entries()) {
    assert.ok(span.startNs <= span.endNs, span.name);
    const before = ordered[i - 1];
    if (before !== undefined)
      assert.ok(before.endNs - 1_000_000n <= span.startNs, `${before.name} before ${span.name}`);
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId)!;
    assert.ok(
      parent.startNs <= span.startNs && span.endNs - 1_000_000n <= parent.endNs,
      `${span.name} in ${parent.name}`,
    );
  }
}

describe('traces of invocations', () => {
  let hearth: Hearth;
  let collector: OtlpCollector;
  before(async () => {
    collector = await OtlpCollector.start();
    process.env.OTEL_BSP_SCHEDULE_DELAY = '50';
    process.env.OTEL_RESOURCE_ATTRIBUTES = 'deployment.environment.name=test';
    hearth = await Hearth.start('--spares', '1', '--otlp', collector.endpoint);
    await hearth.create('f', ownNode, 'index.handler', code('one'));
  });
  after(async () => {
    await hearth.remove();
    await collector.stop();
  });

  /** All spans of a trace, which come together. */
  const traceOf = (traceId: string, count = 1) =>
    eventually(async () => {
      const found = collector.trace(traceId);
      return found.length >= count ? found : null;
    }, `the trace ${traceId}`);

  it('a cold start, continued from the traceparent of its client', { timeout: 120_000 }, async () => {
    const traceId = newTrace();
    const answer = await invoked(hearth, { traceparent: traceparent(traceId), tracestate: 'vendor=value' });
    const spans = await traceOf(traceId);
    const box = spans.find(({ name }) => ['spare', 'boot', 'restore'].includes(name))!.name;
    assert.deepEqual(
      tree(spans).sort(),
      [
        'caller > f',
        'f > counting',
        'f > assignment',
        'assignment > placement',
        `assignment > ${box}`,
        'assignment > init',
        'f > invoke',
      ].sort(),
    );
    assertOrder(spans, ['counting', 'placement', box, 'init', 'invoke']);
    assertOrder(spans, ['counting', 'assignment', 'invoke']);
    const frontEnd = spans.find(({ name }) => name === 'f')!;
    assert.deepEqual([frontEnd.parentSpanId, frontEnd.kind, frontEnd.status, frontEnd.links], [callerId, 2, 0, []]);
    assert.ok(spans.every(({ traceState }) => traceState === 'vendor=value'));
    const init = spans.find(({ name }) => name === 'init')!;
    assert.ok(init.endNs - init.startNs >= 50_000_000n, 'as long as its module loads');
    const invoke = spans.find(({ name }) => name === 'invoke')!;
    assert.deepEqual(context(answer.trace), [traceId, invoke.spanId, '1']);
    assert.equal(answer.told, answer.trace);

    const region = hearth.credentials.defaultRegion;
    const arn = `arn:aws:lambda:${region}:${hearth.credential.account}:function:f`;
    const { 'faas.instance': instance, 'hearth.sandbox.id': sandbox, ...attributes } = frontEnd.attributes;
    assert.match(String(instance), /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
    assert.match(String(sandbox), /^[0-9a-f-]{36}$/);
    assert.match(String(attributes['hearth.why']), /^cold: /);
    assert.deepEqual(
      { ...attributes, 'hearth.why': '' },
      {
        'faas.trigger': 'other',
        'faas.invocation_id': answer.requestId,
        'faas.name': 'f',
        'faas.version': '$LATEST',
        'faas.max_memory': 512 * 2 ** 20,
        'faas.coldstart': true,
        'cloud.account.id': hearth.credential.account,
        'cloud.region': region,
        'cloud.resource_id': arn,
        'aws.lambda.invoked_arn': arn,
        'hearth.invocation.type': 'sync',
        'hearth.start.kind': 'cold',
        'hearth.why': '',
      },
    );
    const { resource, scope } = frontEnd;
    assert.deepEqual(
      [scope, resource['service.name'], resource['deployment.environment.name']],
      ['hearth', 'hearth', 'test'],
    );
  });

  it('a warm invocation, continued from X-Ray’s header', { timeout: 60_000 }, async () => {
    const traceId = newTrace();
    const header = `Root=${rootOf(traceId)};Parent=${callerId};Sampled=1`;
    const answer = await invoked(hearth, { 'x-amzn-trace-id': header });
    const spans = await traceOf(traceId);
    assert.deepEqual(tree(spans).sort(), ['caller > f', 'f > assignment', 'f > counting', 'f > invoke']);
    assertOrder(spans, ['counting', 'assignment', 'invoke']);
    const [frontEnd, invoke] = ['f', 'invoke'].map((of) => spans.find(({ name }) => name === of)!);
    assert.deepEqual(context(answer.trace), [traceId, invoke!.spanId, '1']);
    const { attributes } = frontEnd!;
    assert.deepEqual([attributes['faas.coldstart'], attributes['hearth.start.kind']], [false, 'warm']);
  });

  it('who said nothing begins a trace; the function learns of no decision, as with Lambda', {
    timeout: 60_000,
  }, async () => {
    const answer = await invoked(hearth);
    const [traceId, parent, sampled] = context(answer.trace);
    const spans = await traceOf(traceId);
    const [frontEnd, invoke] = ['f', 'invoke'].map((of) => spans.find(({ name }) => name === of)!);
    assert.deepEqual([frontEnd!.parentSpanId, invoke!.spanId, sampled], ['', parent, '0']);
  });

  it('what a client wants unrecorded is not, and reaches the function as it came', { timeout: 60_000 }, async () => {
    const [one, other] = [newTrace(), newTrace()];
    const header = `Root=${rootOf(one)};Parent=${callerId};Sampled=0`;
    const xray = await invoked(hearth, { 'x-amzn-trace-id': header });
    assert.deepEqual(context(xray.trace), [one, callerId, '0']);
    const w3c = await invoked(hearth, { traceparent: traceparent(other, false) });
    assert.deepEqual(context(w3c.trace), [other, callerId, '0']);
    // Those of a later one come after them.
    const last = newTrace();
    await invoked(hearth, { traceparent: traceparent(last) });
    await traceOf(last);
    assert.deepEqual([...collector.trace(one), ...collector.trace(other)], []);
  });

  it('with active tracing the log names the span of the function', { timeout: 120_000 }, async () => {
    await hearth.create('active', ownNode, 'index.handler', code('one'), { TracingConfig: { Mode: 'Active' } });
    const { payload, log } = await hearth.invoke('active');
    const [traceId, parent, sampled] = context((JSON.parse(payload) as Answer).trace);
    assert.equal(sampled, '1', 'the first of a second');
    const spans = await traceOf(traceId);
    assert.equal(spans.find(({ name }) => name === 'invoke')!.spanId, parent);
    assert.match(log, new RegExp(`XRAY TraceId: ${rootOf(traceId)}\tSegmentId: ${parent}\tSampled: true`));
  });

  it('an error of the function, and a throttle', { timeout: 60_000 }, async () => {
    const [failed, throttled] = [newTrace(), newTrace()];
    const answer = await invoked(hearth, { traceparent: traceparent(failed) }, { Payload: '{"fail":true}' });
    assert.equal(answer.functionError, 'Unhandled');
    const errors = (spans: readonly ArrivedSpan[]) =>
      spans.filter(({ status }) => status === 2).map(({ name, message }) => `${name}: ${message}`);
    const spans = await traceOf(failed);
    assert.deepEqual(errors(spans).sort(), ['f: TypeError', 'invoke: TypeError']);
    assert.equal(spans.find(({ name }) => name === 'f')?.attributes['error.type'], 'TypeError');
    const client = hearth.lambda();
    await hearth.create('never', ownNode, 'index.handler', code('one'));
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'never', ReservedConcurrentExecutions: 0 }));
    await assert.rejects(invoked(hearth, { traceparent: traceparent(throttled) }, { FunctionName: 'never' }), {
      name: 'TooManyRequestsException',
    });
    const reason = 'ReservedFunctionConcurrentInvocationLimitExceeded';
    const refused = await traceOf(throttled);
    assert.deepEqual(tree(refused), ['caller > never', 'never > counting']);
    assert.deepEqual(errors(refused), [`never: ${reason}`, `counting: ${reason}`]);
  });

  it('an event: its acceptance, and the attempt in it', { timeout: 60_000 }, async () => {
    const traceId = newTrace();
    await invoked(hearth, { traceparent: traceparent(traceId) }, { InvocationType: 'Event' });
    const spans = await traceOf(traceId, 5);
    assert.deepEqual(tree(spans).sort(), [
      'accept f > f',
      'caller > accept f',
      'f > assignment',
      'f > counting',
      'f > invoke',
    ]);
    const [accept, attempt] = ['accept f', 'f'].map((of) => spans.find(({ name }) => name === of)!);
    assert.equal(accept!.attributes['faas.invocation_id'], attempt!.attributes['faas.invocation_id']);
    assert.deepEqual(
      [attempt!.attributes['hearth.invocation.type'], attempt!.attributes['hearth.event.attempt']],
      ['event', 1],
    );
  });

  it('a function URL', { timeout: 60_000 }, async () => {
    const client = hearth.lambda();
    const allowed = { FunctionName: 'f', Principal: '*' } as const;
    for (const permission of [
      { StatementId: 'url', Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
      { StatementId: 'invoke', Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
    ] as const) {
      await client.send(new AddPermissionCommand({ ...allowed, ...permission }));
    }
    const { FunctionUrl } = await client.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: 'f', AuthType: 'NONE' }),
    );
    const traceId = newTrace();
    const [id] = new URL(FunctionUrl!).hostname.split('.');
    const url = `${hearth.endpoint}/_hearth/url/${id}/some/path?a=1`;
    const answer = await fetch(url, { headers: { traceparent: traceparent(traceId) } });
    const body = await answer.text();
    assert.equal(answer.status, 200, body);
    const spans = await traceOf(traceId);
    const [frontEnd, invoke] = ['f', 'invoke'].map((name) => spans.find((span) => span.name === name)!);
    const { attributes } = frontEnd!;
    const shown = ['faas.trigger', 'http.request.method', 'url.path', 'hearth.invocation.type'];
    assert.deepEqual(
      shown.map((name) => attributes[name]),
      ['http', 'GET', '/some/path', 'url'],
    );
    assert.deepEqual(context((JSON.parse(body) as Answer).trace), [traceId, invoke!.spanId, '1']);
  });

  it('a proactive start: its init lies before the request, and is linked', { timeout: 120_000 }, async () => {
    await invoked(hearth);
    const ZipFile = await zip(code('two'));
    await hearth.lambda().send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile }));
    await eventually(async () => {
      const answer = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: 'f' }));
      return answer.LastUpdateStatus === 'Successful';
    }, 'the update');
    const traceId = newTrace();
    await invoked(hearth, { traceparent: traceparent(traceId) });
    const spans = await traceOf(traceId);
    const [frontEnd, init] = ['f', 'init'].map((of) => spans.find(({ name }) => name === of)!);
    assert.ok(init!.endNs <= frontEnd!.startNs, 'it was over before the request came');
    assert.equal(init!.parentSpanId, frontEnd!.spanId);
    assert.ok(frontEnd!.links.some(({ traceId: of, spanId }) => of === traceId && spanId === init!.spanId));
    const { attributes } = frontEnd!;
    assert.deepEqual(
      ['faas.coldstart', 'hearth.start.kind', 'hearth.start.trigger'].map((name) => attributes[name]),
      [false, 'proactive', 'deploy'],
    );
    assert.equal(init!.attributes['hearth.sandbox.origin'], 'deploy');
  });

  it('spans are counted', async () => {
    const series = await metricsOf(hearth);
    assert.ok(series.get('hearth_trace_spans_exported_total')! >= 30);
    assert.equal(series.get('hearth_trace_spans_dropped_total{reason="queue-full"}'), 0);
    assert.equal(series.get('hearth_trace_spans_dropped_total{reason="export-failed"}'), 0);
  });
});

async function metricsOf(hearth: Hearth): Promise<ReadonlyMap<string, number>> {
  return readExposition(await (await fetch(`${hearth.endpoint}/metrics`)).text());
}

describe('the way to a collector', () => {
  it('what waits is sent when the platform stops; OpenTelemetry’s own variables suffice', {
    timeout: 120_000,
  }, async (t) => {
    const collector = await OtlpCollector.start();
    t.after(() => collector.stop());
    const variables = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_SERVICE_NAME: 'mine',
      OTEL_BSP_SCHEDULE_DELAY: '3600000',
    };
    Object.assign(process.env, variables);
    const hearth = await Hearth.start('--spares', '0').finally(() => {
      for (const name of Object.keys(variables)) delete process.env[name];
    });
    t.after(() => hearth.remove());
    await hearth.create('f', ownNode, 'index.handler', code('one'));
    const [traceId] = context((await invoked(hearth)).trace);
    assert.deepEqual(collector.requests, []);
    await hearth.stop();
    assert.deepEqual(collector.requests, ['POST /v1/traces application/json gzip']);
    const spans = collector.trace(traceId);
    assert.equal(spans.length, 7);
    assert.ok(spans.every(({ resource }) => resource['service.name'] === 'mine'));
    assert.equal(spans.find(({ name }) => name === 'f')?.attributes['faas.coldstart'], true);
  });

  it('a collector that is down costs spans, and nothing else', { timeout: 120_000 }, async (t) => {
    // Taken, so that nobody else listens there. It says nothing while there are invocations: the queue fills, whatever
    // else this machine does. Then it is closed to everybody.
    const held = new Set<Socket>();
    let closed = false;
    const taken = createServer((socket) => {
      socket.on('error', () => {});
      if (closed) socket.destroy();
      else held.add(socket);
    });
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const close = () => {
      closed = true;
      for (const socket of held) socket.destroy();
    };
    t.after(() => {
      close();
      taken.close();
    });
    const { port } = taken.address() as { port: number };
    const variables = {
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BSP_MAX_QUEUE_SIZE: '32',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '16',
      OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    };
    Object.assign(process.env, variables);
    const hearth = await Hearth.start('--spares', '0', '--otlp', `http://127.0.0.1:${port}`).finally(() => {
      for (const name of Object.keys(variables)) delete process.env[name];
    });
    t.after(() => hearth.remove());
    await hearth.create('f', ownNode, 'index.handler', code('one'));
    for (let i = 0; i < 30; i += 1) assert.equal((await invoked(hearth)).functionError, undefined);
    close();
    const series = await eventually(async () => {
      const now = await metricsOf(hearth);
      return now.get('hearth_trace_spans_pending') === 0 ? now : null;
    }, 'the end of what waited');
    const dropped = ['queue-full', 'export-failed'].map(
      (reason) => series.get(`hearth_trace_spans_dropped_total{reason="${reason}"}`)!,
    );
    assert.ok(
      dropped.every((count) => count > 0),
      `${dropped}`,
    );
    // Seven of the cold start, four of each other.
    assert.equal(dropped[0]! + dropped[1]!, 7 + 29 * 4);
    assert.equal(series.get('hearth_trace_spans_exported_total'), 0);
  });

  it('an address that is none is told before anything starts', { timeout: 60_000 }, async () => {
    const hearth = Hearth.at('/nonexistent', '');
    const { status, stderr } = await hearth.cli('up', '--port', '0', '--otlp', 'nowhere');
    assert.equal(status, 64, stderr);
    assert.match(stderr, /--otlp takes an address like http:\/\/127\.0\.0\.1:4318, not nowhere/);
  });
});
