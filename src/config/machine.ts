import { assert } from '../kernel/assert.js';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { poolKey, versionKey } from '../kernel/ids.js';
import { stepAlias } from './aliases.js';
import { functionArn, notFound } from './arns.js';
import { withoutAttachment } from './attachments/attachments.js';
import { stepAttachment } from './attachments/steps.js';
import { codesOf, running, tooLargeTogether } from './code/versioncode.js';
import {
  type ConfigEffect,
  type ConfigInput,
  type FunctionId,
  type FunctionRecord,
  type FunctionState,
  latest,
  type RecordWrite,
  type VersionRecord,
} from './messages.js';
import { reserve } from './reservation.js';
import { droppedSnapshots, stepSnapshot, wantsSnapshot } from './snapshots.js';
import { taggedWith } from './tags/tags.js';
import { stepUrl } from './urls/urls.js';

type Of<Kind extends ConfigInput['kind']> = Extract<ConfigInput, { kind: Kind }>;

/**
 * The life of one function: what an input changes, and what the client is told. Pure; the state is what the store has
 * (null: no such function), and changes only by the `write` effects.
 */
export function step(id: FunctionId, state: FunctionState | null, input: ConfigInput): readonly ConfigEffect[] {
  if (input.kind === 'create') return state === null ? create(input) : refuse(exists(id));
  if (input.kind === 'delete' && input.qualifier === latest) {
    // Said before anything else, also of a function that does not exist (recorded).
    const message = '$LATEST version cannot be deleted without deleting the function.';
    return refuse(apiFailure('InvalidParameterValueException', message));
  }
  if (state === null) return refuse(notFound(id, missingQualifier(input)));
  switch (input.kind) {
    case 'update-code':
      return updateCode(state, input);
    case 'update-settings':
      return updateSettings(state, input);
    case 'prepared':
      return prepared(state, input);
    case 'publish':
      return publish(state, input);
    case 'snapshot-used':
    case 'snapshot-lost':
    case 'snapshot-regenerated':
    case 'snapshot-aged':
    case 'wake':
      return stepSnapshot(state, input, prepare);
    case 'delete':
      return input.qualifier === null ? deleteFunction(state) : deleteVersion(state, input.qualifier);
    case 'create-alias':
    case 'update-alias':
    case 'delete-alias':
      return stepAlias(state, input);
    case 'create-url':
    case 'update-url':
    case 'delete-url':
      return stepUrl(state, input);
    case 'reserve':
      return reserve(state, input);
    case 'tag':
      return tag(state, input);
    case 'set-recursion': {
      const record = { ...state.record, recursiveLoop: input.recursiveLoop };
      return [write({ kind: 'function', record }), { kind: 'reply' }];
    }
    case 'set-code-signing': {
      const record = { ...state.record, codeSigningConfigArn: input.arn };
      return [write({ kind: 'function', record }), { kind: 'reply' }];
    }
    default:
      return stepAttachment(state, input);
  }
}

function create(input: Of<'create'>): readonly ConfigEffect[] {
  const failure = tooLargeTogether(input.code, input.settings.layers);
  if (failure !== null) return refuse(failure);
  const record: FunctionRecord = {
    ...input.id,
    createdMs: input.nowMs,
    reserved: null,
    tags: input.tags,
    nextVersion: input.publish ? 2 : 1,
    codeSigningConfigArn: input.codeSigningConfigArn,
  };
  const first: VersionRecord = {
    version: latest,
    generation: Math.max(input.nowMs, input.generationMin),
    settings: input.settings,
    code: input.code,
    lastModifiedMs: input.nowMs,
    revisionId: input.revisionIds[0],
    state: 'Pending',
    update: null,
    failure: null,
  };
  const published = input.publish ? copy(first, '1', input, null) : null;
  return [
    write({ kind: 'function', record }, putVersion(first), ...(published === null ? [] : [putVersion(published)])),
    // The ARN is the function's also where the answer is version 1 (recorded).
    { kind: 'reply-version', record: published ?? first, qualified: false },
    prepare(first),
    ...(published === null ? [] : [prepare(published)]),
  ];
}

