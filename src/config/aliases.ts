import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { aliasNotFound, functionArn, notFound } from './arns.js';
import { withoutAttachment } from './attachments/attachments.js';
import {
  type AliasRecord,
  type ConfigEffect,
  type ConfigInput,
  type FunctionState,
  latest,
  type RecordWrite,
} from './messages.js';

type AliasInput = Extract<ConfigInput, { kind: 'create-alias' | 'update-alias' | 'delete-alias' }>;

/** Aliases point to one version, or to two with a share for the second. Pure, part of the function's machine. */
export function stepAlias(state: FunctionState, input: AliasInput): readonly ConfigEffect[] {
  const before = state.aliases.get(input.name);
  if (input.kind === 'delete-alias') {
    // Deleting what is not there succeeds, as the service does it.
    if (before === undefined) return [{ kind: 'reply' }];
    const writes: RecordWrite[] = [{ kind: 'alias', name: input.name, record: null }];
    if (state.urls.has(input.name)) writes.push({ kind: 'url', qualifier: input.name, record: null });
    writes.push(...withoutAttachment(state, input.name));
    return [{ kind: 'write', writes }, { kind: 'reply' }];
  }
  if (input.kind === 'create-alias') {
    if (before !== undefined) {
      const message = `Alias already exists: ${functionArn(state.record, input.name)}`;
      return refuse(apiFailure('ResourceConflictException', message));
    }
    const routing = route(state, input.version, input.weights);
    if (!routing.ok) return refuse(routing.failure);
    return store({
      name: input.name,
      version: input.version,
      description: input.description,
      routing: routing.value,
      revisionId: input.revisionIds[0],
    });
  }
  if (before === undefined) return refuse(aliasNotFound(state.record, input.name));
  if (input.expectedRevisionId !== null && input.expectedRevisionId !== before.revisionId) {
    return refuse(
      apiFailure(
        'PreconditionFailedException',
        'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
      ),
    );
  }
  const version = input.version ?? before.version;
  const weights = input.weights ?? (before.routing === null ? {} : { [before.routing.version]: before.routing.weight });
  const routing = route(state, version, weights);
  if (!routing.ok) return refuse(routing.failure);
  const effects = store({
    ...before,
    version,
    description: input.description ?? before.description,
    routing: routing.value,
    revisionId: input.revisionIds[0],
  });
  return version === before.version
    ? effects
    : [...effects, { kind: 'alias-moved', from: before.version, to: version }];
}

function route(
  state: FunctionState,
  version: string,
  weights: Readonly<Record<string, number>>,
): Result<AliasRecord['routing']> {
  if (!state.versions.has(version)) return fail(notFound(state.record, version));
  const entries = Object.entries(weights);
  if (entries.length === 0) return ok(null);
  if (entries.length > 1) return invalid('Number of items in AdditionalVersionWeights cannot be greater than 1');
  const [other, weight] = entries[0]!;
  if (version === latest || other === latest) {
    const message = '$LATEST is not supported for an alias pointing to more than 1 version';
    return fail(apiFailure('InvalidParameterValueException', message, { omitType: true }));
  }
  if (other === version) {
    return invalid(
      `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
    );
  }
  if (!state.versions.has(other)) return fail(notFound(state.record, other));
  return ok({ version: other, weight });
}

function store(record: AliasRecord): readonly ConfigEffect[] {
  return [
    { kind: 'write', writes: [{ kind: 'alias', name: record.name, record }] },
    { kind: 'reply-alias', record },
  ];
}

function invalid(message: string): { readonly ok: false; readonly failure: ApiFailure } {
  return fail(apiFailure('InvalidParameterValueException', message));
}

function refuse(failure: ApiFailure): readonly ConfigEffect[] {
  return [{ kind: 'refuse', failure }];
}
