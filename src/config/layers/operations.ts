import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { CodeIntake } from '../code/codeintake.js';
import type { ConfigEngine } from '../engine.js';
import type { LayerUse } from '../messages.js';
import { byText, page } from '../page.js';
import type { Caller } from '../queries.js';
import { type LayerId, layerArn, layerIdOf, noLayerVersion, noResource, parseLayerArn } from './arns.js';
import { allows, type LayerPolicy, type LayerStatement, policyDocument, statementDocument } from './policy.js';
import type { LayerState, LayerTable, LayerVersionRecord, LayerWrite } from './table.js';
import { layerDenied, layersInUse } from './use.js';
import { itemView, layerVersionView } from './view.js';

/** Another writer changed the layer in between: as often is more than any deployment needs. */
const attemptsMax = 10;
/** Largest policy as JSON text (AWS documentation, "Lambda quotas": resource-based policy). */
export const layerPolicyBytesMax = 20_480;

export interface LayerOptions {
  readonly engine: ConfigEngine;
  readonly intake: CodeIntake;
  readonly codeUrl: (owner: Caller, codeSha256Hex: string) => string;
  /** The organization that the accounts of this platform belong to, or null. */
  readonly organizationId: string | null;
}

/** A change of one layer: what to write, and the answer. */
interface Change<T> {
  readonly writes: readonly LayerWrite[];
  readonly answer: T;
}

/** Layers: one method per operation of the Lambda API, each resolving once what it says is durable. */
export class LayerOperations {
  readonly #table: LayerTable;
  readonly #engine: ConfigEngine;
  readonly #intake: CodeIntake;
  readonly #codeUrl: LayerOptions['codeUrl'];
  readonly #organizationId: string | null;

  constructor({ engine, intake, codeUrl, organizationId }: LayerOptions) {
    this.#table = engine.layers;
    this.#engine = engine;
    this.#intake = intake;
    this.#codeUrl = codeUrl;
    this.#organizationId = organizationId;
  }

