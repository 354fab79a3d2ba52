import {
  type Cors,
  CreateFunctionUrlConfigCommand,
  DeleteFunctionUrlConfigCommand,
  type FunctionUrlAuthType,
  GetFunctionUrlConfigCommand,
  type InvokeMode,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { differences, type Handler, orNull, unknown } from '../converge.js';
import { type Properties, textOf } from '../model.js';
import { functionNameOf } from './publication.js';

/** AWS::Lambda::Url. */
export const urlHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const target = textOf(properties.TargetFunctionArn, `${where}.TargetFunctionArn`);
    const qualifier = properties.Qualifier ?? target.split(':')[7];
    const of = {
      FunctionName: functionNameOf(target),
      ...(qualifier === undefined ? {} : { Qualifier: textOf(qualifier, where) }),
    };
    const wanted = {
      AuthType: textOf(properties.AuthType, `${where}.AuthType`) as FunctionUrlAuthType,
      InvokeMode: (properties.InvokeMode ?? 'BUFFERED') as InvokeMode,
      Cors: (properties.Cors ?? undefined) as (Cors & Properties) | undefined,
    };
    const found = await orNull(around.lambda.send(new GetFunctionUrlConfigCommand(of)));
    const changed =
      found === null
        ? [`auth ${wanted.AuthType}, ${wanted.InvokeMode}`]
        : differences({ ...found, InvokeMode: found.InvokeMode ?? 'BUFFERED' }, wanted);
    let url = found?.FunctionUrl ?? unknown(logicalId, 'FunctionUrl');
    if (!around.planning && changed.length > 0) {
      const input = { ...of, ...wanted };
      const made =
        found === null
          ? await around.lambda.send(new CreateFunctionUrlConfigCommand(input))
          : await around.lambda.send(new UpdateFunctionUrlConfigCommand(input));
      url = made.FunctionUrl as string;
    }
    const arn = `arn:aws:lambda:${around.region}:${around.account}:function:${of.FunctionName}${of.Qualifier ? `:${of.Qualifier}` : ''}`;
    return {
      change: found === null ? 'create' : changed.length > 0 ? 'update' : 'none',
      details: changed,
      ref: arn,
      attributes: { FunctionUrl: url, FunctionArn: arn },
      identity: of as Record<string, string>,
    };
  },
  remove: async ({ FunctionName, Qualifier }, { lambda }) => {
    await orNull(lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName, ...(Qualifier && { Qualifier }) })));
  },
};
