import { ok } from '../kernel/result.js';
import type { LogGroup } from './loggroup.js';
import type { LogsApi, LogsCaller } from './logsapi.js';
import { LogsInput } from './logsinput.js';
import {
  badToken,
  findGroup,
  groupArn,
  groupIdentifierRule,
  groupMissing,
  groupNameRule,
  groupOfArn,
  logsFailure,
  packToken,
  readGroup,
  resourceArnRule,
  unpackToken,
} from './logsresource.js';
import type { LogStore } from './logstore.js';

const tagsMax = 50;
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
  | 'ListTagsForResource'
  | 'ListTagsLogGroup'
  | 'PutRetentionPolicy'
  | 'TagResource'
  | 'UntagResource'
>;

/** The operations on log groups. */
export function groupOperations(store: LogStore): GroupOperations {
  return {
    async CreateLogGroup(caller, body) {
      const input = new LogsInput(body);
      const name = input.text('logGroupName', { ...groupNameRule, required: true });
      const tags = input.map('tags', { min: 1, max: tagsMax }) ?? {};
      const failure = input.failure();
      if (failure !== null) return { ok: false, failure };
      if (/^aws\//i.test(name!)) {
        return logsFailure('InvalidParameterException', 'Log groups starting with AWS/ are reserved for AWS.');
      }
      if (store.createGroup(caller, name!, tags)) return ok({});
      return logsFailure('ResourceAlreadyExistsException', 'The specified log group already exists');
    },

    async DeleteLogGroup(caller, body) {
      const input = new LogsInput(body);
      const found = groupIn(store, caller, input);
      if (found.ok) store.deleteGroup(found.value);
      return found.ok ? ok({}) : found;
    },

    async DescribeLogGroups(caller, body) {
      const input = new LogsInput(body);
      const prefix = input.text('logGroupNamePrefix', groupNameRule);
      const pattern = input.text('logGroupNamePattern', { max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]*' });
      const identifiers = input.texts('logGroupIdentifiers', { min: 1, max: 50, item: groupIdentifierRule });
      const groupClass = input.text('logGroupClass', { values: ['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY'] });
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
        .filter(() => (groupClass ?? 'STANDARD') === 'STANDARD');
      const page = names.slice(0, limit);
      return ok({
        logGroups: page.map((name) => describeGroup(caller, store.group(caller, name)!)),
        ...(names.length > limit ? { nextToken: packToken(page.at(-1)) } : {}),
      });
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

    async ListTagsLogGroup(caller, body) {
      const found = groupIn(store, caller, new LogsInput(body));
      return found.ok ? ok({ tags: found.value.record.tags }) : found;
    },

    async ListTagsForResource(caller, body) {
      const found = resourceIn(store, caller, new LogsInput(body));
      return found.ok ? ok({ tags: found.value.record.tags }) : found;
    },

    async TagResource(caller, body) {
      const input = new LogsInput(body);
      const tags = input.map('tags', { required: true, min: 1, max: tagsMax });
      const found = resourceIn(store, caller, input);
      if (!found.ok) return found;
      const all = { ...found.value.record.tags, ...tags };
      if (Object.keys(all).length > tagsMax) {
        return logsFailure('TooManyTagsException', `A resource can have no more than ${tagsMax} tags.`);
      }
      found.value.update({ ...found.value.record, tags: all });
      return ok({});
    },

    async UntagResource(caller, body) {
      const input = new LogsInput(body);
      const keys = input.texts('tagKeys', { required: true, max: tagsMax, item: { min: 1, max: 128 } });
      const found = resourceIn(store, caller, input);
      if (!found.ok) return found;
      const tags = Object.entries(found.value.record.tags).filter(([key]) => !keys!.includes(key));
      found.value.update({ ...found.value.record, tags: Object.fromEntries(tags) });
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
    logGroupClass: 'STANDARD',
    logGroupArn: arn,
  };
}

/** The group of `logGroupName`, after everything read from the input was found valid. */
function groupIn(store: LogStore, caller: LogsCaller, input: LogsInput) {
  const named = readGroup(input, false);
  const failure = input.failure();
  return failure === null ? findGroup(store, caller, named) : ({ ok: false, failure } as const);
}

function resourceIn(store: LogStore, caller: LogsCaller, input: LogsInput) {
  const arn = input.text('resourceArn', resourceArnRule);
  const failure = input.failure();
  if (failure !== null) return { ok: false, failure } as const;
  const name = groupOfArn(caller, arn!);
  return name === null ? groupMissing : findGroup(store, caller, { name });
}
