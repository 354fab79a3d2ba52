import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';

export type Tags = Readonly<Record<string, string>>;

/** Tags of one resource (AWS documentation, "Using tags on Lambda functions"). */
export const tagsMax = 50;

/** Null: a resource may have these tags. */
export function tagsFailure(tags: Tags): ApiFailure | null {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
    return invalid('aws: prefixed tag key names are not allowed for external use.');
  }
  if (Object.keys(tags).length > tagsMax) return invalid('Number of tags exceeds resource tag limit.');
  return null;
}

/** What a resource has after TagResource or UntagResource. */
export function taggedWith(before: Tags, set: Tags, remove: readonly string[]): Result<Tags> {
  const after = Object.fromEntries(Object.entries({ ...before, ...set }).filter(([key]) => !remove.includes(key)));
  const failure = tagsFailure(after);
  return failure === null ? ok(after) : fail(failure);
}

function invalid(message: string): ApiFailure {
  return apiFailure('InvalidParameterValueException', message);
}
