import {
  type Architecture,
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  DeleteFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  type FunctionConfiguration,
  GetFunctionCommand,
  type GetFunctionCommandOutput,
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  PutFunctionRecursionConfigCommand,
  type RecursiveLoop,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import type { Bundle } from '../bundle.js';
import { type Converged, differences, type Handler, orNull, type Surroundings } from '../converge.js';
import { DeployError, isProperties, listOf, type Properties, propertiesOf, textOf, type Value } from '../model.js';
import { physicalName } from '../naming.js';

/** Tags that say which stack a function belongs to; those of other tools and of the user stay. */
export const stackTag = 'hearth:stack';
export const resourceTag = 'hearth:resource';

/** Properties that a function can have in AWS and that mean nothing on this platform. */
const meaningless = ['VpcConfig', 'FileSystemConfigs', 'KmsKeyArn'];

/** What a template that says nothing of recursive loops means: the service's default. */
const terminate: RecursiveLoop = 'Terminate';

/** A function becomes active within milliseconds, unless its runtime has to be fetched first. */
const activeMsMax = 180_000;
const askMs = 20;

type Configuration = Omit<CreateFunctionCommandInput, 'FunctionName' | 'Code' | 'Tags'>;

/** AWS::Lambda::Function. */
export const functionHandler: Handler = {
  converge,
  remove: async ({ FunctionName }, { lambda }) => {
    await orNull(lambda.send(new DeleteFunctionCommand({ FunctionName })));
  },
};

async function converge(logicalId: string, properties: Properties, around: Surroundings): Promise<Converged> {
  const where = `Resources.${logicalId}`;
  const name =
    properties.FunctionName === undefined
      ? physicalName(around.stack, logicalId)
      : textOf(properties.FunctionName, where);
  if (properties.PackageType === 'Image') throw new DeployError(where, 'container images are not supported');
  for (const one of meaningless) {
    if (properties[one] !== undefined) around.remark(logicalId, `${one} has no effect here`);
  }
  const configuration = configurationOf(properties, around.account, where);
  const bundle = await around.bundle(properties.Code ?? null, configuration.Runtime ?? '', `${where}.Code`);
  const s3 = bundle === null ? (properties.Code as Properties) : null;
  const reserved = properties.ReservedConcurrentExecutions;
  const recursiveLoop = (properties.RecursiveLoop ?? terminate) as RecursiveLoop;
  const tags = {
    ...tagsOf(properties.Tags, where),
    [stackTag]: around.stack,
    [resourceTag]: logicalId,
  };
  const arn = `arn:aws:lambda:${around.region}:${around.account}:function:${name}`;
  const converged = (change: Converged['change'], details: readonly string[]): Converged => {
    if (change !== 'none') around.changed.add(name);
    return { change, details, ref: name, attributes: { Arn: arn }, identity: { FunctionName: name } };
  };

  const found = await orNull(around.lambda.send(new GetFunctionCommand({ FunctionName: name })));
  if (found === null) {
    if (!around.planning) await create(around.lambda, name, configuration, bundle, s3, tags);
    if (!around.planning && reserved !== undefined) await reserve(around.lambda, name, Number(reserved));
    if (!around.planning && recursiveLoop !== terminate) await setRecursion(around.lambda, name, recursiveLoop);
    return converged('create', [`${configuration.Runtime}, ${configuration.MemorySize} MB`]);
  }
  const owner = found.Tags?.[stackTag];
  if (owner !== around.stack && !around.adopting) {
    const whose = owner === undefined ? 'was not deployed by hearth deploy' : `belongs to the stack ${owner}`;
    throw new DeployError(where, `the function ${name} exists and ${whose}; --adopt takes it over`);
  }
  return converged(
    ...(await update(around, found, { name, arn, configuration, bundle, s3, tags, reserved, recursiveLoop })),
  );
}

function configurationOf(properties: Properties, account: string, where: string): Configuration {
  const optional = (name: string) =>
    properties[name] === undefined ? undefined : textOf(properties[name], `${where}.${name}`);
  const variables = propertiesOf(propertiesOf(properties.Environment, where).Variables, `${where}.Environment`);
  const ephemeral = propertiesOf(properties.EphemeralStorage, where).Size;
  const codeSigning = optional('CodeSigningConfigArn');
  return {
    Runtime: optional('Runtime') as never,
    Handler: optional('Handler'),
    Role: roleOf(properties.Role, account, where),
    Description: optional('Description') ?? '',
    MemorySize: Number(properties.MemorySize ?? 128),
    Timeout: Number(properties.Timeout ?? 3),
    Environment: {
      Variables: Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [key, textOf(value, `${where}.Environment.${key}`)]),
      ),
    },
    Layers: listOf(properties.Layers, where).map(String),
    EphemeralStorage: { Size: Number(ephemeral ?? 512) },
    TracingConfig: { Mode: (propertiesOf(properties.TracingConfig, where).Mode ?? 'PassThrough') as 'PassThrough' },
    SnapStart: { ApplyOn: (propertiesOf(properties.SnapStart, where).ApplyOn ?? 'None') as 'None' },
    ...(properties.Architectures === undefined
      ? {}
      : { Architectures: listOf(properties.Architectures, where) as unknown as Architecture[] }),
    ...(properties.LoggingConfig === undefined ? {} : { LoggingConfig: properties.LoggingConfig as object }),
    ...(properties.DeadLetterConfig === undefined ? {} : { DeadLetterConfig: properties.DeadLetterConfig as object }),
    ...(codeSigning === undefined ? {} : { CodeSigningConfigArn: codeSigning }),
  };
}