  async publishLayerVersion(
    caller: Caller,
    input: Input<'PublishLayerVersion'>,
  ): Promise<Result<Output<'PublishLayerVersion'>>> {
    const own = this.#own(caller, input.LayerName, null, 'PublishLayerVersion');
    if (!own.ok) return own;
    const id = own.value;
    return await this.#intake.with(caller, input.Content, async (code) => {
      const published = await this.#change(id, (state): Result<Change<LayerVersionRecord>> => {
        const version = state?.record.nextVersion ?? 1;
        const record: LayerVersionRecord = {
          version,
          code,
          description: input.Description ?? '',
          licenseInfo: input.LicenseInfo ?? null,
          runtimes: input.CompatibleRuntimes ?? null,
          architectures: input.CompatibleArchitectures ?? null,
          createdMs: this.#engine.stamp().nowMs,
          policy: null,
        };
        const { account, region, name } = id;
        const layer = { account, region, name, nextVersion: version + 1 };
        return ok({
          writes: [
            { kind: 'layer', record: layer },
            { kind: 'version', version, record },
          ],
          answer: record,
        });
      });
      return published.ok ? ok(this.#view(id, published.value)) : published;
    });
  }

  async getLayerVersion(caller: Caller, input: Input<'GetLayerVersion'>): Promise<Result<Output<'GetLayerVersion'>>> {
    const id = layerIdOf(caller.account, caller.region, input.LayerName);
    if (input.VersionNumber < 1) return fail(belowOne);
    return this.#read(caller, id, input.VersionNumber);
  }

  async getLayerVersionByArn(
    caller: Caller,
    input: Input<'GetLayerVersionByArn'>,
  ): Promise<Result<Output<'GetLayerVersionByArn'>>> {
    const parsed = parseLayerArn(input.Arn);
    if (parsed === null || parsed.version === null) return fail(noResource);
    return this.#read(caller, parsed.id, parsed.version);
  }

  async listLayers(caller: Caller, input: Input<'ListLayers'>): Promise<Result<Output<'ListLayers'>>> {
    const items = this.#table.list(caller.account, caller.region).flatMap((state) => {
      const latest = matching(state, input.CompatibleRuntime, input.CompatibleArchitecture)[0];
      return latest === undefined ? [] : [{ id: state.record, latest }];
    });
    const paged = page(items, ({ id }) => id.name, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const Layers = paged.value.items.map(({ id, latest }) => ({
      LayerName: id.name,
      LayerArn: layerArn(id),
      LatestMatchingVersion: itemView(id, latest),
    }));
    return ok({ ...marker(paged.value.nextMarker), Layers });
  }

  async listLayerVersions(
    caller: Caller,
    input: Input<'ListLayerVersions'>,
  ): Promise<Result<Output<'ListLayerVersions'>>> {
    const own = this.#own(caller, input.LayerName, null, 'ListLayerVersions');
    if (!own.ok) return own;
    const state = this.#table.state(own.value);
    const records = state === null ? [] : matching(state, input.CompatibleRuntime, input.CompatibleArchitecture);
    const descending = (a: string, b: string) => Number(b) - Number(a);
    const paged = page(records, (record) => String(record.version), descending, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const LayerVersions = paged.value.items.map((record) => itemView(own.value, record));
    return ok({ ...marker(paged.value.nextMarker), LayerVersions });
  }

  async deleteLayerVersion(
    caller: Caller,
    input: Input<'DeleteLayerVersion'>,
  ): Promise<Result<Output<'DeleteLayerVersion'>>> {
    const version = input.VersionNumber;
    if (version < 1) return fail(belowOne);
    const own = this.#own(caller, input.LayerName, version, 'DeleteLayerVersion');
    if (!own.ok) return own;
    // Deleting what is not there is done already.
    return await this.#change(own.value, (state) =>
      ok({ writes: state?.versions.has(version) ? [{ kind: 'version', version, record: null }] : [], answer: null }),
    );
  }

  async addLayerVersionPermission(
    caller: Caller,
    input: Input<'AddLayerVersionPermission'>,
  ): Promise<Result<Output<'AddLayerVersionPermission'>>> {
    const version = input.VersionNumber;
    const own = this.#own(caller, input.LayerName, version, 'AddLayerVersionPermission');
    if (!own.ok) return own;
    const id = own.value;
    const statement: LayerStatement = {
      sid: input.StatementId,
      principal: input.Principal,
      organizationId: input.OrganizationId ?? null,
    };
    const changed = await this.#changePolicy(id, version, (policy) => {
      const statements = policy?.statements ?? [];
      if (statements.some(({ sid }) => sid === statement.sid)) {
        const start = `The statement id (${statement.sid}) provided already exists.`;
        const message = `${start} Please provide a new statement id, or remove the existing statement.`;
        return fail(apiFailure('ResourceConflictException', message));
      }
      const failure = mismatch(policy, input.RevisionId);
      if (failure !== null) return fail(failure);
      const after = [...statements, statement];
      const bytes = Buffer.byteLength(policyDocument(after, layerArn(id, version)));
      if (bytes > layerPolicyBytesMax) {
        const message = `The final policy size (${bytes}) is bigger than the limit (${layerPolicyBytesMax}).`;
        return fail(apiFailure('PolicyLengthExceededException', message));
      }
      return ok(after);
    });
    if (!changed.ok) return changed;
    return ok({
      Statement: JSON.stringify(statementDocument(statement, layerArn(id, version))),
      RevisionId: changed.value!.revisionId,
    });
  }

  async removeLayerVersionPermission(
    caller: Caller,
    input: Input<'RemoveLayerVersionPermission'>,
  ): Promise<Result<Output<'RemoveLayerVersionPermission'>>> {
    const version = input.VersionNumber;
    const own = this.#own(caller, input.LayerName, version, 'RemoveLayerVersionPermission');
    if (!own.ok) return own;
    const changed = await this.#changePolicy(own.value, version, (policy) => {
      const statements = policy?.statements ?? [];
      const failure = mismatch(policy, input.RevisionId);
      if (failure !== null) return fail(failure);
      const after = statements.filter(({ sid }) => sid !== input.StatementId);
      if (after.length < statements.length) return ok(after);
      const message = `Statement ${input.StatementId} is not found in resource policy.`;
      return fail(apiFailure('ResourceNotFoundException', message));
    });
    return changed.ok ? ok(null) : changed;
  }

  async getLayerVersionPolicy(
    caller: Caller,
    input: Input<'GetLayerVersionPolicy'>,
  ): Promise<Result<Output<'GetLayerVersionPolicy'>>> {
    const version = input.VersionNumber;
    const own = this.#own(caller, input.LayerName, version, 'GetLayerVersionPolicy');
    if (!own.ok) return own;
    const record = this.#table.version(own.value, version);
    if (record === null) return fail(noLayerVersion(own.value, version));
    if (record.policy === null) {
      return fail(apiFailure('ResourceNotFoundException', 'No policy is associated with the given resource.'));
    }
    const { statements, revisionId } = record.policy;
    return ok({ Policy: policyDocument(statements, layerArn(own.value, version)), RevisionId: revisionId });
  }

  /** The layers that a function of the caller names, or why it cannot have them. */
  inUse(caller: Caller, arns: readonly string[]): Result<readonly LayerUse[]> {
    const { account } = caller;
    return layersInUse(this.#table, caller, { account, organizationId: this.#organizationId }, arns);
  }

  /** A layer that only its own account may do this with. */
  #own(caller: Caller, name: string, version: number | null, action: string): Result<LayerId> {
    const id = layerIdOf(caller.account, caller.region, name);
    if (id.account !== caller.account) return fail(layerDenied(caller, layerArn(id, version), action));
    return id.region === caller.region ? ok(id) : fail(noResource);
  }

  #read(caller: Caller, id: LayerId, version: number): Result<Output<'GetLayerVersion'>> {
    const record = this.#table.version(id, version);
    if (id.account !== caller.account) {
      const { account } = caller;
      const shared = record !== null && allows(record.policy, { account, organizationId: this.#organizationId });
      if (!shared) return fail(layerDenied(caller, layerArn(id, version)));
    }
    return record === null || id.region !== caller.region ? fail(noResource) : ok(this.#view(id, record));
  }

  async #changePolicy(
    id: LayerId,
    version: number,
    make: (policy: LayerPolicy | null) => Result<readonly LayerStatement[]>,
  ): Promise<Result<LayerPolicy | null>> {
    return await this.#change(id, (state): Result<Change<LayerPolicy | null>> => {
      const record = state?.versions.get(version);
      if (record === undefined) return fail(noLayerVersion(id, version));
      const statements = make(record.policy);
      if (!statements.ok) return statements;
      const [revisionId] = this.#engine.stamp().revisionIds;
      const policy = statements.value.length === 0 ? null : { revisionId, statements: statements.value };
      return ok({ writes: [{ kind: 'version', version, record: { ...record, policy } }], answer: policy });
    });
  }

  /** One change of a layer at a time; `make` is called again when another writer came first. */
  async #change<T>(id: LayerId, make: (state: LayerState | null) => Result<Change<T>>): Promise<Result<T>> {
    return await this.#engine.alone(`layer ${layerArn(id)}`, async () => {
      for (let attempt = 0; attempt < attemptsMax; attempt++) {
        const change = make(this.#table.state(id));
        if (!change.ok) return change;
        const { writes, answer } = change.value;
        if (writes.length === 0 || (await this.#table.write(id, writes))) return ok(answer);
      }
      return fail(apiFailure('TooManyRequestsException', 'Rate exceeded'));
    });
  }

  #view(id: LayerId, record: LayerVersionRecord): Output<'GetLayerVersion'> {
    return layerVersionView(id, record, this.#codeUrl(id, record.code.sha256Hex));
  }
}

const belowOne: ApiFailure = apiFailure('InvalidParameterValueException', 'Layer Version Cannot be less than 1');

/** Versions that say they are for it, newest first; all when nothing is asked for. */
function matching(
  { versions }: LayerState,
  runtime: string | undefined,
  architecture: string | undefined,
): readonly LayerVersionRecord[] {
  return [...versions.values()]
    .filter((record) => runtime === undefined || record.runtimes?.includes(runtime))
    .filter((record) => architecture === undefined || record.architectures?.includes(architecture))
    .sort((a, b) => b.version - a.version);
}

function mismatch(policy: LayerPolicy | null, expected: string | undefined): ApiFailure | null {
  if (expected === undefined || expected === '' || expected === policy?.revisionId) return null;
  const start = 'The Revision Id provided does not match the latest Revision Id.';
  const message = `${start} Call the GetLayerPolicy API to retrieve the latest Revision Id`;
  return apiFailure('PreconditionFailedException', message);
}

function marker(next: string | null): { readonly NextMarker?: string } {
  return next === null ? {} : { NextMarker: next };
}