function updateCode(state: FunctionState, input: Of<'update-code'>): readonly ConfigEffect[] {
  const before = latestOf(state);
  const failure =
    mismatch(before, input.expectedRevisionId) ??
    notNow(state.record, before) ??
    tooLargeTogether(input.code, before.settings.layers);
  if (failure !== null) return refuse(failure);
  if (input.dryRun) {
    return [{ kind: 'reply-version', record: { ...before, code: input.code }, qualified: false }];
  }
  return change(state, before, { ...before, code: input.code }, input, input.publish);
}

function updateSettings(state: FunctionState, input: Of<'update-settings'>): readonly ConfigEffect[] {
  const before = latestOf(state);
  const failure =
    mismatch(before, input.expectedRevisionId) ??
    notNow(state.record, before) ??
    tooLargeTogether(before.code, input.settings.layers);
  if (failure !== null) return refuse(failure);
  return change(state, before, { ...before, settings: input.settings }, input, false);
}

/** A new generation of `$LATEST`. What is active goes on serving until it is ready (`prepared`), as the service does it. */
function change(
  state: FunctionState,
  before: VersionRecord,
  wanted: VersionRecord,
  input: Of<'update-code'> | Of<'update-settings'>,
  publishToo: boolean,
): readonly ConfigEffect[] {
  const { settings, code, generation } = running(before);
  const succeeds = before.state === 'Active';
  const after: VersionRecord = {
    ...withoutPrevious(wanted),
    generation: Math.max(input.nowMs, before.generation + 1),
    lastModifiedMs: input.nowMs,
    revisionId: input.revisionIds[0],
    update: 'InProgress',
    ...(succeeds ? { previous: { settings, code, generation } } : {}),
  };
  const number = state.record.nextVersion;
  const published = publishToo ? copy(after, String(number), input, null) : null;
  const writes: RecordWrite[] = [putVersion(after)];
  if (published !== null) {
    writes.push({ kind: 'function', record: { ...state.record, nextVersion: number + 1 } }, putVersion(published));
  }
  return [
    write(...writes),
    ...(succeeds ? [] : [superseded(state.record, before)]),
    { kind: 'reply-version', record: published ?? after, qualified: published !== null },
    prepare(after),
    ...(published === null ? [] : [prepare(published)]),
  ];
}

function prepared(state: FunctionState, input: Of<'prepared'>): readonly ConfigEffect[] {
  const before = state.versions.get(input.version);
  // A late answer: the version is gone, changed again, or was settled before a restart.
  if (before === undefined || before.generation !== input.generation || settled(before)) return [];
  const failed = input.failure !== null;
  const { previous } = before;
  // A failed update changes nothing for invocations: they run what they ran before.
  const kept = failed && previous !== undefined;
  // Of older versions: those that came during the update ran the new one, so that what was before needs another pool.
  const again = kept && previous.generation === undefined;
  // What was active before, and cannot get a new snapshot now, is asked again by the next invocation.
  const waking = before.state === 'Pending' && before.update === 'Successful';
  const inactive = { state: 'Inactive', update: 'Successful', failure: null } as const;
  const outcome = {
    state: failed ? (before.state === 'Pending' ? 'Failed' : before.state) : 'Active',
    update: failed ? 'Failed' : 'Successful',
    failure: input.failure,
  } as const;
  const after: VersionRecord = {
    ...(kept ? before : withoutPrevious(before)),
    generation: before.generation + (again ? 1 : 0),
    ...(waking && failed ? inactive : outcome),
    ...(input.snapshot ? { snapshot: { usedMs: input.nowMs } } : {}),
    revisionId: input.revisionIds[0],
  };
  const effects: ConfigEffect[] = [write(putVersion(after))];
  if (again) effects.push(superseded(state.record, before));
  if (!failed && previous?.generation !== undefined) {
    effects.push(superseded(state.record, { ...before, generation: previous.generation }));
  }
  if (!failed) effects.push({ kind: 'version-active', version: input.version });
  return effects;
}