/** Roles are accepted as given; a name alone becomes an ARN. */
function roleOf(value: Value | undefined, account: string, where: string): string {
  const text = value === undefined ? 'hearth-deploy' : textOf(value, `${where}.Role`);
  return text.startsWith('arn:') ? text : `arn:aws:iam::${account}:role/${text}`;
}

export function tagsOf(value: Value | undefined, where: string): Record<string, string> {
  if (isProperties(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, textOf(text, where)]));
  }
  return Object.fromEntries(
    listOf(value, where).map((tag) => {
      const { Key, Value } = propertiesOf(tag, where);
      return [textOf(Key, where), textOf(Value, where)];
    }),
  );
}

function codeOf(bundle: Bundle | null, s3: Properties | null) {
  if (bundle !== null) return { ZipFile: bundle.zip };
  return {
    S3Bucket: String(s3?.S3Bucket),
    S3Key: String(s3?.S3Key),
    ...(s3?.S3ObjectVersion === undefined ? {} : { S3ObjectVersion: String(s3.S3ObjectVersion) }),
  };
}

async function create(
  client: LambdaClient,
  name: string,
  configuration: Configuration,
  bundle: Bundle | null,
  s3: Properties | null,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  await client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      ...configuration,
      Code: codeOf(bundle, s3),
      Tags: tags,
    } as CreateFunctionCommandInput),
  );
  await settled(client, name);
}

interface Wanted {
  readonly name: string;
  readonly arn: string;
  readonly configuration: Configuration;
  readonly bundle: Bundle | null;
  readonly s3: Properties | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly reserved: Value | undefined;
  readonly recursiveLoop: RecursiveLoop;
}

