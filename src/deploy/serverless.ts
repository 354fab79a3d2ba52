import { dirname } from 'node:path';
import { readDocument } from './document.js';
import {
  DeployError,
  isProperties,
  listOf,
  type Properties,
  propertiesOf,
  type Template,
  textOf,
  type Value,
} from './model.js';
import { resourceOf, stackName } from './naming.js';
import { Variables } from './variables.js';

/** What the command line says about a `serverless.yml`. */
export interface ServerlessOptions {
  readonly stage: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  readonly region: string;
  readonly account: string;
}

/** Left out of packages by the framework, too. */
const excludedAlways = [
  '!.git/**',
  '!.serverless/**',
  '!.gitignore',
  '!serverless.yml',
  '!npm-debug.log',
  '!.DS_Store',
];

/** Properties of a function that have the same meaning in `provider`. */
const inherited = {
  runtime: 'Runtime',
  memorySize: 'MemorySize',
  timeout: 'Timeout',
  ephemeralStorageSize: 'EphemeralStorage',
  architecture: 'Architectures',
} as const;

/** A `serverless.yml` (Serverless Framework 3 and 4, provider aws) as a CloudFormation template. */
export function serverlessTemplate(file: string, options: ServerlessOptions): Template {
  const document = readDocument(file);
  const folder = dirname(file);
  const files = [file];
  const ownStage = isProperties(document.provider) ? document.provider.stage : undefined;
  const stage = options.stage ?? (typeof ownStage === 'string' && !ownStage.includes('${') ? ownStage : 'dev');
  const variables = new Variables({
    document,
    folder,
    options: { ...(options.stage === null ? {} : { stage: options.stage }), region: options.region },
    parameters: options.parameters,
    environment: process.env,
    stage,
    region: options.region,
    account: options.account,
    files,
  });
  const section = (name: string) => propertiesOf(variables.resolve(document[name], name), name);
  const service = textOf(variables.resolve(document.service, 'service'), 'service');
  const provider = section('provider');
  if (provider.name !== 'aws') throw new DeployError('provider.name', `must be aws, not ${String(provider.name)}`);
  const made = new ServerlessResources(`${service}-${stage}`, provider, section('package'));
  for (const [name, layer] of Object.entries(section('layers')))
    made.layer(name, propertiesOf(layer, `layers.${name}`));
  for (const [name, one] of Object.entries(section('functions')))
    made.function(name, propertiesOf(one, `functions.${name}`));
  const more = section('resources');
  const resources = new Map(Object.entries(made.resources).map(([id, value]) => [id, resourceOf(id, value)]));
  for (const [id, value] of Object.entries(propertiesOf(more.Resources, 'resources.Resources'))) {
    resources.set(id, resourceOf(id, value as Properties));
  }
  if (resources.size === 0) throw new DeployError(file, 'has no functions');
  return {
    name: stackName(`${service}-${stage}`),
    folder,
    parameters: propertiesOf(more.Parameters, 'resources.Parameters'),
    takesOthers: true,
    mappings: propertiesOf(more.Mappings, 'resources.Mappings'),
    conditions: propertiesOf(more.Conditions, 'resources.Conditions'),
    resources,
    outputs: propertiesOf(more.Outputs, 'resources.Outputs'),
    files,
    asset: () => null,
  };
}