function publish(state: FunctionState, input: Of<'publish'>): readonly ConfigEffect[] {
  const current = latestOf(state);
  const failure = mismatch(current, input.expectedRevisionId) ?? notNow(state.record, current);
  if (failure !== null) return refuse(failure);
  if (input.codeSha256 !== null && input.codeSha256Hex !== current.code.sha256Hex) {
    const is = `CodeSHA256 (${input.codeSha256}) is different from current CodeSHA256 in $LATEST`;
    const message = `${is} (${input.currentCodeSha256}). Please try again with the CodeSHA256 in $LATEST.`;
    return refuse(apiFailure('InvalidParameterValueException', message));
  }
  const last = lastPublished(state);
  if (last !== null && same(last, current)) return [{ kind: 'reply-version', record: last, qualified: true }];
  const number = state.record.nextVersion;
  const published = copy(current, String(number), input, input.description);
  // A new version gives `$LATEST` a new revision, too (recorded).
  const revised = { ...current, revisionId: input.revisionIds[0] };
  const record = { ...state.record, nextVersion: number + 1 };
  return [
    write({ kind: 'function', record }, putVersion(revised), putVersion(published)),
    { kind: 'reply-version', record: published, qualified: true },
    published.state === 'Active' ? { kind: 'version-active', version: published.version } : prepare(published),
  ];
}

/** Tags are part of what `$LATEST`'s revision stands for. */
function tag(state: FunctionState, input: Of<'tag'>): readonly ConfigEffect[] {
  const tags = taggedWith(state.record.tags, input.set, input.remove);
  if (!tags.ok) return refuse(tags.failure);
  const revised = { ...latestOf(state), revisionId: input.revisionIds[0] };
  return [
    write({ kind: 'function', record: { ...state.record, tags: tags.value } }, putVersion(revised)),
    { kind: 'reply' },
  ];
}

function deleteFunction(state: FunctionState): readonly ConfigEffect[] {
  const writes: RecordWrite[] = [{ kind: 'function', record: null }];
  for (const version of state.versions.keys()) writes.push({ kind: 'version', version, record: null });
  for (const name of state.aliases.keys()) writes.push({ kind: 'alias', name, record: null });
  for (const qualifier of state.attachments.keys()) writes.push({ kind: 'attachment', qualifier, record: null });
  for (const qualifier of state.urls.keys()) writes.push({ kind: 'url', qualifier, record: null });
  return [
    write(...writes),
    ...[...state.versions.values()].flatMap((version): ConfigEffect[] => {
      const during = version.previous?.generation === undefined ? [] : [{ ...version, ...running(version) }];
      return [version, ...during].map((one) => superseded(state.record, one, 'function-deleted'));
    }),
    ...droppedSnapshots(state.versions.values()),
    { kind: 'function-deleted' },
    { kind: 'reply' },
  ];
}

function deleteVersion(state: FunctionState, qualifier: string): readonly ConfigEffect[] {
  if (!/^\d+$/.test(qualifier)) {
    return refuse(apiFailure('InvalidParameterValueException', 'Deletion of aliases is not currently supported.'));
  }
  const version = state.versions.get(qualifier);
  // Deleting what is not there succeeds, as the service does it.
  if (version === undefined) return [{ kind: 'reply' }];
  const users = [...state.aliases.values()].filter(
    (alias) => alias.version === qualifier || alias.routing?.version === qualifier,
  );
  if (users.length > 0) {
    const names = users.map((alias) => alias.name).join(', ');
    const message = `Unable to delete version because the following aliases reference it: [${names}]`;
    return refuse(apiFailure('ResourceConflictException', message));
  }
  return [
    write({ kind: 'version', version: qualifier, record: null }, ...withoutAttachment(state, qualifier)),
    superseded(state.record, version, 'function-deleted'),
    ...droppedSnapshots([version]),
    { kind: 'reply' },
  ];
}

