import {
  DeployError,
  isProperties,
  listOf,
  type Properties,
  propertiesOf,
  type Resource,
  type Value,
} from './model.js';
import { samEvents } from './samevents.js';

/**
 * AWS SAM's resources as the CloudFormation resources they stand for
 * (https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html).
 * Resources that SAM would make and Hearth has nothing for (API Gateway, schedules) stay as they are and are left out
 * by name later.
 */
export interface SamTemplate {
  readonly resources: ReadonlyMap<string, Resource>;
  readonly globals: Properties;
  readonly conditions: Properties;
}

export interface Expanded {
  readonly resources: ReadonlyMap<string, Resource>;
  readonly conditions: Properties;
}

/** Properties that a function of SAM hands on unchanged. */
const passed = [
  'FunctionName',
  'Handler',
  'Runtime',
  'Description',
  'MemorySize',
  'Timeout',
  'Environment',
  'Layers',
  'Architectures',
  'EphemeralStorage',
  'KmsKeyArn',
  'LoggingConfig',
  'PackageType',
  'ImageConfig',
  'FileSystemConfigs',
  'VpcConfig',
  'SnapStart',
  'CodeSigningConfigArn',
  'RuntimeManagementConfig',
  'RecursiveLoop',
  'ReservedConcurrentExecutions',
] as const;

export function expandSam(template: SamTemplate): Expanded {
  const resources = new Map<string, Resource>();
  for (const [id, resource] of template.resources) {
    switch (resource.type) {
      case 'AWS::Serverless::Function':
        expandFunction(id, resource, propertiesOf(template.globals.Function, 'Globals.Function'), resources);
        break;
      case 'AWS::Serverless::LayerVersion':
        expandLayer(id, resource, propertiesOf(template.globals.LayerVersion, 'Globals.LayerVersion'), resources);
        break;
      default:
        resources.set(id, resource);
    }
  }
  return { resources, conditions: template.conditions };
}

function expandFunction(id: string, resource: Resource, globals: Properties, into: Map<string, Resource>): void {
  const where = `Resources.${id}.Properties`;
  const given = merged(globals, resource.properties) as Properties;
  const add = (name: string, type: string, properties: Properties) =>
    into.set(name, { type, properties, condition: resource.condition, dependsOn: [] });

  const properties: Record<string, Value | undefined> = {};
  for (const name of passed) if (given[name] !== undefined) properties[name] = given[name];
  properties.Code = codeOf(given, where);
  properties.Tags = Object.entries(propertiesOf(given.Tags, where)).map(([Key, Value]) => ({
    Key,
    Value: Value as Value,
  }));
  if (given.Tracing !== undefined) properties.TracingConfig = { Mode: given.Tracing };
  if (given.DeadLetterQueue !== undefined) {
    properties.DeadLetterConfig = { TargetArn: propertiesOf(given.DeadLetterQueue, where).TargetArn };
  }
  if (given.Role === undefined) {
    add(`${id}Role`, 'AWS::IAM::Role', { AssumeRolePolicyDocument: {}, Policies: [] });
    properties.Role = { 'Fn::GetAtt': [`${id}Role`, 'Arn'] };
  } else properties.Role = given.Role;
  into.set(id, {
    type: 'AWS::Lambda::Function',
    properties,
    condition: resource.condition,
    dependsOn: resource.dependsOn,
  });

  const alias = typeof given.AutoPublishAlias === 'string' ? given.AutoPublishAlias : null;
  if (alias !== null) {
    add(`${id}Version`, 'AWS::Lambda::Version', { FunctionName: { Ref: id } });
    add(`${id}Alias${alias}`, 'AWS::Lambda::Alias', {
      Name: alias,
      FunctionName: { Ref: id },
      FunctionVersion: { 'Fn::GetAtt': [`${id}Version`, 'Version'] },
      ...(given.ProvisionedConcurrencyConfig === undefined
        ? {}
        : { ProvisionedConcurrencyConfig: given.ProvisionedConcurrencyConfig }),
    });
  } else if (given.AutoPublishAlias !== undefined) {
    throw new DeployError(`${where}.AutoPublishAlias`, 'must be text here, not a function');
  }
  const target: Value = alias === null ? { Ref: id } : { Ref: `${id}Alias${alias}` };
  const qualifier = alias === null ? {} : { Qualifier: alias };
  if (given.FunctionUrlConfig !== undefined) {
    const url = propertiesOf(given.FunctionUrlConfig, `${where}.FunctionUrlConfig`);
    add(`${id}Url`, 'AWS::Lambda::Url', { ...url, TargetFunctionArn: { Ref: id }, ...qualifier });
    if (url.AuthType === 'NONE') {
      add(`${id}UrlPublicPermissions`, 'AWS::Lambda::Permission', {
        FunctionName: target,
        Action: 'lambda:InvokeFunctionUrl',
        Principal: '*',
        FunctionUrlAuthType: 'NONE',
      });
      add(`${id}URLInvokeAllowPublicAccess`, 'AWS::Lambda::Permission', {
        FunctionName: target,
        Action: 'lambda:InvokeFunction',
        Principal: '*',
        InvokedViaFunctionUrl: true,
      });
    }
  }
  if (given.EventInvokeConfig !== undefined) {
    const config = propertiesOf(given.EventInvokeConfig, `${where}.EventInvokeConfig`);
    add(`${id}EventInvokeConfig`, 'AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: id },
      Qualifier: alias ?? '$LATEST',
      ...config,
    });
  }
  for (const [name, event] of Object.entries(propertiesOf(given.Events, `${where}.Events`))) {
    const made = samEvents(`${where}.Events.${name}`, event as Properties, target);
    add(`${id}${name}`, made.type, made.properties);
  }
}

