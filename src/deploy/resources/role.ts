import type { Handler } from '../converge.js';
import { textOf } from '../model.js';
import { physicalName } from '../naming.js';

/** AWS::IAM::Role: roles are accepted as they are and give nobody anything, so there is nothing to make. */
export const roleHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const given = properties.RoleName;
    const name = given === undefined ? physicalName(around.stack, logicalId) : textOf(given, `Resources.${logicalId}`);
    const path = properties.Path === undefined ? '/' : textOf(properties.Path, `Resources.${logicalId}`);
    const arn = `arn:aws:iam::${around.account}:role${path}${name}`;
    return {
      change: 'none',
      details: [],
      ref: name,
      attributes: { Arn: arn, RoleId: `AROA${logicalId}` },
      identity: {},
    };
  },
  remove: null,
};
