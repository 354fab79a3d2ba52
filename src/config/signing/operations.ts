import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { functionArn } from '../arns.js';
import type { ConfigEngine } from '../engine.js';
import type { FunctionId } from '../messages.js';
import { byText, page } from '../page.js';
import type { TagTarget } from '../tags/operations.js';
import { type Tags, taggedWith, tagsFailure } from '../tags/tags.js';
import { timestamp } from '../view.js';
import { type SigningRecord, signingArn } from './table.js';

/** Code signing configurations and which functions have them: one method per operation of the Lambda API. */
export class SigningOperations implements TagTarget {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;

  constructor(engine: ConfigEngine, access: FunctionAccess) {
    this.#engine = engine;
    this.#access = access;
  }

  async createCodeSigningConfig(
    caller: Caller,
    input: Input<'CreateCodeSigningConfig'>,
  ): Promise<Result<Output<'CreateCodeSigningConfig'>>> {
    const tags = input.Tags ?? {};
    const failure = tagsFailure(tags);
    if (failure !== null) return fail(failure);
    const { nowMs, revisionIds } = this.#engine.stamp();
    const record: SigningRecord = {
      account: caller.account,
      region: caller.region,
      id: `csc-${revisionIds[0].replaceAll('-', '').slice(0, 17)}`,
      description: input.Description ?? '',
      profileVersionArns: input.AllowedPublishers.SigningProfileVersionArns,
      untrusted: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment ?? 'Warn',
      lastModifiedMs: nowMs,
      tags,
    };
    return await this.#store(arnOf(record), record);
  }

