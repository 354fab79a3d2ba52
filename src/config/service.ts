import { assert } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import type { Kv } from '../kernel/ports/kv.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { FunctionConfiguration, Input, Output } from '../wire/lambda/operations.js';
import { notFound } from './arns.js';
import { EventInvokeOperations } from './attachments/eventinvokeoperations.js';
import { ProvisionedOperations } from './attachments/provisionedoperations.js';
import { RuntimeOperations } from './attachments/runtimeoperations.js';
import { CodeIntake } from './code/codeintake.js';
import { CodeStore } from './code/codestore.js';
import { ConfigEngine, type Reply } from './engine.js';
import { LayerOperations } from './layers/operations.js';
import { type ConfigInput, type FunctionId, latest, type Settings } from './messages.js';
import { PolicyOperations } from './policies/operations.js';
import type { Caller, ConfigServiceOptions } from './queries.js';
import { RareOperations } from './rareoperations.js';
import { changedSettings, newSettings } from './settings.js';
import { SigningOperations } from './signing/operations.js';
import type { ConfigRecord } from './table.js';
import { TagOperations } from './tags/operations.js';
import { tagsFailure } from './tags/tags.js';
import { UrlOperations } from './urls/operations.js';
import { aliasView, base64, runtimeVersionArn } from './view.js';

export type { Caller, ConfigServiceOptions } from './queries.js';
export type { Resolved } from './table.js';

/** Loads everything from the store and finishes what a crash interrupted. */
export async function openConfigService(options: ConfigServiceOptions): Promise<ConfigService> {
  const codes = new CodeStore({ blob: options.blob, clock: options.clock, folder: options.codeFolder });
  const engine = new ConfigEngine({ ...options, kv: options.kv as Kv<ConfigRecord>, codes });
  await engine.open();
  return new ConfigService(engine, options);
}

/**
 * Functions, versions, aliases, code and reserved concurrency: one method per operation of the Lambda API, each
 * resolving once what it says is durable. Inputs have passed the wire's validation.
 */
export class ConfigService extends UrlOperations {
  /** Operations on layers. */
  readonly layers: LayerOperations;
  readonly policies: PolicyOperations;
  readonly signing: SigningOperations;
  readonly tagging: TagOperations;
  /** Everything that has operations of the Lambda API as methods, this service among it. */
  readonly owners: readonly object[];
  readonly #architecture: Settings['architecture'];
  readonly #intake: CodeIntake;

