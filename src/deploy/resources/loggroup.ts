import {
  CreateLogGroupCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  PutRetentionPolicyCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import type { Handler } from '../converge.js';
import { textOf } from '../model.js';
import { physicalName } from '../naming.js';

/** AWS::Logs::LogGroup: name and retention. */
export const logGroupHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const given = properties.LogGroupName;
    const logGroupName = given === undefined ? physicalName(around.stack, logicalId) : textOf(given, where);
    const { logGroups } = await around.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroupName }));
    const found = logGroups?.find((group) => group.logGroupName === logGroupName);
    const days = properties.RetentionInDays === undefined ? undefined : Number(properties.RetentionInDays);
    const changed = found?.retentionInDays !== days;
    if (!around.planning) {
      if (found === undefined) await around.logs.send(new CreateLogGroupCommand({ logGroupName }));
      if (changed && days !== undefined) {
        await around.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: days }));
      } else if (changed) await around.logs.send(new DeleteRetentionPolicyCommand({ logGroupName }));
    }
    return {
      change: found === undefined ? 'create' : changed ? 'update' : 'none',
      details: changed ? [`retention ${days ?? 'for ever'}${days === undefined ? '' : ' days'}`] : [],
      ref: logGroupName,
      attributes: { Arn: `arn:aws:logs:${around.region}:${around.account}:log-group:${logGroupName}:*` },
      identity: { logGroupName },
    };
  },
  // What was logged stays.
  remove: null,
};