function expandLayer(id: string, resource: Resource, globals: Properties, into: Map<string, Resource>): void {
  const given = merged(globals, resource.properties) as Properties;
  const { ContentUri, LayerName, RetentionPolicy: _, ...rest } = given;
  const properties = { ...rest, LayerName: LayerName ?? id, Content: locationOf(ContentUri as Value) };
  into.set(id, { ...resource, type: 'AWS::Lambda::LayerVersion', properties });
}

/** A local path stays text; `{Bucket, Key, Version}` and `s3://` become the S3 form. */
function locationOf(uri: Value): Value {
  if (isProperties(uri) && uri.Bucket !== undefined) {
    return { S3Bucket: uri.Bucket, S3Key: uri.Key, S3ObjectVersion: uri.Version };
  }
  const s3 = typeof uri === 'string' ? /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) : null;
  return s3 === null ? uri : { S3Bucket: s3[1], S3Key: s3[2] };
}

function codeOf(given: Properties, where: string): Value {
  if (given.ImageUri !== undefined) return { ImageUri: given.ImageUri };
  if (given.InlineCode !== undefined) return { ZipFile: given.InlineCode };
  if (given.CodeUri === undefined) throw new DeployError(`${where}.CodeUri`, 'is missing');
  return locationOf(given.CodeUri);
}

/** SAM's rule for Globals: maps are merged, lists are joined (global first), anything else is overridden. */
function merged(global: Value | undefined, own: Value | undefined): Value | undefined {
  if (own === undefined) return global;
  if (Array.isArray(global) && Array.isArray(own)) return [...listOf(global, ''), ...listOf(own, '')];
  if (!isProperties(global) || !isProperties(own)) return own;
  // A function such as {Ref: x} is a value, not a map.
  if ([global, own].some((one) => Object.keys(one).some((key) => key === 'Ref' || key.startsWith('Fn::')))) return own;
  const result: Record<string, Value | undefined> = { ...global };
  for (const [name, value] of Object.entries(own)) result[name] = merged(global[name], value);
  return result as Properties;
}