  constructor(engine: ConfigEngine, options: ConfigServiceOptions) {
    super(engine, options);
    const { codeUrl, objects = null, organizationId = null } = options;
    this.#intake = new CodeIntake(engine.codes, objects, (caller) => this.storedBytes(caller));
    this.layers = new LayerOperations({ engine, intake: this.#intake, codeUrl, organizationId });
    const { access } = this;
    this.policies = new PolicyOperations(engine, access);
    this.signing = new SigningOperations(engine, access);
    this.tagging = new TagOperations(engine, access);
    this.tagging.add('code-signing-config', this.signing);
    this.owners = [
      this,
      this.layers,
      this.policies,
      this.signing,
      this.tagging,
      new EventInvokeOperations(engine, access),
      new ProvisionedOperations(engine, access, {
        accountConcurrency: this.accountConcurrency,
        poolOf: options.provisioned ?? (() => null),
      }),
      new RareOperations(access),
      new RuntimeOperations(engine, access, options.runtimeVersionArn ?? runtimeVersionArn),
    ];
    this.#architecture = options.architecture ?? (process.arch === 'arm64' ? 'arm64' : 'x86_64');
  }

  async createFunction(caller: Caller, input: Input<'CreateFunction'>): Promise<Result<Output<'CreateFunction'>>> {
    const ref = this.access.unqualified(caller, input.FunctionName, 'CreateFunction');
    if (!ref.ok) return ref;
    const id = ref.value;
    if (id.name.length > 64) {
      const start = `1 validation error detected: Value '${id.name}' at 'functionName' failed to satisfy constraint`;
      const message = `${start}: Member must have length less than or equal to 64`;
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const signing =
      input.CodeSigningConfigArn === undefined || input.CodeSigningConfigArn === '' ? null : input.CodeSigningConfigArn;
    const unsigned =
      signing === null ? null : (this.signing.missing(caller, signing) ?? this.signing.refusal(id, signing));
    const failure = tagsFailure(input.Tags ?? {}) ?? unsigned;
    if (failure !== null) return fail(failure);
    const layers = this.layers.inUse(caller, input.Layers ?? []);
    if (!layers.ok) return layers;
    const settings = newSettings(input, id.name, this.#architecture, layers.value);
    if (!settings.ok) return settings;
    if (this.engine.table.state(id) !== null) {
      return fail(apiFailure('ResourceConflictException', `Function already exist: ${id.name}`));
    }
    return await this.#intake.with(caller, input.Code, async (code) => {
      const reply = await this.engine.run(id, () =>
        ok({
          kind: 'create',
          ...this.engine.stamp(),
          id,
          settings: settings.value,
          code,
          tags: input.Tags ?? {},
          codeSigningConfigArn: signing,
          publish: input.Publish ?? false,
          generationMin: this.engine.table.generationMax + 1,
        }),
      );
      return this.#versionReply(id, reply);
    });
  }

  async updateFunctionCode(
    caller: Caller,
    input: Input<'UpdateFunctionCode'>,
  ): Promise<Result<Output<'UpdateFunctionCode'>>> {
    const ref = this.access.existing(caller, input.FunctionName, 'UpdateFunctionCode');
    if (!ref.ok) return ref;
    const id = ref.value;
    if (input.ImageUri !== undefined) {
      const message = "Please don't provide ImageUri when updating a function with packageType Zip.";
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const wanted = input.Architectures?.[0];
    if (wanted !== undefined && wanted !== this.#architecture) {
      const message = `Architecture ${wanted} is not available here: this machine runs ${this.#architecture} functions`;
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const unsigned = this.signing.refusal(id, this.engine.table.state(id)?.record.codeSigningConfigArn ?? null);
    if (unsigned !== null) return fail(unsigned);
    return await this.#intake.with(id, input, async (code) => {
      const reply = await this.engine.run(id, () =>
        ok({
          kind: 'update-code',
          ...this.engine.stamp(),
          code,
          dryRun: input.DryRun ?? false,
          publish: input.Publish ?? false,
          expectedRevisionId: input.RevisionId ?? null,
        }),
      );
      return this.#versionReply(id, reply);
    });
  }

  async updateFunctionConfiguration(
    caller: Caller,
    input: Input<'UpdateFunctionConfiguration'>,
  ): Promise<Result<Output<'UpdateFunctionConfiguration'>>> {
    const ref = this.access.existing(caller, input.FunctionName, 'UpdateFunctionConfiguration');
    if (!ref.ok) return ref;
    const id = ref.value;
    const layers = input.Layers === undefined ? ok(null) : this.layers.inUse(caller, input.Layers);
    if (!layers.ok) return layers;
    const signing = this.engine.table.state(id)?.record.codeSigningConfigArn ?? null;
    const unsigned = (input.Layers?.length ?? 0) === 0 ? null : this.signing.refusal(id, signing);
    if (unsigned !== null) return fail(unsigned);
    const reply = await this.engine.run(id, (state) => {
      if (state === null) return fail(notFound(id));
      const settings = changedSettings(state.versions.get(latest)!.settings, input, layers.value);
      if (!settings.ok) return settings;
      const expectedRevisionId = input.RevisionId ?? null;
      return ok({ kind: 'update-settings', ...this.engine.stamp(), settings: settings.value, expectedRevisionId });
    });
    return this.#versionReply(id, reply);
  }

  async deleteFunction(caller: Caller, input: Input<'DeleteFunction'>): Promise<Result<Output<'DeleteFunction'>>> {
    const ref = this.access.reference(caller, input.FunctionName, input.Qualifier ?? null, 'DeleteFunction');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.engine.run(id, () => ok({ kind: 'delete', qualifier }));
    return reply.ok ? ok({ StatusCode: 204 }) : reply;
  }

  async publishVersion(caller: Caller, input: Input<'PublishVersion'>): Promise<Result<Output<'PublishVersion'>>> {
    const ref = this.access.existing(caller, input.FunctionName, 'PublishVersion');
    if (!ref.ok) return ref;
    const id = ref.value;
    const codeSha256 = input.CodeSha256 === '' ? null : (input.CodeSha256 ?? null);
    const reply = await this.engine.run(id, (state) => {
      const current = state?.versions.get(latest)?.code.sha256Hex;
      return ok({
        kind: 'publish',
        ...this.engine.stamp(),
        codeSha256,
        codeSha256Hex: codeSha256 === null ? null : Buffer.from(codeSha256, 'base64').toString('hex'),
        currentCodeSha256: current === undefined ? null : base64(current),
        description: input.Description === undefined || input.Description === '' ? null : input.Description,
        expectedRevisionId: input.RevisionId ?? null,
      });
    });
    return this.#versionReply(id, reply);
  }

  async createAlias(caller: Caller, input: Input<'CreateAlias'>): Promise<Result<Output<'CreateAlias'>>> {
    return await this.#alias(caller, input.FunctionName, 'CreateAlias', () => ({
      kind: 'create-alias',
      ...this.engine.stamp(),
      name: input.Name,
      version: input.FunctionVersion,
      description: input.Description ?? '',
      weights: input.RoutingConfig?.AdditionalVersionWeights ?? {},
    }));
  }

  async updateAlias(caller: Caller, input: Input<'UpdateAlias'>): Promise<Result<Output<'UpdateAlias'>>> {
    const routing = input.RoutingConfig;
    return await this.#alias(caller, input.FunctionName, 'UpdateAlias', () => ({
      kind: 'update-alias',
      ...this.engine.stamp(),
      name: input.Name,
      version: input.FunctionVersion ?? null,
      description: input.Description ?? null,
      weights: routing === undefined ? null : (routing.AdditionalVersionWeights ?? {}),
      expectedRevisionId: input.RevisionId ?? null,
    }));
  }

  async deleteAlias(caller: Caller, input: Input<'DeleteAlias'>): Promise<Result<Output<'DeleteAlias'>>> {
    const ref = this.access.existing(caller, input.FunctionName, 'DeleteAlias');
    if (!ref.ok) return ref;
    const reply = await this.engine.run(ref.value, () => ok({ kind: 'delete-alias', name: input.Name }));
    return reply.ok ? ok(null) : reply;
  }

  async putFunctionConcurrency(
    caller: Caller,
    input: Input<'PutFunctionConcurrency'>,
  ): Promise<Result<Output<'PutFunctionConcurrency'>>> {
    const concurrency = input.ReservedConcurrentExecutions;
    const reply = await this.#reserve(caller, input.FunctionName, concurrency, 'PutFunctionConcurrency');
    return reply.ok ? ok({ ReservedConcurrentExecutions: concurrency }) : reply;
  }

  async deleteFunctionConcurrency(
    caller: Caller,
    input: Input<'DeleteFunctionConcurrency'>,
  ): Promise<Result<Output<'DeleteFunctionConcurrency'>>> {
    const reply = await this.#reserve(caller, input.FunctionName, null, 'DeleteFunctionConcurrency');
    return reply.ok ? ok(null) : reply;
  }

  /** Snapshots that are being taken or dropped: before what keeps them ends, or they stay until the next run looks for them. */
  async endSnapshotKeeping(): Promise<void> {
    await this.engine.snapshots.close();
  }

  /** Finishes what is under way; the ports stay open. */
  async close(): Promise<void> {
    await this.engine.close();
  }

  async #alias(
    caller: Caller,
    name: string,
    action: 'CreateAlias' | 'UpdateAlias',
    make: () => ConfigInput,
  ): Promise<Result<Output<'GetAlias'>>> {
    const ref = this.access.unqualified(caller, name, action);
    if (!ref.ok) return ref;
    const reply = await this.engine.run(ref.value, () => ok(make()));
    if (!reply.ok) return reply;
    assert(reply.value.kind === 'alias', 'an alias operation answers an alias');
    return ok(aliasView(ref.value, reply.value.record));
  }

  async #reserve(caller: Caller, name: string, concurrency: number | null, action: string): Promise<Result<Reply>> {
    const ref = this.access.unqualified(caller, name, action);
    if (!ref.ok) return ref;
    // One at a time per account and region: two functions together must not take what neither may alone.
    const { account, region } = ref.value;
    return await this.engine.alone(`${account}/${region}`, () =>
      this.engine.run(ref.value, () =>
        ok({
          kind: 'reserve',
          concurrency,
          committedElsewhere: this.engine.table.committedElsewhere(ref.value),
          accountConcurrency: this.accountConcurrency,
        }),
      ),
    );
  }

  #versionReply(id: FunctionId, reply: Result<Reply>): Result<FunctionConfiguration> {
    if (!reply.ok) return reply;
    assert(reply.value.kind === 'version', 'the machine answers a version');
    const { record, qualified } = reply.value;
    return ok(this.view(id, record, qualified ? record.version : null));
  }
}
