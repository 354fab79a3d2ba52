import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { ownLogGroup, type RuntimeName, runtimeNames } from '../wire/functionspec.js';
import type { Input } from '../wire/lambda/operations.js';
import { changedLogging } from './loggingsettings.js';
import type { LayerUse, Settings } from './messages.js';

type Create = Input<'CreateFunction'>;
type Update = Input<'UpdateFunctionConfiguration'>;

/** The service's own ranges (the model's are wider, for offers Hearth does not have). */
const timeoutSecondsMax = 900;
const memoryMibMax = 10_240;

const runtimes: ReadonlySet<string> = new Set(runtimeNames);

/** Set by Lambda in every sandbox (AWS documentation, "Defined runtime environment variables"). */
const reservedKeys: ReadonlySet<string> = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_DEFAULT_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_LAMBDA_RUNTIME_API',
  'AWS_REGION',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'LAMBDA_RUNTIME_DIR',
  'LAMBDA_TASK_ROOT',
]);

/** Settings of a new function: what the client gave, and the service's defaults. */
export function newSettings(
  input: Create,
  name: string,
  architecture: Settings['architecture'],
  layers: readonly LayerUse[] = [],
): Result<Settings> {
  if (input.PackageType === 'Image') return invalid('Functions of package type Image are not supported: use Zip');
  if (input.Runtime === undefined || input.Handler === undefined) {
    return invalid('Runtime and Handler are mandatory parameters for functions created with deployment packages.');
  }
  const wanted = input.Architectures?.[0];
  if (wanted !== undefined && wanted !== architecture) {
    return invalid(`Architecture ${wanted} is not available here: this machine runs ${architecture} functions`);
  }
  if (input.TenancyConfig !== undefined || input.PublishTo !== undefined) {
    return invalid('TenancyConfig and PublishTo are not supported');
  }
  const defaults: Settings = {
    runtime: input.Runtime as RuntimeName,
    role: input.Role,
    handler: input.Handler,
    description: '',
    timeoutSeconds: limits.timeoutSecondsDefault,
    memoryMib: limits.memoryMibDefault,
    ephemeralMib: limits.ephemeralMibDefault,
    environment: null,
    tracing: 'PassThrough',
    deadLetterArn: null,
    logFormat: 'Text',
    logGroup: ownLogGroup(name),
    applicationLogLevel: null,
    systemLogLevel: null,
    snapStart: 'None',
    architecture,
    layers,
  };
  return changedSettings(defaults, input);
}

/** Runtimes that Lambda supports and Hearth does not have: saying that they are outdated would mislead. */
const supportedElsewhere = /^(nodejs26\.x|python3\.15|java(8|11|17)\.al2023|dotnet(8|10))$/;

/**
 * Runtimes without SnapStart. Lambda has it for Java 11, Python 3.12, .NET 8 and newer; here every runtime can be saved
 * but the Java whose official client is older than SnapStart.
 */
const snapStartless: ReadonlySet<string> = new Set<RuntimeName>(['java8.al2']);

