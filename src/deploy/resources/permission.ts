import { createHash } from 'node:crypto';
import {
  AddLayerVersionPermissionCommand,
  AddPermissionCommand,
  type AddPermissionCommandInput,
  GetPolicyCommand,
  RemoveLayerVersionPermissionCommand,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda';
import { canonical, type Handler, orNull } from '../converge.js';
import { type Properties, textOf } from '../model.js';
import { functionNameOf } from './publication.js';

/** Lambda's limit for statement ids. */
const statementCharactersMax = 100;

/** Ends in a digest of what the statement says: a statement of this id never needs to be compared. */
function statementId(stack: string, logicalId: string, properties: Properties): { prefix: string; id: string } {
  const digest = createHash('sha256').update(canonical(properties)).digest('hex').slice(0, 8);
  const prefix = `${stack}-${logicalId}`.slice(0, statementCharactersMax - digest.length - 1);
  return { prefix: `${prefix}-`, id: `${prefix}-${digest}` };
}

/** AWS::Lambda::Permission. */
export const permissionHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const target = textOf(properties.FunctionName, `${where}.FunctionName`);
    const FunctionName = functionNameOf(target);
    const Qualifier = target.split(':')[target.startsWith('arn:') ? 7 : 3];
    const of = { FunctionName, ...(Qualifier === undefined ? {} : { Qualifier }) };
    const { prefix, id } = statementId(around.stack, logicalId, properties);
    const found = await orNull(around.lambda.send(new GetPolicyCommand(of)));
    const statements =
      found?.Policy === undefined ? [] : (JSON.parse(found.Policy) as { Statement: { Sid: string }[] }).Statement;
    const mine = statements.map(({ Sid }) => Sid).filter((sid) => sid.startsWith(prefix));
    const present = mine.includes(id);
    const stale = mine.filter((sid) => sid !== id);
    if (!around.planning) {
      for (const StatementId of stale) await around.lambda.send(new RemovePermissionCommand({ ...of, StatementId }));
      if (!present) {
        const { FunctionName: _, ...rest } = properties;
        const input = { ...of, StatementId: id, ...rest } as unknown as AddPermissionCommandInput;
        await around.lambda.send(new AddPermissionCommand(input));
      }
    }
    return {
      change: present && stale.length === 0 ? 'none' : mine.length > 0 ? 'update' : 'create',
      details: present ? [] : [`${String(properties.Principal)} may ${String(properties.Action)}`],
      ref: id,
      attributes: { Id: id },
      identity: { ...of, StatementId: id } as Record<string, string>,
    };
  },
  remove: async (identity, { lambda }) => {
    const { FunctionName, Qualifier, StatementId } = identity;
    await orNull(
      lambda.send(new RemovePermissionCommand({ FunctionName, StatementId, ...(Qualifier && { Qualifier }) })),
    );
  },
};

/** AWS::Lambda::LayerVersionPermission. */
export const layerPermissionHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const arn = textOf(properties.LayerVersionArn, `${where}.LayerVersionArn`);
    const parts = arn.split(':');
    const layer = { LayerName: parts[6] as string, VersionNumber: Number(parts[7]) };
    const { id } = statementId(around.stack, logicalId, properties);
    let present = false;
    if (!around.planning) {
      const { Action, Principal, OrganizationId } = properties;
      await around.lambda
        .send(
          new AddLayerVersionPermissionCommand({
            ...layer,
            StatementId: id,
            Action: textOf(Action, where),
            Principal: textOf(Principal, where),
            ...(OrganizationId === undefined ? {} : { OrganizationId: textOf(OrganizationId, where) }),
          }),
        )
        .catch((error: Error) => {
          if (error.name !== 'ResourceConflictException') throw error;
          present = true;
        });
    }
    const identity = { LayerName: layer.LayerName, VersionNumber: String(layer.VersionNumber), StatementId: id };
    return { change: present ? 'none' : 'create', details: [], ref: id, attributes: {}, identity };
  },
  remove: async ({ LayerName, VersionNumber, StatementId }, { lambda }) => {
    const input = { LayerName, VersionNumber: Number(VersionNumber), StatementId };
    await orNull(lambda.send(new RemoveLayerVersionPermissionCommand(input)));
  },
};
