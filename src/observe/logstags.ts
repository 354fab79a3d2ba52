import { ok } from '../kernel/result.js';
import type { LogGroup } from './loggroup.js';
import type { LogsApi, LogsCaller } from './logsapi.js';
import { LogsInput } from './logsinput.js';
import { findGroup, groupIn, groupMissing, groupOfArn, logsFailure, resourceArnRule, tagsMax } from './logsresource.js';
import type { LogStore } from './logstore.js';

type TagOperations = Pick<
  LogsApi,
  'ListTagsForResource' | 'ListTagsLogGroup' | 'TagLogGroup' | 'TagResource' | 'UntagLogGroup' | 'UntagResource'
>;

/** Tags of log groups: by ARN, and by name as older clients ask. */
export function tagOperations(store: LogStore): TagOperations {
  return {
    async ListTagsLogGroup(caller, body) {
      const found = groupIn(store, caller, new LogsInput(body));
      return found.ok ? ok({ tags: found.value.record.tags }) : found;
    },

    async ListTagsForResource(caller, body) {
      const found = resourceIn(store, caller, new LogsInput(body));
      return found.ok ? ok({ tags: found.value.record.tags }) : found;
    },

    async TagLogGroup(caller, body) {
      const input = new LogsInput(body);
      const tags = input.map('tags', { required: true, min: 1, max: tagsMax });
      const found = groupIn(store, caller, input);
      return found.ok ? addTags(found.value, tags!, 'InvalidParameterException') : found;
    },

    async TagResource(caller, body) {
      const input = new LogsInput(body);
      const tags = input.map('tags', { required: true, min: 1, max: tagsMax });
      const found = resourceIn(store, caller, input);
      return found.ok ? addTags(found.value, tags!, 'TooManyTagsException') : found;
    },

    async UntagLogGroup(caller, body) {
      const input = new LogsInput(body);
      const keys = input.texts('tags', { required: true, min: 1, item: { min: 1, max: 128 } });
      const found = groupIn(store, caller, input);
      return found.ok ? removeTags(found.value, keys!) : found;
    },

    async UntagResource(caller, body) {
      const input = new LogsInput(body);
      const keys = input.texts('tagKeys', { required: true, max: tagsMax, item: { min: 1, max: 128 } });
      const found = resourceIn(store, caller, input);
      return found.ok ? removeTags(found.value, keys!) : found;
    },
  };
}

/** `tooMany`: TagLogGroup is older than the error for it. */
function addTags(
  group: LogGroup,
  tags: Readonly<Record<string, string>>,
  tooMany: 'InvalidParameterException' | 'TooManyTagsException',
) {
  const all = { ...group.record.tags, ...tags };
  if (Object.keys(all).length > tagsMax) {
    return logsFailure(tooMany, `A resource can have no more than ${tagsMax} tags.`);
  }
  group.update({ ...group.record, tags: all });
  return ok({});
}

function removeTags(group: LogGroup, keys: readonly string[]) {
  const kept = Object.entries(group.record.tags).filter(([key]) => !keys.includes(key));
  group.update({ ...group.record, tags: Object.fromEntries(kept) });
  return ok({});
}

function resourceIn(store: LogStore, caller: LogsCaller, input: LogsInput) {
  const arn = input.text('resourceArn', resourceArnRule);
  const failure = input.failure();
  if (failure !== null) return { ok: false, failure } as const;
  const name = groupOfArn(caller, arn!);
  return name === null ? groupMissing : findGroup(store, caller, { name });
}