async function update(
  around: Surroundings,
  found: GetFunctionCommandOutput,
  wanted: Wanted,
): Promise<[Converged['change'], string[]]> {
  const { lambda, planning } = around;
  const { name, arn, configuration, bundle, s3, tags, reserved, recursiveLoop } = wanted;
  const current = found.Configuration as FunctionConfiguration;
  const details: string[] = [];
  if (bundle === null || bundle.codeSha256 !== current.CodeSha256) {
    if (bundle !== null) details.push('code');
    if (!planning) {
      const { Architectures } = configuration;
      const code = codeOf(bundle, s3);
      await lambda.send(
        new UpdateFunctionCodeCommand({ FunctionName: name, ...code, ...(Architectures && { Architectures }) }),
      );
      await settled(lambda, name);
    }
  }
  const { Architectures: _, CodeSigningConfigArn: __, ...changeable } = configuration;
  const changed = differences(comparable(current, changeable), changeable as Record<string, unknown>);
  if (changed.length > 0) {
    // Names only: values of variables may be secrets.
    const variables = differingNames(current.Environment?.Variables ?? {}, configuration.Environment?.Variables ?? {});
    details.push(
      ...changed.map((text) => (text.startsWith('Environment ') ? `variables ${variables.join(', ')}` : text)),
    );
    if (!planning) {
      await lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, ...changeable }));
      await settled(lambda, name);
    }
  }
  const before = found.Tags ?? {};
  const added = Object.fromEntries(Object.entries(tags).filter(([key, value]) => before[key] !== value));
  const removed = Object.keys(before).filter((key) => tags[key] === undefined);
  if (Object.keys(added).length > 0 || removed.length > 0) {
    details.push('tags');
    if (!planning && Object.keys(added).length > 0)
      await lambda.send(new TagResourceCommand({ Resource: arn, Tags: added }));
    if (!planning && removed.length > 0)
      await lambda.send(new UntagResourceCommand({ Resource: arn, TagKeys: removed }));
  }
  const reservedNow = found.Concurrency?.ReservedConcurrentExecutions;
  const reservedWanted = reserved === undefined ? undefined : Number(reserved);
  if (reservedNow !== reservedWanted) {
    details.push(`reserved concurrency ${reservedNow ?? 'none'} → ${reservedWanted ?? 'none'}`);
    if (!planning && reservedWanted !== undefined) await reserve(lambda, name, reservedWanted);
    if (!planning && reservedWanted === undefined)
      await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: name }));
  }
  const loopNow = await lambda.send(new GetFunctionRecursionConfigCommand({ FunctionName: name }));
  if (loopNow.RecursiveLoop !== recursiveLoop) {
    details.push(`recursive loop ${loopNow.RecursiveLoop} → ${recursiveLoop}`);
    if (!planning) await setRecursion(lambda, name, recursiveLoop);
  }
  return [details.length === 0 ? 'none' : 'update', details];
}

function differingNames(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}

/** The current configuration in the words of a wanted one: what is not shown has its default. */
function comparable(current: FunctionConfiguration, wanted: Configuration): Record<string, unknown> {
  const logging = wanted.LoggingConfig as Record<string, unknown> | undefined;
  return {
    ...current,
    Environment: { Variables: current.Environment?.Variables ?? {} },
    Layers: (current.Layers ?? []).map((layer) => layer.Arn),
    SnapStart: { ApplyOn: current.SnapStart?.ApplyOn ?? 'None' },
    Description: current.Description ?? '',
    // Only what the template says of logging is compared: the group has a default of its own.
    ...(logging && {
      LoggingConfig: Object.fromEntries(
        Object.keys(logging).map((key) => [key, (current.LoggingConfig as Record<string, unknown> | undefined)?.[key]]),
      ),
    }),
  };
}

async function reserve(client: LambdaClient, name: string, executions: number): Promise<void> {
  await client.send(
    new PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: executions }),
  );
}

async function setRecursion(client: LambdaClient, name: string, recursiveLoop: RecursiveLoop): Promise<void> {
  await client.send(new PutFunctionRecursionConfigCommand({ FunctionName: name, RecursiveLoop: recursiveLoop }));
}

/** Waits until the last change is in force. Throws when it failed, with the reason the platform gives. */
export async function settled(client: LambdaClient, name: string, qualifier?: string): Promise<void> {
  const untilMs = Date.now() + activeMsMax;
  for (;;) {
    const now = await client.send(
      new GetFunctionConfigurationCommand({ FunctionName: name, ...(qualifier && { Qualifier: qualifier }) }),
    );
    if (now.State === 'Failed') throw new DeployError(name, now.StateReason ?? 'failed');
    if (now.LastUpdateStatus === 'Failed') throw new DeployError(name, now.LastUpdateStatusReason ?? 'update failed');
    if (now.State !== 'Pending' && now.LastUpdateStatus !== 'InProgress') return;
    if (Date.now() > untilMs) throw new DeployError(name, `is still ${now.State} after ${activeMsMax / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, askMs));
  }
}
