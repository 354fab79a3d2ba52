import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccountId, poolKey, type Region, versionKey } from '../../kernel/ids.js';
import { type FunctionSpec, type RuntimeName, textLogging } from '../../wire/functionspec.js';
import { functionEnvironment, startVariables } from './environment.js';

const account = '123456789012' as AccountId;
const region = 'eu-central-1' as Region;
const sandbox = {
  logStream: '2026/01/01/[$LATEST]ab',
  runtimeApi: '127.0.0.1:9001',
  initializationType: 'on-demand',
} as const;

function spec(runtime: RuntimeName, environment: Record<string, string> = {}, memoryMib = 128): FunctionSpec {
  const key = versionKey(account, region, 'sample', '$LATEST');
  return {
    account,
    region,
    functionName: 'sample',
    version: '$LATEST',
    versionKey: key,
    generation: 1,
    pool: poolKey(key, 1),
    functionArn: `arn:aws:lambda:${region}:${account}:function:sample`,
    runtime,
    handler: 'index.handler',
    codeSha256Hex: '00',
    layers: [],
    environment,
    memoryMib,
    timeoutMs: 3_000,
    ephemeralMib: 512,
    logGroup: '/aws/lambda/sample',
    logging: textLogging,
    tracing: 'PassThrough',
    snapshot: null,
    reservedConcurrency: null,
  };
}

test('a function that logs JSON is told so, with its level; one that logs text may have its own level', () => {
  const named = ({ AWS_LAMBDA_LOG_FORMAT, AWS_LAMBDA_LOG_LEVEL }: Readonly<Record<string, string>>) => [
    AWS_LAMBDA_LOG_FORMAT,
    AWS_LAMBDA_LOG_LEVEL,
  ];
  const text = spec('nodejs22.x', { AWS_LAMBDA_LOG_LEVEL: 'warn' });
  assert.deepEqual(named(functionEnvironment(spec('nodejs22.x'), sandbox)), [undefined, undefined]);
  assert.deepEqual(named(functionEnvironment(text, sandbox)), [undefined, 'warn']);
  const json = { ...text, logging: { format: 'JSON', applicationLevel: 'DEBUG', systemLevel: 'INFO' } } as const;
  assert.deepEqual(named(functionEnvironment(json, sandbox)), ['JSON', 'DEBUG']);
});

test('a function sees what Lambda sets, with the names of its runtime', () => {
  const node = functionEnvironment(spec('nodejs22.x'), sandbox);
  assert.equal(node.AWS_EXECUTION_ENV, 'AWS_Lambda_nodejs22.x');
  assert.equal(node.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '128');
  assert.equal(node.NODE_PATH?.split(':')[0], '/opt/nodejs/node22/node_modules');
  assert.equal(node.TZ, ':UTC');
  assert.equal(node.AWS_ACCESS_KEY_ID, undefined);
  assert.equal(functionEnvironment(spec('python3.12'), sandbox).PYTHONPATH, '/var/runtime');
  assert.equal(functionEnvironment(spec('provided.al2023'), sandbox).AWS_EXECUTION_ENV, undefined);
});

test('every variable of the developer guide is there', () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' };
  // `_X_AMZN_TRACE_ID` comes with each invocation.
  const everywhere = `_HANDLER AWS_DEFAULT_REGION AWS_REGION AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE
    AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
    AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT
    LAMBDA_RUNTIME_DIR LANG PATH LD_LIBRARY_PATH AWS_XRAY_CONTEXT_MISSING AWS_XRAY_DAEMON_ADDRESS TZ`;
  const own = { 'nodejs22.x': 'AWS_EXECUTION_ENV NODE_PATH', 'python3.12': 'AWS_EXECUTION_ENV PYTHONPATH' };
  for (const [runtime, more] of Object.entries({ ...own, 'provided.al2023': '' })) {
    const made = functionEnvironment(spec(runtime as RuntimeName), sandbox, credentials);
    const missing = `${everywhere} ${more}`.split(/\s+/).filter((name) => name !== '' && !made[name]);
    assert.deepEqual(missing, [], runtime);
  }
});

test('what starts from a snapshot asks for its credentials, and knows no log stream', () => {
  const made = functionEnvironment(
    spec('python3.12'),
    { ...sandbox, initializationType: 'snap-start' },
    { uri: 'http://127.0.0.1:9001/2021-04-23/credentials', token: 't' },
  );
  assert.equal(made.AWS_LAMBDA_INITIALIZATION_TYPE, 'snap-start');
  assert.equal(made.AWS_CONTAINER_CREDENTIALS_FULL_URI, 'http://127.0.0.1:9001/2021-04-23/credentials');
  assert.equal(made.AWS_CONTAINER_AUTHORIZATION_TOKEN, 't');
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_LAMBDA_LOG_GROUP_NAME', 'AWS_LAMBDA_LOG_STREAM_NAME']) {
    assert.equal(made[name], undefined, name);
  }
});

test('a provisioned sandbox knows what it is; all else is as on demand', () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' };
  const type = 'AWS_LAMBDA_INITIALIZATION_TYPE';
  const onDemand = functionEnvironment(spec('python3.12'), sandbox, credentials);
  const initializationType = 'provisioned-concurrency';
  const made = functionEnvironment(spec('python3.12'), { ...sandbox, initializationType }, credentials);
  assert.equal(onDemand[type], 'on-demand');
  assert.deepEqual(made, { ...onDemand, [type]: initializationType });
});

test('the user replaces defaults, never what is reserved', () => {
  const made = functionEnvironment(
    spec('nodejs20.x', { LANG: 'de_DE.UTF-8', MINE: '1', AWS_REGION: 'nowhere' }),
    sandbox,
    { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 'c' },
  );
  assert.equal(made.LANG, 'de_DE.UTF-8');
  assert.equal(made.MINE, '1');
  assert.equal(made.AWS_REGION, region);
  assert.equal(made.AWS_SESSION_TOKEN, 'c');
});

test('variables that count at start keep a function away from spares; others do not', () => {
  assert.deepEqual(
    startVariables(spec('nodejs20.x', { MINE: '1', NODE_PATH: '/x', PYTHONPATH: '/y', TZ: 'Asia/Tokyo' })),
    {},
  );
  assert.deepEqual(startVariables(spec('python3.12', { MINE: '1', PYTHONPATH: '/y', LD_PRELOAD: 'z' })), {
    PYTHONPATH: '/y',
    LD_PRELOAD: 'z',
  });
  assert.deepEqual(startVariables(spec('provided.al2023', { LD_PRELOAD: 'z' })), {});
});

test('features that Lambda switches off stay off under NODE_OPTIONS, until the function names them', () => {
  const options = (runtime: RuntimeName, wanted: string) =>
    startVariables(spec(runtime, { NODE_OPTIONS: wanted })).NODE_OPTIONS;
  assert.equal(options('nodejs24.x', '--no-warnings'), '--no-warnings');
  assert.equal(
    options('nodejs22.x', '--experimental-require-module'),
    '--no-experimental-detect-module --experimental-require-module',
  );
});

test('a function of much memory gets a heap to use it', () => {
  assert.match(startVariables(spec('nodejs24.x', {}, 10_240)).NODE_OPTIONS ?? '', /^--max-old-space-size=9216$/);
  assert.equal(
    startVariables(spec('nodejs24.x', { NODE_OPTIONS: '--max-old-space-size=64' }, 10_240)).NODE_OPTIONS,
    '--max-old-space-size=64',
  );
});
