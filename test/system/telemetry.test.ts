import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { type SchemaVersion, schemaFaults } from '../../src/worker/telemetry/testschema.js';
import { nodeExtension } from './extensionprograms.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

interface Delivered {
  readonly time: string;
  readonly type: string;
  readonly record: Record<string, unknown> & string;
}

/** What platform.runtimeDone and platform.report tell. */
interface Told {
  readonly requestId: string;
  readonly status: string;
  readonly spans: readonly { readonly name: string }[];
  readonly metrics: { readonly producedBytes: number; readonly memorySizeMB: number };
}

/**
 * Puts every event it is sent into /tmp/got, one a line; asks for the next event when the last one of this one is there,
 * and ends when it has been told how the box ended.
 */
const collects = (subscription: string, server: string) =>
  nodeExtension({
    ready: `
      const got = [];
      const take = (event) => { got.push(event); fs.appendFileSync('/tmp/got', JSON.stringify(event) + '\\n'); };
      ${server}
      ${subscription}`,
    on: `if (event.eventType === 'INVOKE') while (!got.some(({ type }) => type === 'platform.runtimeDone' || type === 'platform.end'))
      await new Promise((wake) => setTimeout(wake, 5));
    if (event.shutdownReason === 'failure') while (!/initReport|report/.test(got.at(-1)?.type))
      await new Promise((wake) => setTimeout(wake, 5));`,
  });

const httpServer = `
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (piece) => { text += piece; }).on('end', () => { JSON.parse(text).forEach(take); response.end('ok'); });
  });
  await new Promise((listening) => server.listen(4243, 'sandbox.localdomain', listening));`;

const tcpServer = `
  const server = net.createServer((socket) => {
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
      const lines = text.split('\\n');
      text = lines.pop();
      lines.forEach((line) => take(JSON.parse(line)));
    });
  });
  await new Promise((listening) => server.listen(4243, '127.0.0.1', listening));`;

