import { DeployError, type Properties, propertiesOf, type Value } from './model.js';

/** Event sources of SAM that are event source mappings: where each keeps the source's ARN. */
const polled: Readonly<Record<string, string>> = {
  SQS: 'Queue',
  Kinesis: 'Stream',
  DynamoDB: 'Stream',
  MSK: 'Stream',
  MQ: 'Broker',
};

/**
 * What an entry of `Events` becomes. Sources that call a function through a service Hearth has not (API Gateway,
 * EventBridge, S3, SNS, …) keep their own type, so that they are left out by their name.
 */
export function samEvents(
  where: string,
  event: Properties,
  target: Value,
): { readonly type: string; readonly properties: Properties } {
  const { Type: type } = event;
  if (typeof type !== 'string') throw new DeployError(where, 'has no Type');
  const source = polled[type];
  if (source === undefined) return { type: `AWS::Serverless::Function.Events.${type}`, properties: {} };
  const { [source]: arn, ...rest } = propertiesOf(event.Properties, `${where}.Properties`);
  return {
    type: 'AWS::Lambda::EventSourceMapping',
    properties: { ...rest, EventSourceArn: arn, FunctionName: target },
  };
}
