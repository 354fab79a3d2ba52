import { fail, ok, type Result } from '../kernel/result.js';
import type { LogGroup } from './loggroup.js';
import type { LogsCaller, LogsErrorCode, LogsFailure } from './logsapi.js';
import type { LogsInput, TextRule } from './logsinput.js';
import type { LogStore } from './logstore.js';

/** Rules of the service model 2014-03-28. */
export const groupNameRule: TextRule = { min: 1, max: 512, pattern: '[\\.\\-_/#A-Za-z0-9]+' };
export const groupIdentifierRule: TextRule = { min: 1, max: 2048, pattern: '[\\w#+=/:,.@-]*' };
export const streamNameRule: TextRule = { min: 1, max: 512, pattern: '[^:*]*' };
/** Tags of one log group. */
export const tagsMax = 50;
export const resourceArnRule: TextRule = { required: true, min: 1, max: 1011, pattern: '[\\w#+=/:,.@-]*' };

export function logsFailure(
  code: LogsErrorCode,
  message: string,
): { readonly ok: false; readonly failure: LogsFailure } {
  return fail({ code, message });
}

export const groupMissing = logsFailure('ResourceNotFoundException', 'The specified log group does not exist.');
export const streamMissing = logsFailure('ResourceNotFoundException', 'The specified log stream does not exist.');
export const deletionProtected = logsFailure(
  'ValidationException',
  'The specified log group has deletion protection enabled. Disable it before deleting.',
);
export const badToken = logsFailure('InvalidParameterException', 'The specified nextToken is invalid.');

/** The ARN without the `:*` that `arn` members end with. */
export function groupArn(caller: LogsCaller, name: string): string {
  return `arn:aws:logs:${caller.region}:${caller.account}:log-group:${name}`;
}

/** The name in an ARN of the caller's own account and region (with or without `:*`), or null. */
export function groupOfArn(caller: LogsCaller, arn: string): string | null {
  const prefix = groupArn(caller, '');
  if (!arn.startsWith(prefix)) return null;
  const name = arn.slice(prefix.length).replace(/:\*$/, '');
  return name === '' || name.includes(':') ? null : name;
}

/** Reads the members naming a group: `logGroupName`, or (where allowed) `logGroupIdentifier`, never both. */
export function readGroup(
  input: LogsInput,
  allowsIdentifier: boolean,
): { readonly name?: string; readonly id?: string } {
  const id = allowsIdentifier ? input.text('logGroupIdentifier', groupIdentifierRule) : undefined;
  const name = input.text('logGroupName', { ...groupNameRule, required: id === undefined });
  return { ...(name === undefined ? {} : { name }), ...(id === undefined ? {} : { id }) };
}

/** The group that a request names. Call after `input.failure()` is known to be null. */
export function findGroup(
  store: LogStore,
  caller: LogsCaller,
  named: { readonly name?: string; readonly id?: string },
): Result<LogGroup, LogsFailure> {
  if (named.name !== undefined && named.id !== undefined) {
    return logsFailure(
      'InvalidParameterException',
      'LogGroup name and LogGroup identifier are mutually exclusive parameters.',
    );
  }
  const id = named.name ?? named.id ?? '';
  const name = id.startsWith('arn:') ? groupOfArn(caller, id) : id;
  const group = name === null ? null : store.group(caller, name);
  return group === null ? groupMissing : ok(group);
}

/** Paging tokens are opaque to clients: JSON in base64url. */
export function packToken(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Null when it is no token of ours. */
export function unpackToken(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** The group of `logGroupName`, after everything read from the input was found valid. */
export function groupIn(store: LogStore, caller: LogsCaller, input: LogsInput): Result<LogGroup, LogsFailure> {
  const named = readGroup(input, false);
  const failure = input.failure();
  return failure === null ? findGroup(store, caller, named) : { ok: false, failure };
}