/** A published copy has a pool of its own; where the original is not ready, or did not become so, the copy has to. */
function copy(
  original: VersionRecord,
  version: string,
  input: { readonly nowMs: number; readonly revisionIds: readonly [string, string] },
  description: string | null,
): VersionRecord {
  const wanted: VersionRecord = { ...withoutPrevious(original), version };
  const ready = original.state === 'Active' && original.update === 'Successful' && !wantsSnapshot(wanted);
  return {
    ...wanted,
    generation: original.generation,
    settings: { ...original.settings, description: description ?? original.settings.description },
    revisionId: input.revisionIds[1],
    state: ready ? 'Active' : 'Pending',
    update: ready ? 'Successful' : null,
    failure: null,
  };
}

function withoutPrevious({ previous: _, ...record }: VersionRecord): VersionRecord {
  return record;
}

function same(a: VersionRecord, b: VersionRecord): boolean {
  const plain = (record: VersionRecord): string =>
    JSON.stringify([record.code.sha256Hex, sorted({ ...record.settings, description: '' })]);
  return plain(a) === plain(b);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}

function lastPublished(state: FunctionState): VersionRecord | null {
  let last: VersionRecord | null = null;
  for (const record of state.versions.values()) {
    if (record.version !== latest && Number(record.version) > Number(last?.version ?? 0)) last = record;
  }
  return last;
}

/** Neither being created nor being updated. */
export function settled(record: VersionRecord): boolean {
  return record.state !== 'Pending' && record.update !== 'InProgress';
}

function notNow(id: FunctionId, record: VersionRecord): ApiFailure | null {
  const start = 'The operation cannot be performed at this time.';
  if (record.state === 'Pending') {
    const message = `${start} The function is currently in the following state: Pending`;
    return apiFailure('ResourceConflictException', message);
  }
  if (record.update === 'InProgress') {
    const message = `${start} An update is in progress for resource: ${functionArn(id)}`;
    return apiFailure('ResourceConflictException', message);
  }
  return null;
}

function mismatch(record: VersionRecord, expected: string | null): ApiFailure | null {
  if (expected === null || expected === record.revisionId) return null;
  return apiFailure(
    'PreconditionFailedException',
    'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
  );
}

/** What the service appends to the name of a function that does not exist, by operation (recorded). */
function missingQualifier(input: ConfigInput): string | null {
  if (input.kind === 'reserve') return input.concurrency === null ? null : latest;
  return input.kind === 'create-alias' ? input.version : null;
}

function exists(id: FunctionId): ApiFailure {
  return apiFailure('ResourceConflictException', `Function already exist: ${id.name}`);
}

export function latestOf(state: FunctionState): VersionRecord {
  const record = state.versions.get(latest);
  assert(record !== undefined, `function ${state.record.name} has no $LATEST`);
  return record;
}

function superseded(
  id: FunctionId,
  { version, generation }: VersionRecord,
  reason: 'superseded' | 'function-deleted' = 'superseded',
): ConfigEffect {
  return { kind: 'superseded', pool: poolKey(versionKey(id.account, id.region, id.name, version), generation), reason };
}

function putVersion(record: VersionRecord): RecordWrite {
  return { kind: 'version', version: record.version, record };
}

export function prepare(record: VersionRecord): Extract<ConfigEffect, { readonly kind: 'prepare' }> {
  const { version, generation, settings } = record;
  const snapshot = wantsSnapshot(record);
  return { kind: 'prepare', version, generation, codes: codesOf(record), runtime: settings.runtime, snapshot };
}

function write(...writes: RecordWrite[]): ConfigEffect {
  return { kind: 'write', writes };
}

function refuse(failure: ApiFailure): readonly ConfigEffect[] {
  return [{ kind: 'refuse', failure }];
}
