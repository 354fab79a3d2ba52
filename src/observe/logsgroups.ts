import { ok } from '../kernel/result.js';
import type { LogGroup } from './loggroup.js';
import type { LogsApi, LogsCaller } from './logsapi.js';
import { LogsInput } from './logsinput.js';
import {
  badToken,
  deletionProtected,
  findGroup,
  groupArn,
  groupIdentifierRule,
  groupIn,
  groupNameRule,
  groupOfArn,
  logsFailure,
  packToken,
  tagsMax,
  unpackToken,
} from './logsresource.js';
import type { LogStore } from './logstore.js';

const groupClasses = ['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY'];
/** Of ListLogGroups: up to five texts to be found in a name, `^` for its beginning. */
const listPattern = '(\\^?[\\.\\-_\\/#A-Za-z0-9]{3,24})(\\|\\^?[\\.\\-_\\/#A-Za-z0-9]{3,24}){0,4}';
/** The service keeps logs for one of these, or for ever (API reference, PutRetentionPolicy). */
const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

type GroupOperations = Pick<
  LogsApi,
  | 'CreateLogGroup'
  | 'DeleteLogGroup'
  | 'DeleteRetentionPolicy'
  | 'DescribeLogGroups'
  | 'ListLogGroups'
  | 'PutLogGroupDeletionProtection'
  | 'PutRetentionPolicy'
>;

/** The operations on log groups. */
export function groupOperations(store: LogStore): GroupOperations {
  return {
    async CreateLogGroup(caller, body) {
      const input = new LogsInput(body);
      const name = input.text('logGroupName', { ...groupNameRule, required: true });
      const kmsKey = input.text('kmsKeyId', { max: 256 });
      const tags = input.map('tags', { min: 1, max: tagsMax }) ?? {};
      const groupClass = input.text('logGroupClass', { values: groupClasses });
      const isProtected = input.boolean('deletionProtectionEnabled') ?? false;
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (kmsKey !== undefined && kmsKey !== '') {
        return logsFailure('InvalidParameterException', 'Log groups encrypted with a KMS key are not supported here.');
      }
      if (/^aws\//i.test(name!)) {
        return logsFailure('InvalidParameterException', 'Log groups starting with AWS/ are reserved for AWS.');
      }
      const kept = { ...(groupClass && { groupClass }), ...(isProtected && { protected: true }) };
      if (store.createGroup(caller, name!, tags, kept)) return ok({});
      return logsFailure('ResourceAlreadyExistsException', 'The specified log group already exists');
    },

    async DeleteLogGroup(caller, body) {
      const input = new LogsInput(body);
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      if (found.value.record.protected === true) return deletionProtected;
      store.deleteGroup(found.value);
      return ok({});
    },

    async DescribeLogGroups(caller, body) {
      const input = new LogsInput(body);
      const prefix = input.text('logGroupNamePrefix', groupNameRule);
      const pattern = input.text('logGroupNamePattern', { max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]*' });
      const identifiers = input.texts('logGroupIdentifiers', { min: 1, max: 50, item: groupIdentifierRule });
      const groupClass = input.text('logGroupClass', { values: groupClasses });
      const limit = input.integer('limit', { min: 1, max: 50 }) ?? 50;
      const token = input.text('nextToken', { min: 1 });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (prefix !== undefined && pattern !== undefined) {
        return logsFailure(
          'InvalidParameterException',
          'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.',
        );
      }
      const after = token === undefined ? '' : unpackToken(token);
      if (typeof after !== 'string') return badToken;
      const wanted = identifiers?.map((id) => (id.startsWith('arn:') ? groupOfArn(caller, id) : id));
      const names = store
        .groupNames(caller)
        .filter((name) => name > after && name.startsWith(prefix ?? '') && name.includes(pattern ?? ''))
        .filter((name) => wanted?.includes(name) ?? true)
        .filter((name) => groupClass === undefined || classOf(store.group(caller, name)!) === groupClass);
      const page = names.slice(0, limit);
      const describe = pattern === undefined ? describeGroup : describeBriefly;
      return ok({
        logGroups: page.map((name) => describe(caller, store.group(caller, name)!)),
        ...(names.length > limit ? { nextToken: packToken(page.at(-1)) } : {}),
      });
    },

    async ListLogGroups(caller, body) {
      const input = new LogsInput(body);
      const pattern = input.text('logGroupNamePattern', { min: 3, max: 129, pattern: listPattern });
      const groupClass = input.text('logGroupClass', { values: groupClasses });
      const limit = input.integer('limit', { min: 1, max: 1_000 }) ?? 50;
      const token = input.text('nextToken', { min: 1 });
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      const after = token === undefined ? '' : unpackToken(token);
      if (typeof after !== 'string') return badToken;
      const choices = pattern?.split('|') ?? [''];
      const names = store.groupNames(caller).filter((name) => {
        if (name <= after) return false;
        if (groupClass !== undefined && classOf(store.group(caller, name)!) !== groupClass) return false;
        return choices.some((text) => (text.startsWith('^') ? name.startsWith(text.slice(1)) : name.includes(text)));
      });
      const page = names.slice(0, limit);
      return ok({
        logGroups: page.map((name) => ({
          logGroupName: name,
          logGroupArn: groupArn(caller, name),
          logGroupClass: classOf(store.group(caller, name)!),
        })),
        ...(names.length > limit ? { nextToken: packToken(page.at(-1)) } : {}),
      });
    },

    async PutLogGroupDeletionProtection(caller, body) {
      const input = new LogsInput(body);
      const id = input.text('logGroupIdentifier', { ...groupIdentifierRule, required: true });
      const wanted = input.boolean('deletionProtectionEnabled');
      if (wanted === undefined) input.refuse(null, 'deletionProtectionEnabled', 'not be null');
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      const found = findGroup(store, caller, { id: id! });
      if (!found.ok) return found;
      found.value.update({ ...found.value.record, protected: wanted! });
      return ok({});
    },

    async PutRetentionPolicy(caller, body) {
      const input = new LogsInput(body);
      const days = input.integer('retentionInDays', { required: true, values: retentionDays });
      const found = groupIn(store, caller, input);
      if (!found.ok) return found;
      found.value.update({ ...found.value.record, retentionDays: days! });
      return ok({});
    },

    async DeleteRetentionPolicy(caller, body) {
      const found = groupIn(store, caller, new LogsInput(body));
      if (!found.ok) return found;
      found.value.update({ ...found.value.record, retentionDays: null });
      return ok({});
    },
  };
}

function describeGroup(caller: LogsCaller, group: LogGroup): object {
  const { createdMs, retentionDays: days } = group.record;
  const arn = groupArn(caller, group.name);
  return {
    logGroupName: group.name,
    creationTime: createdMs,
    ...(days === null ? {} : { retentionInDays: days }),
    metricFilterCount: 0,
    arn: `${arn}:*`,
    storedBytes: group.storedBytes,
    logGroupClass: classOf(group),
    logGroupArn: arn,
    ...(group.record.protected === true ? { deletionProtectionEnabled: true } : {}),
  };
}

/** What the service shows when groups are asked for by a pattern. */
function describeBriefly(caller: LogsCaller, group: LogGroup): object {
  return {
    logGroupName: group.name,
    creationTime: group.record.createdMs,
    arn: `${groupArn(caller, group.name)}:*`,
  };
}

function classOf(group: LogGroup): string {
  return group.record.groupClass ?? 'STANDARD';
}
