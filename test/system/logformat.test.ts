import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  type LoggingConfig,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode, testIsolation } from './hearth.js';
import { zip } from './zip.js';

const isoMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('log formats, levels and groups', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  const node = (name: string, code: string, logging: LoggingConfig, more = {}) =>
    hearth.create(name, ownNode, 'index.handler', { 'index.mjs': code }, { LoggingConfig: logging, ...more });

  /** Messages of a log group, oldest first. */
  async function messages(group: string): Promise<string[]> {
    const { events = [] } = await hearth.logs().send(new FilterLogEventsCommand({ logGroupName: group }));
    return events.map(({ message }) => message!);
  }

  it('logs JSON: platform events and console in one stream, each at its level, also in the log tail', async () => {
    await node(
      'json',
      `console.warn('loading');
       export const handler = async (event, context) => {
         console.log('hello %s', 'you');
         console.debug('not shown');
         console.error(new RangeError('too far'));
         process.stdout.write('{"level":"debug","timestamp":"2024-01-01T00:00:00Z"}\\nplain text\\n');
         return [process.env.AWS_LAMBDA_LOG_FORMAT, process.env.AWS_LAMBDA_LOG_LEVEL, context.awsRequestId];
       };`,
      { LogFormat: 'JSON' },
    );
    const configuration = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName: 'json' }));
    assert.deepEqual(configuration.LoggingConfig, {
      LogFormat: 'JSON',
      ApplicationLogLevel: 'INFO',
      SystemLogLevel: 'INFO',
      LogGroup: '/aws/lambda/json',
    });
    const { payload, log } = await hearth.invoke('json');
    const [format, level, requestId] = JSON.parse(payload);
    assert.deepEqual([format, level], ['JSON', 'INFO']);
    const events = await messages('/aws/lambda/json');
    const lines = events.map((text) => `${text.trimEnd()}\n`);
    assert.equal(log, lines.slice(lines.findIndex((text) => text.includes('platform.start'))).join(''));
    const parsed = events.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));
    assert.deepEqual(
      parsed.map(({ type, level: own, message }) => type ?? `${own} ${message?.errorMessage ?? message}`),
      ['platform.initStart', 'WARN loading', 'platform.start', 'INFO hello you', 'ERROR too far', 'platform.report'],
    );
    assert.deepEqual(
      events.filter((text) => !text.startsWith('{')),
      ['plain text\n'],
    );
    const error = parsed.find(({ level: own }) => own === 'ERROR');
    assert.match(error.timestamp, isoMs);
    assert.equal(error.requestId, requestId);
    assert.equal(error.message.errorType, 'RangeError');
    assert.match(error.message.stackTrace[1], /index\.mjs:5/);
    const report = parsed.at(-1);
    assert.match(report.time, isoMs);
    const { metrics, ...record } = report.record;
    assert.deepEqual(record, { requestId, status: 'success' });
    assert.deepEqual(Object.keys(metrics), [
      'durationMs',
      'billedDurationMs',
      'memorySizeMB',
      'maxMemoryUsedMB',
      'initDurationMs',
    ]);
    assert.equal(metrics.billedDurationMs, Math.ceil(metrics.durationMs + metrics.initDurationMs));
  });

  it('filters by both levels, after an update too; a group of the user’s own takes the log', async () => {
    await node('levels', 'export const handler = async () => { console.info("info"); console.debug("debug"); };', {
      LogFormat: 'JSON',
      ApplicationLogLevel: 'DEBUG',
      SystemLogLevel: 'DEBUG',
      LogGroup: '/mine/levels',
    });
    await hearth.invoke('levels');
    const kinds = async () =>
      (await messages('/mine/levels')).map((text) => JSON.parse(text)).map(({ type, message }) => type ?? message);
    const all = [
      'platform.initStart',
      'platform.initRuntimeDone',
      'platform.initReport',
      'platform.start',
      'info',
      'debug',
      'platform.runtimeDone',
      'platform.report',
    ];
    assert.deepEqual(await kinds(), all);
    // Our own command finds the group by the function's name.
    assert.match((await hearth.cli('logs', 'levels')).stdout, /"message":"debug"/);
    const client = hearth.lambda();
    const updated = await client.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'levels',
        LoggingConfig: { ApplicationLogLevel: 'INFO', SystemLogLevel: 'WARN' },
      }),
    );
    assert.deepEqual(updated.LoggingConfig, {
      LogFormat: 'JSON',
      ApplicationLogLevel: 'INFO',
      SystemLogLevel: 'WARN',
      LogGroup: '/mine/levels',
    });
    const isUpdated = async () =>
      (await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'levels' }))).LastUpdateStatus ===
      'Successful';
    await eventually(isUpdated, 'the update to be done');
    await hearth.invoke('levels');
    assert.deepEqual(await kinds(), [...all, 'info']);
    await client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName: 'levels', LoggingConfig: { LogFormat: 'Text' } }),
    );
    await eventually(isUpdated, 'the second update to be done');
    assert.match((await hearth.invoke('levels')).log, /^START RequestId: [\s\S]+\tDEBUG\tdebug\nEND RequestId: /);
    const { LoggingConfig } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: 'levels' }));
    assert.deepEqual(LoggingConfig, { LogFormat: 'Text', LogGroup: '/mine/levels' });
  });

  it('refuses levels without JSON, and values that do not exist, in the words of the service', async () => {
    const client = hearth.lambda();
    const create = async (logging: LoggingConfig) =>
      client.send(
        new CreateFunctionCommand({
          FunctionName: 'refused',
          Runtime: ownNode,
          Handler: 'index.handler',
          Role: 'arn:aws:iam::123456789012:role/test',
          Code: { ZipFile: await zip({ 'index.mjs': '' }) },
          LoggingConfig: logging,
        }),
      );
    const noLevels = {
      name: 'InvalidParameterValueException',
      message:
        'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.',
    };
    await assert.rejects(create({ ApplicationLogLevel: 'INFO' }), noLevels);
    await assert.rejects(create({ LogFormat: 'Text', SystemLogLevel: 'DEBUG' }), noLevels);
    await assert.rejects(create({ LogFormat: 'XML' as never }), {
      name: 'ValidationException',
      message:
        /at 'loggingConfig\.logFormat' failed to satisfy constraint: Member must satisfy enum value set: \[JSON, Text\]/,
    });
    await assert.rejects(create({ LogFormat: 'JSON', SystemLogLevel: 'ERROR' as never }), {
      name: 'ValidationException',
      message: /Member must satisfy enum value set: \[DEBUG, INFO, WARN\]/,
    });
    await assert.rejects(create({ LogGroup: 'with blanks' }), { name: 'ValidationException' });
  });

  it('JSON: Python’s logging, what nobody caught, and what is printed', async (test) => {
    const runtimes = JSON.parse((await hearth.cli('runtimes', '--json')).stdout) as { name: string; status: string }[];
    const python = runtimes.findLast(({ name, status }) => name.startsWith('python') && status === 'ready')?.name;
    if (python === undefined) return test.skip('no Python runtime on this machine');
    const code = [
      'import logging',
      'log = logging.getLogger()',
      'def handler(event, context):',
      '    log.info("hello %s", "you", extra={"order": 7})',
      '    log.debug("not shown")',
      '    print("printed")',
      '    raise KeyError("at the end")',
    ].join('\n');
    await hearth.create(
      'pyjson',
      python,
      'app.handler',
      { 'app.py': code },
      { LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN' } },
    );
    assert.equal((await hearth.invoke('pyjson')).functionError, 'Unhandled');
    const events = await messages('/aws/lambda/pyjson');
    assert.ok(events.includes('printed\n'));
    const [info, error, done, report] = events.filter((text) => text.startsWith('{')).map((text) => JSON.parse(text));
    assert.deepEqual([info.level, info.message, info.logger, info.order], ['INFO', 'hello you', 'root', 7]);
    assert.deepEqual([error.level, error.errorType, error.errorMessage], ['ERROR', 'KeyError', "'at the end'"]);
    assert.match(error.stackTrace[0], /line 7, in handler/);
    assert.deepEqual(
      [done, report].map(({ type, record }) => [type, record.status, record.errorType]),
      [
        ['platform.runtimeDone', 'error', 'KeyError'],
        ['platform.report', 'error', 'KeyError'],
      ],
    );
    return undefined;
  });

  it('JSON: a timeout, a crash and a failed init are events of level WARN', async () => {
    // The next invocation boots and initializes inside this time: an emulated processor needs more of it.
    const timeoutS = testIsolation().includes('microvm') ? 5 : 1;
    await node(
      'fails',
      `export const handler = async ({ code }) => { if (code !== undefined) process.exit(code); await new Promise(() => setInterval(() => {}, 1000)); };`,
      { LogFormat: 'JSON', SystemLogLevel: 'WARN' },
      { Timeout: timeoutS },
    );
    await hearth.invoke('fails');
    await hearth.invoke('fails', { code: 3 });
    const events = (await messages('/aws/lambda/fails')).map((text) => JSON.parse(text));
    assert.deepEqual(
      events.map(({ type, record, message }) => [type ?? message, record?.status ?? '', record?.errorType ?? '']),
      [
        [`Task timed out after ${timeoutS}.00 seconds`, '', ''],
        ['platform.runtimeDone', 'timeout', ''],
        ['platform.report', 'timeout', ''],
        ['Runtime exited with error: exit status 3', '', ''],
        ['platform.runtimeDone', 'error', 'Runtime.ExitError'],
        ['platform.report', 'error', 'Runtime.ExitError'],
      ],
    );
    assert.equal(events[2].record.metrics.durationMs, timeoutS * 1000);
    await node('broken', 'throw new TypeError("not today");', { LogFormat: 'JSON', SystemLogLevel: 'WARN' });
    await hearth.invoke('broken');
    const kinds = (await messages('/aws/lambda/broken'))
      .map((text) => JSON.parse(text))
      .filter(({ type }) => type !== undefined)
      .map(({ type, record }) => `${type} ${record.phase ?? ''} ${record.status}`);
    assert.deepEqual(kinds, [
      'platform.initRuntimeDone init error',
      'platform.initReport init error',
      'platform.initRuntimeDone invoke error',
      'platform.initReport invoke error',
      'platform.runtimeDone  error',
      'platform.report  error',
    ]);
  });

  it('active tracing: sampled, told to the function and in REPORT; passed through without', async () => {
    const code = 'export const handler = async () => process.env._X_AMZN_TRACE_ID;';
    await node('traced', code, {}, { TracingConfig: { Mode: 'Active' } });
    const { payload, log } = await hearth.invoke('traced');
    const [, traceId, segmentId] =
      /^"Root=(1-[0-9a-f]{8}-[0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=1;Lineage=[0-9a-f]{8}:1"$/.exec(payload)!;
    assert.ok(log.endsWith(`\t\nXRAY TraceId: ${traceId}\tSegmentId: ${segmentId}\tSampled: true\t\n`), log);
    await node('untraced', code, {});
    const plain = await hearth.invoke('untraced');
    assert.match(plain.payload, /;Sampled=0;Lineage=[0-9a-f]{8}:1"$/);
    assert.doesNotMatch(plain.log, /XRAY/);
  });
});