describe('telemetry', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  async function create(name: string, extension: string, more = {}, init = ''): Promise<void> {
    const Content = { ZipFile: await zip({ [`extensions/${name}`]: extension }) };
    const published = await hearth.lambda().send(new PublishLayerVersionCommand({ LayerName: name, Content }));
    const code = {
      'index.js': `
        const fs = require('node:fs');
        ${init}
        exports.handler = async (event) => {
          if (event.exit) process.exit(3);
          if (event.read) return fs.readFileSync('/tmp/got', 'utf8').trim().split('\\n').map((line) => JSON.parse(line));
          process.stdout.write('from the function\\n');
          return null;
        };`,
    };
    await hearth.create(name, ownNode, 'index.handler', code, { Layers: [published.LayerVersionArn!], ...more });
  }

  /** Invokes until the subscriber has the report of the first invocation, and returns what it got. */
  async function got(name: string, version: SchemaVersion): Promise<Delivered[]> {
    const first = await hearth.invoke(name, {});
    assert.equal(first.functionError, undefined, first.payload + first.log);
    return until(name, version, (events) => events.some(({ type }) => type === 'platform.report'));
  }

  /** Invokes until the subscriber has got what is asked for: all of it is as published. */
  async function until(
    name: string,
    version: SchemaVersion,
    isThere: (events: readonly Delivered[]) => boolean,
  ): Promise<Delivered[]> {
    const events = await eventually(async () => {
      const { payload } = await hearth.invoke(name, { read: true });
      const soFar: Delivered[] = JSON.parse(payload);
      return isThere(soFar) ? soFar : null;
    }, 'the events');
    for (const event of events) assert.deepEqual(schemaFaults(event, version), [], JSON.stringify(event));
    return events;
  }

  async function log(name: string): Promise<string[]> {
    const found = await hearth.logs().send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }));
    return (found.events ?? []).map(({ message }) => (message ?? '').trimEnd());
  }

  it('over HTTP: platform, function and extension events of the documented schema', async () => {
    await create(
      'posted',
      collects(
        `const answer = await subscribe('/2022-07-01/telemetry', { schemaVersion: '2022-12-13',
          types: ['platform', 'function', 'extension'], buffering: { maxItems: 1000, maxBytes: 262144, timeoutMs: 25 },
          destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:4243/telemetry' } });
         say('subscribed ' + answer.status + ' ' + answer.text);`,
        httpServer,
      ),
    );
    const events = await got('posted', '2022-12-13');
    const of = (type: string) => events.find((event) => event.type === type)!;
    for (const { time } of events) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const start = of('platform.initStart').record;
    assert.equal(start.initializationType, 'on-demand');
    assert.equal(start.phase, 'init');
    assert.equal(start.functionName, 'posted');
    assert.equal(start.functionVersion, '$LATEST');
    assert.match(String(start.runtimeVersion), /^nodejs:/);
    assert.equal(of('platform.initRuntimeDone').record.status, 'success');
    const { metrics, status } = of('platform.initReport').record as unknown as { metrics: object; status: string };
    assert.deepEqual([Object.keys(metrics), status], [['durationMs'], 'success']);
    assert.deepEqual(of('platform.telemetrySubscription').record, {
      name: 'posted',
      state: 'Subscribed',
      types: ['platform', 'function', 'extension'],
    });
    assert.deepEqual(of('platform.extension').record, {
      name: 'posted',
      state: 'Ready',
      events: ['INVOKE', 'SHUTDOWN'],
    });
    const { requestId } = of('platform.start').record;
    const done = of('platform.runtimeDone').record as unknown as Told;
    assert.equal(done.requestId, requestId);
    assert.equal(done.status, 'success');
    assert.deepEqual(
      done.spans.map(({ name }) => name),
      ['responseLatency', 'responseDuration'],
    );
    assert.equal(done.metrics.producedBytes, 4);
    const report = of('platform.report').record as unknown as Told;
    assert.equal(report.requestId, requestId);
    assert.equal(report.metrics.memorySizeMB, 512);
    assert.ok(events.some(({ type, record }) => type === 'function' && record === 'from the function\n'));
    assert.ok(events.some(({ type, record }) => type === 'extension' && record.startsWith('posted INVOKE')));
    const lines = await log('posted');
    assert.ok(lines.includes('TELEMETRY\tName: posted\tState: Subscribed\tTypes: [Platform, Function, Extension]'));
    assert.ok(lines.includes('posted subscribed 200 "OK"'), lines.join('\n'));
  });

  it('over TCP, a JSON text a line', async () => {
    await create(
      'streamed',
      collects(
        `await subscribe('/2022-07-01/telemetry', { schemaVersion: '2025-01-29', types: ['platform', 'function'],
          buffering: { timeoutMs: 25 }, destination: { protocol: 'TCP', port: 4243 } });`,
        tcpServer,
      ),
    );
    const types = new Set((await got('streamed', '2025-01-29')).map(({ type }) => type));
    for (const type of ['platform.initStart', 'platform.start', 'function', 'platform.runtimeDone', 'platform.report'])
      assert.ok(types.has(type), type);
    assert.ok(!types.has('extension'));
  });

  it('of an init that is run again inside an invocation, after its failure and after a crash', async () => {
    await create(
      'again',
      collects(
        `await subscribe('/2022-07-01/telemetry', { schemaVersion: '2022-12-13', types: ['platform', 'function', 'extension'],
          buffering: { timeoutMs: 25 }, destination: { protocol: 'TCP', port: 4243 } });`,
        tcpServer,
      ),
      { LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'DEBUG' } },
      `if (!fs.existsSync('/tmp/failed')) {
         fs.writeFileSync('/tmp/failed', '');
         throw new RangeError('the first time');
       }`,
    );
    assert.equal((await hearth.invoke('again', {})).functionError, undefined);
    assert.equal((await hearth.invoke('again', { exit: true })).functionError, 'Unhandled');
    const isReported = ({ type, record }: Delivered) => type === 'platform.initReport' && record.phase === 'invoke';
    const events = await until('again', '2022-12-13', (soFar) => soFar.filter(isReported).length > 1);
    const told = (all: readonly Delivered[]) =>
      all
        .filter(({ type }) => type.startsWith('platform.init'))
        .map(({ type, record }) => {
          assert.equal(record.initializationType, 'on-demand');
          return `${type.slice('platform.'.length)} ${record.phase} ${record.status ?? ''}${record.errorType ?? ''}`.trim();
        });
    const inits = [
      ...['initStart init', 'initRuntimeDone init errorRangeError', 'initReport init errorRangeError'],
      ...['initStart invoke', 'initRuntimeDone invoke success', 'initReport invoke success'],
      ...['initStart invoke', 'initRuntimeDone invoke success', 'initReport invoke success'],
    ];
    assert.deepEqual(told(events), inits);
    // What runs inside an invocation comes before the START of it.
    const order = events.map(({ type }) => type).filter((type) => /initReport|start$|report$/.test(type));
    const [report, start] = ['platform.initReport', 'platform.start'];
    assert.deepEqual(order.slice(0, 6), [report, report, start, 'platform.report', start, 'platform.report']);
    const crashed = events.find(({ type, record }) => type === 'platform.runtimeDone' && record.status !== 'success')!;
    assert.deepEqual([crashed.record.status, crashed.record.errorType], ['error', 'Runtime.ExitError']);
    // The log has the same.
    const lines = (await log('again')).filter((line) => line.startsWith('{"time":'));
    const logged = lines.map((line) => JSON.parse(line) as Delivered);
    for (const event of logged) assert.deepEqual(schemaFaults(event), [], JSON.stringify(event));
    assert.deepEqual(told(logged), inits);
  });

  it('by the Logs API of before', async () => {
    await create(
      'older',
      collects(
        `await subscribe('/2020-08-15/logs', { schemaVersion: '2021-03-18', types: ['platform', 'function'],
          buffering: { timeoutMs: 25 }, destination: { protocol: 'HTTP', URI: 'http://sandbox:4243' } });`,
        httpServer,
      ),
    );
    const events = await got('older', '2021-03-18');
    const types = new Set(events.map(({ type }) => type));
    for (const type of ['platform.start', 'platform.end', 'platform.runtimeDone', 'platform.report', 'function'])
      assert.ok(types.has(type), `${type} of ${[...types]}`);
    assert.ok(!types.has('platform.initStart'));
    assert.deepEqual(Object.keys(events.find(({ type }) => type === 'platform.runtimeDone')!.record), [
      'requestId',
      'status',
    ]);
    assert.ok((await log('older')).includes('LOGS\tName: older\tState: Subscribed\tTypes: [Platform, Function]'));
  });

  it('refuses what it cannot do, and subscriptions after init', async () => {
    const wrong = [
      { schemaVersion: '2020-01-01', types: ['platform'], destination: { protocol: 'TCP', port: 4243 } },
      { schemaVersion: '2022-12-13', types: ['metrics'], destination: { protocol: 'TCP', port: 4243 } },
      {
        schemaVersion: '2022-12-13',
        types: ['platform'],
        destination: { protocol: 'HTTP', URI: 'http://example.com' },
      },
      { schemaVersion: '2022-12-13', types: ['platform'], destination: { protocol: 'TCP', port: 9001 } },
      {
        schemaVersion: '2022-12-13',
        types: ['platform'],
        destination: { protocol: 'TCP', port: 4243 },
        buffering: { maxItems: 10 },
      },
    ];
    await create(
      'refused',
      nodeExtension({
        ready: `for (const request of ${JSON.stringify(wrong)}) {
          const { status, text } = await subscribe('/2022-07-01/telemetry', request);
          say(status + ' ' + text);
        }
        const unknown = await call('PUT', '/2022-07-01/telemetry',
          { 'Lambda-Extension-Identifier': '00000000-0000-4000-8000-000000000000' }, '{}');
        say(unknown.status + ' ' + unknown.text);`,
        on: `if (event.eventType === 'INVOKE') {
          const { status, text } = await subscribe('/2022-07-01/telemetry', ${JSON.stringify({ ...wrong[0], schemaVersion: '2022-12-13' })});
          say('late ' + status + ' ' + text);
        }`,
      }),
    );
    assert.equal((await hearth.invoke('refused')).functionError, undefined);
    const lines = await log('refused');
    assert.equal(
      lines.filter((line) => line.includes('400 {"errorMessage"') && line.includes('ValidationError')).length,
      5,
    );
    assert.ok(
      lines.includes(
        'refused 403 {"errorMessage":"Unknown extension 00000000-0000-4000-8000-000000000000","errorType":"Extension.UnknownExtensionIdentifier"}',
      ),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) => line.startsWith('refused late 403') && line.includes('Telemetry.SubscriptionClosed')),
      lines.join('\n'),
    );
  });
});