/** Members that are absent keep what was before; so do layers that are null. */
export function changedSettings(
  before: Settings,
  input: Update | Create,
  layers: readonly LayerUse[] | null = null,
): Result<Settings> {
  const failure = unsupported(input) ?? outOfRange(input);
  if (failure !== null) return fail(failure);
  const runtime = (input.Runtime ?? before.runtime) as RuntimeName;
  if (!runtimes.has(runtime)) {
    if (supportedElsewhere.test(runtime)) {
      return invalid(
        `The runtime ${runtime} is not available in this version of Hearth. It has ${[...runtimes].join(', ')}.`,
      );
    }
    const start = `The runtime parameter of ${runtime} is no longer supported for creating or updating AWS Lambda functions.`;
    return invalid(`${start} We recommend you use a supported runtime while creating or updating functions.`);
  }
  const environment = input.Environment === undefined ? before.environment : (input.Environment.Variables ?? {});
  const environmentFailure = environment === null ? null : checkEnvironment(environment);
  if (environmentFailure !== null) return fail(environmentFailure);
  const snapStart = input.SnapStart?.ApplyOn ?? before.snapStart;
  const ephemeralMib = input.EphemeralStorage?.Size ?? before.ephemeralMib;
  if (snapStart === 'PublishedVersions') {
    if (snapStartless.has(runtime)) return invalid(`${runtime} is not supported for SnapStart enabled functions.`);
    if (ephemeralMib > limits.ephemeralMibDefault) {
      const what = `EphemeralStorage greater than ${limits.ephemeralMibDefault} MB`;
      return invalid(`${what} is not supported for SnapStart enabled functions.`);
    }
  }
  // The model's pattern for a handler allows it; no process can be given one, and lists of arguments are ended by it.
  if (input.Handler?.includes('\0')) return invalid('The handler must not contain NUL characters.');
  const logging = changedLogging(before, input.LoggingConfig);
  if (!logging.ok) return logging;
  const deadLetterArn = input.DeadLetterConfig === undefined ? before.deadLetterArn : input.DeadLetterConfig.TargetArn;
  return ok({
    runtime,
    role: input.Role ?? before.role,
    handler: input.Handler ?? before.handler,
    description: input.Description ?? before.description,
    timeoutSeconds: input.Timeout ?? before.timeoutSeconds,
    memoryMib: input.MemorySize ?? before.memoryMib,
    ephemeralMib,
    environment,
    tracing: input.TracingConfig?.Mode ?? before.tracing,
    deadLetterArn: deadLetterArn === undefined || deadLetterArn === '' ? null : deadLetterArn,
    ...logging.value,
    snapStart,
    architecture: before.architecture,
    layers: layers ?? before.layers,
  });
}

/** What the API has and Hearth does not (yet): refused rather than stored and ignored. Empty values are harmless. */
function unsupported(input: Update | Create): ApiFailure | null {
  const names = [
    (input.VpcConfig?.SubnetIds?.length ?? 0) > 0 || (input.VpcConfig?.SecurityGroupIds?.length ?? 0) > 0
      ? 'VpcConfig'
      : null,
    (input.FileSystemConfigs?.length ?? 0) > 0 ? 'FileSystemConfigs' : null,
    (input.KMSKeyArn ?? '') !== '' ? 'KMSKeyArn' : null,
    input.ImageConfig !== undefined && Object.keys(input.ImageConfig).length > 0 ? 'ImageConfig' : null,
    input.CapacityProviderConfig !== undefined ? 'CapacityProviderConfig' : null,
    input.DurableConfig !== undefined ? 'DurableConfig' : null,
  ].filter((name) => name !== null);
  if (names.length === 0) return null;
  return apiFailure('InvalidParameterValueException', `${names.join(', ')} is not supported by this installation`);
}

function outOfRange(input: Update | Create): ApiFailure | null {
  if (input.Timeout !== undefined && input.Timeout > timeoutSecondsMax) {
    const start = `1 validation error detected: Value '${input.Timeout}' at 'timeout' failed to satisfy constraint`;
    return apiFailure('ValidationException', `${start}: Member must have value less than or equal to 900`);
  }
  if (input.MemorySize !== undefined && input.MemorySize > memoryMibMax) {
    const start = "'MemorySize' value failed to satisfy constraint";
    return apiFailure('InvalidParameterValueException', `${start}: Member must have value less than or equal to 10240`);
  }
  return null;
}

function checkEnvironment(variables: Readonly<Record<string, string>>): ApiFailure | null {
  const start =
    'Lambda was unable to configure your environment variables because the environment variables you have provided';
  const reserved = Object.keys(variables).filter((key) => reservedKeys.has(key));
  if (reserved.length > 0) {
    const message = `${start} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(', ')}`;
    return apiFailure('InvalidParameterValueException', message);
  }
  const broken = Object.entries(variables).find((entry) => entry.join('').includes('\0'));
  if (broken !== undefined) {
    return apiFailure('InvalidParameterValueException', `${start} contains a NUL character in ${broken[0]}`);
  }
  const text = JSON.stringify(variables);
  if (Buffer.byteLength(text) <= limits.environmentBytesMax) return null;
  return apiFailure('InvalidParameterValueException', `${start} exceeded the 4KB limit. String measured: ${text}`);
}

function invalid(message: string): Result<never> {
  return fail(apiFailure('InvalidParameterValueException', message));
}
