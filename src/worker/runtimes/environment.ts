import { getHeapStatistics } from 'node:v8';
import { mib } from '../../kernel/units.js';
import type { FunctionSpec, RuntimeName } from '../../wire/functionspec.js';
import type { InitializationType } from '../../wire/start.js';
import { languageDirectory, nodeMajor, pythonMinor, rubyMinor, runtimeDirectory } from './description.js';
import { nodeOptions } from './node.js';

/** Temporary credentials a function's AWS SDK signs with. */
export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** What is known of the sandbox when the function's environment is made. */
export interface SandboxDetails {
  readonly logStream: string;
  /** Host and port of the Runtime API as seen from inside. */
  readonly runtimeApi: string;
  readonly initializationType: InitializationType;
}

/** Where a function with SnapStart gets its credentials from: those in its environment would be its snapshot's. */
export interface CredentialsSource {
  readonly uri: string;
  readonly token: string;
}

const taskRoot = '/var/task';
const libraryPath = `${languageDirectory}/lib:/lib64:/usr/lib64:${runtimeDirectory}:${runtimeDirectory}/lib:${taskRoot}:${taskRoot}/lib:/opt/lib`;

/** Defaults that a function may replace (the "unreserved" variables of the Lambda developer guide). */
function defaults(spec: FunctionSpec): Record<string, string> {
  const node = nodeMajor(spec.runtime);
  return {
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    PATH: `${languageDirectory}/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin`,
    LD_LIBRARY_PATH: libraryPath,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    AWS_XRAY_DAEMON_ADDRESS: '169.254.79.129:2000',
    ...(node !== null && {
      NODE_PATH: `/opt/nodejs/node${node}/node_modules:/opt/nodejs/node_modules:${runtimeDirectory}/node_modules:${runtimeDirectory}:${taskRoot}`,
    }),
    ...(pythonMinor(spec.runtime) !== null && { PYTHONPATH: runtimeDirectory }),
    ...rubyDefaults(spec.runtime),
  };
}

/** Where Ruby looks for gems and files (developer guide, "Layer paths for each Lambda runtime"). */
function rubyDefaults(runtime: RuntimeName): Record<string, string> {
  const minor = rubyMinor(runtime);
  if (minor === null) return {};
  return {
    GEM_HOME: runtimeDirectory,
    GEM_PATH: `${taskRoot}/vendor/bundle/ruby/${minor}.0:/opt/ruby/gems/${minor}.0`,
    RUBYLIB: `${taskRoot}:${runtimeDirectory}/lib:/opt/ruby/lib`,
  };
}

function credentialVariables(credentials: FunctionCredentials | CredentialsSource | null): Record<string, string> {
  if (credentials === null) return {};
  if ('uri' in credentials) {
    return {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: credentials.uri,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: credentials.token,
    };
  }
  return {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
  };
}

function reserved(
  spec: FunctionSpec,
  sandbox: SandboxDetails,
  credentials: FunctionCredentials | CredentialsSource | null,
): Record<string, string> {
  return {
    _HANDLER: spec.handler,
    AWS_REGION: spec.region,
    AWS_DEFAULT_REGION: spec.region,
    // Lambda gives none to runtimes that bring their own bootstrap.
    ...(!spec.runtime.startsWith('provided') && { AWS_EXECUTION_ENV: `AWS_Lambda_${spec.runtime}` }),
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMib),
    AWS_LAMBDA_FUNCTION_VERSION: spec.version,
    AWS_LAMBDA_INITIALIZATION_TYPE: sandbox.initializationType,
    // Every sandbox of a snapshot has a log stream of its own (developer guide, "Monitoring for Lambda SnapStart").
    ...(sandbox.initializationType !== 'snap-start' && {
      AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
      AWS_LAMBDA_LOG_STREAM_NAME: sandbox.logStream,
    }),
    ...(spec.logging.format === 'JSON' && { AWS_LAMBDA_LOG_FORMAT: 'JSON' }),
    ...(spec.logging.applicationLevel !== null && { AWS_LAMBDA_LOG_LEVEL: spec.logging.applicationLevel }),
    AWS_LAMBDA_RUNTIME_API: sandbox.runtimeApi,
    ...credentialVariables(credentials),
    LAMBDA_TASK_ROOT: taskRoot,
    LAMBDA_RUNTIME_DIR: runtimeDirectory,
    _AWS_XRAY_DAEMON_ADDRESS: '169.254.79.129',
    _AWS_XRAY_DAEMON_PORT: '2000',
  };
}

/**
 * The whole environment of a function's process, names and values as in Lambda
 * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html): defaults, what the user configured, and
 * over both what Lambda reserves.
 */
export function functionEnvironment(
  spec: FunctionSpec,
  sandbox: SandboxDetails,
  credentials: FunctionCredentials | CredentialsSource | null = null,
): Readonly<Record<string, string>> {
  return { ...defaults(spec), ...spec.environment, ...reserved(spec, sandbox, credentials) };
}

const startOnly = {
  always: /^(LD_.*|GLIBC_TUNABLES|MALLOC_.*|AWS_LAMBDA_EXEC_WRAPPER)$/,
  node: /^(NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_ICU_DATA|NODE_V8_COVERAGE|NODE_DEBUG.*|NODE_NO_WARNINGS|NODE_PENDING_.*|NODE_DISABLE_.*|NODE_USE_.*|NODE_COMPILE_CACHE|OPENSSL_CONF|UV_USE_IO_URING|FORCE_COLOR|NO_COLOR)$/,
  python: /^(PYTHON.*|LANG|LC_.*)$/,
  ruby: /^(RUBY.*|GEM_.*|BUNDLE_.*|LANG|LC_.*)$/,
};

/** What V8 allows by itself on this machine (2 to 4 GiB): up to it the sandbox's memory limit is the one that counts. */
const heapMibDefault = Math.floor(getHeapStatistics().heap_size_limit / mib);

/**
 * Those of a function's variables that only count when a process starts. A spare has started already, so a function
 * that has any boots a fresh process with them. With shared libraries of its own, LD_LIBRARY_PATH is one of them.
 */
export function startVariables(spec: FunctionSpec, libraries = false): Readonly<Record<string, string>> {
  const node = nodeMajor(spec.runtime) !== null;
  const python = pythonMinor(spec.runtime) !== null;
  if (!node && !python && rubyMinor(spec.runtime) === null) return {};
  const own = node ? startOnly.node : python ? startOnly.python : startOnly.ruby;
  const counting = Object.entries(spec.environment).filter(([name]) => startOnly.always.test(name) || own.test(name));
  const variables: Record<string, string> = {
    ...(libraries && { LD_LIBRARY_PATH: libraryPath }),
    ...Object.fromEntries(counting),
  };
  if (!node) return variables;
  // As Lambda: a tenth of the memory is for the young generation and for what lies outside of V8's heap.
  const heapMib = Math.floor(spec.memoryMib * 0.9);
  const wanted = variables.NODE_OPTIONS ?? '';
  const sized = /max[-_](semi|old)[-_]space[-_]size/.test(wanted);
  const options = !sized && heapMib > heapMibDefault ? `${wanted} --max-old-space-size=${heapMib}`.trim() : wanted;
  return options === '' ? variables : { ...variables, NODE_OPTIONS: nodeOptions(spec.runtime, options) };
}