  async updateCodeSigningConfig(
    caller: Caller,
    input: Input<'UpdateCodeSigningConfig'>,
  ): Promise<Result<Output<'UpdateCodeSigningConfig'>>> {
    const arn = input.CodeSigningConfigArn;
    return await this.#alone(arn, async () => {
      const before = this.#record(caller, arn);
      if (!before.ok) return before;
      return await this.#store(arn, {
        ...before.value,
        description: input.Description ?? before.value.description,
        profileVersionArns: input.AllowedPublishers?.SigningProfileVersionArns ?? before.value.profileVersionArns,
        untrusted: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment ?? before.value.untrusted,
        lastModifiedMs: this.#engine.stamp().nowMs,
      });
    });
  }

  async getCodeSigningConfig(
    caller: Caller,
    input: Input<'GetCodeSigningConfig'>,
  ): Promise<Result<Output<'GetCodeSigningConfig'>>> {
    const found = this.#record(caller, input.CodeSigningConfigArn);
    return found.ok ? ok({ CodeSigningConfig: view(found.value) }) : found;
  }

  async deleteCodeSigningConfig(
    caller: Caller,
    input: Input<'DeleteCodeSigningConfig'>,
  ): Promise<Result<Output<'DeleteCodeSigningConfig'>>> {
    const arn = input.CodeSigningConfigArn;
    return await this.#alone(arn, async () => {
      const found = this.#record(caller, arn);
      if (!found.ok) return found;
      if (this.#users(caller, arn).length > 0) {
        const message = `The code signing configuration ${arn} cannot be deleted while functions use it.`;
        return fail(apiFailure('ResourceConflictException', message));
      }
      return (await this.#engine.signing.write(arn, null)) ? ok({}) : fail(overtaken());
    });
  }

  async listCodeSigningConfigs(
    caller: Caller,
    input: Input<'ListCodeSigningConfigs'>,
  ): Promise<Result<Output<'ListCodeSigningConfigs'>>> {
    const records = this.#engine.signing.list(caller.account, caller.region);
    const paged = page(records, ({ id }) => id, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { items, nextMarker } = paged.value;
    return ok({ CodeSigningConfigs: items.map(view), ...(nextMarker === null ? {} : { NextMarker: nextMarker }) });
  }

  async listFunctionsByCodeSigningConfig(
    caller: Caller,
    input: Input<'ListFunctionsByCodeSigningConfig'>,
  ): Promise<Result<Output<'ListFunctionsByCodeSigningConfig'>>> {
    const found = this.#record(caller, input.CodeSigningConfigArn);
    if (!found.ok) return found;
    const users = this.#users(caller, input.CodeSigningConfigArn);
    const paged = page(users, (arn) => arn, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { items, nextMarker } = paged.value;
    return ok({ FunctionArns: items, ...(nextMarker === null ? {} : { NextMarker: nextMarker }) });
  }

  async putFunctionCodeSigningConfig(
    caller: Caller,
    input: Input<'PutFunctionCodeSigningConfig'>,
  ): Promise<Result<Output<'PutFunctionCodeSigningConfig'>>> {
    const arn = input.CodeSigningConfigArn;
    return await this.#alone(arn, async () => {
      const missing = this.missing(caller, arn);
      if (missing !== null) return fail(missing);
      const ref = this.#access.existing(caller, input.FunctionName, 'PutFunctionCodeSigningConfig');
      if (!ref.ok) return ref;
      const reply = await this.#engine.run(ref.value, () => ok({ kind: 'set-code-signing', arn }));
      return reply.ok ? ok({ CodeSigningConfigArn: arn, FunctionName: ref.value.name }) : reply;
    });
  }

  async getFunctionCodeSigningConfig(
    caller: Caller,
    input: Input<'GetFunctionCodeSigningConfig'>,
  ): Promise<Result<Output<'GetFunctionCodeSigningConfig'>>> {
    const found = this.#access.state(caller, input.FunctionName, 'GetFunctionCodeSigningConfig');
    if (!found.ok) return found;
    const { name, codeSigningConfigArn: arn = null } = found.value.record;
    // Recorded: without one, both members are absent although the model requires them.
    return ok((arn === null ? {} : { CodeSigningConfigArn: arn, FunctionName: name }) as never);
  }

  async deleteFunctionCodeSigningConfig(
    caller: Caller,
    input: Input<'DeleteFunctionCodeSigningConfig'>,
  ): Promise<Result<Output<'DeleteFunctionCodeSigningConfig'>>> {
    const ref = this.#access.existing(caller, input.FunctionName, 'DeleteFunctionCodeSigningConfig');
    if (!ref.ok) return ref;
    const reply = await this.#engine.run(ref.value, () => ok({ kind: 'set-code-signing', arn: null }));
    return reply.ok ? ok(null) : reply;
  }

  /** Null: functions of the caller can have this configuration. */
  missing(caller: Caller, arn: string): ApiFailure | null {
    if (this.#record(caller, arn).ok) return null;
    const message = `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`;
    return apiFailure('CodeSigningConfigNotFoundException', message);
  }

  /**
   * Null: this function's code may be replaced. Signatures are made and checked by AWS Signer, which is not here: no
   * code counts as signed, and where signatures are enforced none is taken.
   */
  refusal(id: FunctionId, arn: string | null): ApiFailure | null {
    if (arn === null || this.#engine.signing.get(arn)?.untrusted !== 'Enforce') return null;
    const start = 'Lambda cannot deploy the function. The function or layer might be signed using a signature';
    const message = `${start} that the client is not configured to accept. Check the provided signature for ${functionArn(id)}.`;
    return apiFailure('CodeVerificationFailedException', message);
  }

  tags(owner: Caller, id: string): Result<Tags> {
    const found = this.#record(owner, signingArn(owner.account, owner.region, id));
    return found.ok ? ok(found.value.tags) : found;
  }

  async tag(owner: Caller, id: string, set: Tags, remove: readonly string[]): Promise<Result<null>> {
    const arn = signingArn(owner.account, owner.region, id);
    return await this.#alone(arn, async () => {
      const found = this.#record(owner, arn);
      if (!found.ok) return found;
      const tags = taggedWith(found.value.tags, set, remove);
      if (!tags.ok) return tags;
      const stored = await this.#store(arn, { ...found.value, tags: tags.value });
      return stored.ok ? ok(null) : stored;
    });
  }

  #record(caller: Caller, arn: string): Result<SigningRecord> {
    const record = this.#engine.signing.get(arn);
    // Those of other accounts and regions are not there for the caller.
    if (record !== null && record.account === caller.account && record.region === caller.region) return ok(record);
    const message = `The Lambda code signing configuration ${arn} can not be found.`;
    return fail(apiFailure('ResourceNotFoundException', message, { omitType: true }));
  }

  #users(caller: Caller, arn: string): readonly string[] {
    return this.#engine.table
      .list(caller.account, caller.region)
      .filter(({ record }) => record.codeSigningConfigArn === arn)
      .map(({ record }) => functionArn(record));
  }

  async #store(arn: string, record: SigningRecord): Promise<Result<Output<'GetCodeSigningConfig'>>> {
    const stored = await this.#engine.signing.write(arn, record);
    return stored ? ok({ CodeSigningConfig: view(record) }) : fail(overtaken());
  }

  /** Changes of one configuration one after the other, also which functions have it. */
  async #alone<T>(arn: string, action: () => Promise<T>): Promise<T> {
    return await this.#engine.alone(`signing ${arn}`, action);
  }
}

/** Another writer changed it in between. */
function overtaken(): ApiFailure {
  return apiFailure('ResourceConflictException', 'The code signing configuration is being changed. Try again.');
}

function arnOf(record: SigningRecord): string {
  return signingArn(record.account, record.region, record.id);
}

function view(record: SigningRecord): Output<'GetCodeSigningConfig'>['CodeSigningConfig'] {
  return {
    CodeSigningConfigId: record.id,
    CodeSigningConfigArn: arnOf(record),
    Description: record.description,
    AllowedPublishers: { SigningProfileVersionArns: record.profileVersionArns },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: record.untrusted },
    LastModified: timestamp(record.lastModifiedMs),
  };
}