/** `my-fn` is MyDashfn, `my_fn` MyUnderscorefn, as the framework names its resources. */
function normalized(name: string): string {
  const text = name.replaceAll('-', 'Dash').replaceAll('_', 'Underscore');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

class ServerlessResources {
  readonly resources: Record<string, Properties> = {};

  constructor(
    private readonly prefix: string,
    private readonly provider: Properties,
    private readonly packaging: Properties,
  ) {}

  layer(name: string, given: Properties): void {
    const where = `layers.${name}`;
    const artifact = propertiesOf(given.package, where).artifact;
    this.resources[`${normalized(name)}LambdaLayer`] = {
      Type: 'AWS::Lambda::LayerVersion',
      Properties: {
        LayerName: given.name ?? name,
        Description: given.description,
        CompatibleRuntimes: given.compatibleRuntimes,
        CompatibleArchitectures: given.compatibleArchitectures,
        LicenseInfo: given.licenseInfo,
        Content: artifact ?? textOf(given.path, `${where}.path`),
      },
    };
  }

  function(name: string, given: Properties): void {
    const where = `functions.${name}`;
    const { provider, resources } = this;
    const id = `${normalized(name)}LambdaFunction`;
    if (given.image !== undefined) throw new DeployError(`${where}.image`, 'container images are not supported');
    const properties: Record<string, Value | undefined> = {
      FunctionName: given.name ?? `${this.prefix}-${name}`,
      Handler: given.handler,
      Description: given.description,
      Environment: {
        Variables: {
          ...propertiesOf(provider.environment, 'provider.environment'),
          ...propertiesOf(given.environment, `${where}.environment`),
        },
      },
      Layers: given.layers ?? provider.layers,
      Tags: Object.entries({
        ...propertiesOf(provider.tags, 'provider.tags'),
        ...propertiesOf(given.tags, `${where}.tags`),
      }).map(([Key, Value]) => ({ Key, Value: Value as Value })),
      Role: given.role ?? 'serverless-role',
      ReservedConcurrentExecutions: given.reservedConcurrency,
      SnapStart: given.snapStart === true ? { ApplyOn: 'PublishedVersions' } : undefined,
      TracingConfig:
        isProperties(provider.tracing) && provider.tracing.lambda === true ? { Mode: 'Active' } : undefined,
      Code: this.#code(given, where),
    };
    for (const [own, target] of Object.entries(inherited)) {
      const value = given[own] ?? provider[own];
      if (value === undefined) continue;
      properties[target] = own === 'architecture' ? [value] : own === 'ephemeralStorageSize' ? { Size: value } : value;
    }
    // The framework's own defaults differ from Lambda's.
    properties.Runtime ??= 'nodejs20.x';
    properties.MemorySize ??= 1024;
    properties.Timeout ??= 6;
    resources[id] = { Type: 'AWS::Lambda::Function', Properties: properties };
    if ((given.versionFunction ?? provider.versionFunctions ?? true) !== false) {
      resources[`${normalized(name)}LambdaVersion`] = {
        Type: 'AWS::Lambda::Version',
        Properties: { FunctionName: { Ref: id } },
      };
    }
    this.#invokeConfig(name, id, given);
    if (given.url !== undefined && given.url !== false) this.#url(name, id, given.url, `${where}.url`);
    listOf(given.events, `${where}.events`).forEach((event, index) => {
      this.#event(`${normalized(name)}Event${index}`, id, event, `${where}.events[${index}]`);
    });
  }

  /** Patterns of the service, then those of the function; an artifact that was built is taken as it is. */
  #code(given: Properties, where: string): Value {
    const own = propertiesOf(given.package, `${where}.package`);
    const artifact = own.artifact ?? this.packaging.artifact;
    if (artifact !== undefined) return artifact;
    const patterns = [...excludedAlways];
    for (const packaging of [this.packaging, own]) {
      patterns.push(...listOf(packaging.exclude, where).map((pattern) => `!${String(pattern)}`));
      patterns.push(...listOf(packaging.include, where).map(String), ...listOf(packaging.patterns, where).map(String));
    }
    return { Folder: '.', Patterns: patterns };
  }

  #invokeConfig(name: string, id: string, given: Properties): void {
    const destinations = propertiesOf(given.destinations, `functions.${name}.destinations`);
    if (
      given.maximumRetryAttempts === undefined &&
      given.maximumEventAge === undefined &&
      given.destinations === undefined
    ) {
      return;
    }
    const to = (value: Value | undefined) => (value === undefined ? undefined : { Destination: value });
    this.resources[`${normalized(name)}LambdaEvConf`] = {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: {
        FunctionName: { Ref: id },
        Qualifier: '$LATEST',
        MaximumRetryAttempts: given.maximumRetryAttempts,
        MaximumEventAgeInSeconds: given.maximumEventAge,
        DestinationConfig: { OnSuccess: to(destinations.onSuccess), OnFailure: to(destinations.onFailure) },
      },
    };
  }

  #url(name: string, id: string, value: Value, where: string): void {
    const url = value === true ? {} : propertiesOf(value, where);
    const iam = url.authorizer === 'aws_iam';
    const cors = url.cors === true ? { AllowOrigins: ['*'], AllowHeaders: ['*'], AllowMethods: ['*'] } : url.cors;
    const properties: Record<string, Value | undefined> = {
      TargetFunctionArn: { Ref: id },
      AuthType: iam ? 'AWS_IAM' : 'NONE',
      InvokeMode: url.invokeMode,
    };
    if (isProperties(cors)) {
      properties.Cors = Object.fromEntries(
        Object.entries(cors).map(([key, member]) => [corsNames[key] ?? key, member]),
      ) as Properties;
    }
    this.resources[`${normalized(name)}LambdaFunctionUrl`] = { Type: 'AWS::Lambda::Url', Properties: properties };
    if (iam) return;
    const permission = (suffix: string, more: Properties) => {
      this.resources[`${normalized(name)}LambdaPermission${suffix}`] = {
        Type: 'AWS::Lambda::Permission',
        Properties: { FunctionName: { Ref: id }, Principal: '*', ...more },
      };
    };
    permission('FnUrl', { Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' });
    permission('FnInvoke', { Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true });
  }

  #event(id: string, functionId: string, event: Value, where: string): void {
    const [kind, value] =
      typeof event === 'string' ? [event, {} as Value] : (Object.entries(propertiesOf(event, where))[0] ?? ['', null]);
    const given = isProperties(value) && value.arn !== undefined ? value : { arn: value };
    const stream = kind === 'stream';
    if (kind !== 'sqs' && !stream) {
      this.resources[id] = { Type: `Serverless::Event::${kind}`, Properties: {} };
      return;
    }
    const partial = given.functionResponseType;
    this.resources[id] = {
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: {
        FunctionName: { Ref: functionId },
        EventSourceArn: given.arn as Value,
        BatchSize: given.batchSize,
        MaximumBatchingWindowInSeconds: given.maximumBatchingWindow ?? given.batchWindow,
        Enabled: given.enabled,
        FunctionResponseTypes: partial === undefined ? undefined : [partial],
        StartingPosition: stream ? (given.startingPosition ?? 'TRIM_HORIZON') : undefined,
        FilterCriteria:
          given.filterPatterns === undefined
            ? undefined
            : { Filters: listOf(given.filterPatterns, where).map((pattern) => ({ Pattern: JSON.stringify(pattern) })) },
        ScalingConfig:
          given.maximumConcurrency === undefined ? undefined : { MaximumConcurrency: given.maximumConcurrency },
      },
    };
  }
}

const corsNames: Readonly<Record<string, string>> = {
  allowedOrigins: 'AllowOrigins',
  allowedHeaders: 'AllowHeaders',
  allowedMethods: 'AllowMethods',
  allowCredentials: 'AllowCredentials',
  exposedResponseHeaders: 'ExposeHeaders',
  maxAge: 'MaxAge',
};
