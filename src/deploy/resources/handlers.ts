import type { Handler } from '../converge.js';
import { eventInvokeHandler } from './eventinvoke.js';
import { eventSourceHandler } from './eventsource.js';
import { functionHandler } from './function.js';
import { layerHandler } from './layer.js';
import { logGroupHandler } from './loggroup.js';
import { layerPermissionHandler, permissionHandler } from './permission.js';
import { aliasHandler, versionHandler } from './publication.js';
import { roleHandler } from './role.js';
import { urlHandler } from './url.js';

/** The resources that are deployed; all others are left out, by name. */
export const handlers: ReadonlyMap<string, Handler> = new Map([
  ['AWS::Lambda::Function', functionHandler],
  ['AWS::Lambda::Version', versionHandler],
  ['AWS::Lambda::Alias', aliasHandler],
  ['AWS::Lambda::Permission', permissionHandler],
  ['AWS::Lambda::Url', urlHandler],
  ['AWS::Lambda::LayerVersion', layerHandler],
  ['AWS::Lambda::LayerVersionPermission', layerPermissionHandler],
  ['AWS::Lambda::EventSourceMapping', eventSourceHandler],
  ['AWS::Lambda::EventInvokeConfig', eventInvokeHandler],
  ['AWS::Logs::LogGroup', logGroupHandler],
  ['AWS::IAM::Role', roleHandler],
]);

/** Without meaning here, and without loss when they are left out: not worth a remark. */
export const silent: ReadonlySet<string> = new Set([
  'AWS::CDK::Metadata',
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::RolePolicy',
]);

/** ARNs of resources that are not made here and that others (an event source mapping) refer to. */
export const foreignArns: Readonly<Record<string, (region: string, account: string, name: string) => string>> = {
  'AWS::SQS::Queue': (region, account, name) => `arn:aws:sqs:${region}:${account}:${name}`,
  'AWS::SNS::Topic': (region, account, name) => `arn:aws:sns:${region}:${account}:${name}`,
  'AWS::S3::Bucket': (_region, _account, name) => `arn:aws:s3:::${name}`,
  'AWS::DynamoDB::Table': (region, account, name) => `arn:aws:dynamodb:${region}:${account}:table/${name}`,
  'AWS::Kinesis::Stream': (region, account, name) => `arn:aws:kinesis:${region}:${account}:stream/${name}`,
};
