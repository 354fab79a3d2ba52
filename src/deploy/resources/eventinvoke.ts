import {
  DeleteFunctionEventInvokeConfigCommand,
  type DestinationConfig,
  GetFunctionEventInvokeConfigCommand,
  PutFunctionEventInvokeConfigCommand,
} from '@aws-sdk/client-lambda';
import { differences, type Handler, orNull } from '../converge.js';
import { propertiesOf, textOf } from '../model.js';
import { functionNameOf } from './publication.js';

/** AWS::Lambda::EventInvokeConfig. */
export const eventInvokeHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const of = {
      FunctionName: functionNameOf(textOf(properties.FunctionName, `${where}.FunctionName`)),
      Qualifier: textOf(properties.Qualifier ?? '$LATEST', where),
    };
    const number = (name: string) => (properties[name] === undefined ? undefined : Number(properties[name]));
    const destinations = propertiesOf(properties.DestinationConfig, where);
    const DestinationConfig = Object.fromEntries(
      ['OnSuccess', 'OnFailure']
        .filter((name) => destinations[name] !== undefined)
        .map((name) => [name, { Destination: textOf(propertiesOf(destinations[name], where).Destination, where) }]),
    ) as DestinationConfig;
    const wanted = {
      MaximumRetryAttempts: number('MaximumRetryAttempts'),
      MaximumEventAgeInSeconds: number('MaximumEventAgeInSeconds'),
      ...(Object.keys(DestinationConfig).length === 0 ? {} : { DestinationConfig }),
    };
    const found = await orNull(around.lambda.send(new GetFunctionEventInvokeConfigCommand(of)));
    const changed = differences({ ...found }, wanted);
    if (!around.planning && (found === null || changed.length > 0)) {
      await around.lambda.send(new PutFunctionEventInvokeConfigCommand({ ...of, ...wanted }));
    }
    return {
      change: found === null ? 'create' : changed.length > 0 ? 'update' : 'none',
      details: changed,
      ref: `${of.FunctionName}|${of.Qualifier}`,
      attributes: {},
      identity: of,
    };
  },
  remove: async ({ FunctionName, Qualifier }, { lambda }) => {
    await orNull(lambda.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName, Qualifier })));
  },
};
