import { assert } from '../../kernel/assert.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import { type FunctionRef, functionArn, rootArn } from '../arns.js';
import { type FunctionId, latest } from '../messages.js';
import { byText, page } from '../page.js';
import type { PolicyPrincipal } from '../policies/evaluation.js';
import { type Caller, ConfigQueries } from '../queries.js';
import type { CorsSettings, UrlInput, UrlRecord, UrlTarget } from './messages.js';
import { noFunctionForUrl, noUrl } from './urls.js';

/** Function URLs: one method per operation of the Lambda API, and the look-up that serving them needs. */
export class UrlOperations extends ConfigQueries {
  async createFunctionUrlConfig(
    caller: Caller,
    input: Input<'CreateFunctionUrlConfig'>,
  ): Promise<Result<Output<'CreateFunctionUrlConfig'>>> {
    const ref = this.#ref(caller, input, 'CreateFunctionUrlConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const created = await this.#change(id, () => {
      const { nowMs, revisionIds } = this.engine.stamp();
      return {
        kind: 'create-url',
        nowMs,
        // Any 32 letters and digits that no other URL has will do.
        id: revisionIds[0].replaceAll('-', ''),
        qualifier,
        authType: input.AuthType,
        cors: corsOf(input.Cors),
        invokeMode: input.InvokeMode ?? null,
      };
    });
    if (!created.ok) return created;
    const { LastModifiedTime: _, ...view } = this.#view(id, created.value);
    return ok(view);
  }

  async getFunctionUrlConfig(
    caller: Caller,
    input: Input<'GetFunctionUrlConfig'>,
  ): Promise<Result<Output<'GetFunctionUrlConfig'>>> {
    const ref = this.#ref(caller, input, 'GetFunctionUrlConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const record = this.engine.table.state(id)?.urls.get(qualifier ?? latest);
    return record === undefined ? fail(noUrl()) : ok(this.#view(id, record));
  }

  async updateFunctionUrlConfig(
    caller: Caller,
    input: Input<'UpdateFunctionUrlConfig'>,
  ): Promise<Result<Output<'UpdateFunctionUrlConfig'>>> {
    const ref = this.#ref(caller, input, 'UpdateFunctionUrlConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const updated = await this.#change(id, () => ({
      kind: 'update-url',
      nowMs: this.engine.stamp().nowMs,
      qualifier,
      authType: input.AuthType,
      cors: input.Cors === undefined ? undefined : corsOf(input.Cors),
      invokeMode: input.InvokeMode,
    }));
    return updated.ok ? ok(this.#view(id, updated.value)) : updated;
  }

  async deleteFunctionUrlConfig(
    caller: Caller,
    input: Input<'DeleteFunctionUrlConfig'>,
  ): Promise<Result<Output<'DeleteFunctionUrlConfig'>>> {
    const ref = this.#ref(caller, input, 'DeleteFunctionUrlConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.engine.run(id, (state) =>
      state === null ? fail(noUrl()) : ok({ kind: 'delete-url', qualifier }),
    );
    return reply.ok ? ok(null) : reply;
  }

  async listFunctionUrlConfigs(
    caller: Caller,
    input: Input<'ListFunctionUrlConfigs'>,
  ): Promise<Result<Output<'ListFunctionUrlConfigs'>>> {
    const ref = this.access.unqualified(caller, input.FunctionName, 'ListFunctionUrlConfigs');
    if (!ref.ok) return ref;
    const state = this.engine.table.state(ref.value);
    if (state === null) return fail(noFunctionForUrl());
    const records = [...state.urls.values()].sort((a, b) => byText(a.qualifier, b.qualifier));
    const paged = page(records, (record) => record.qualifier, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { items, nextMarker } = paged.value;
    return ok({
      ...(nextMarker === null ? {} : { NextMarker: nextMarker }),
      FunctionUrlConfigs: items.map((record) => this.#view(state.record, record)),
    });
  }

  /** Null: there is no such URL. Synchronous, from memory. */
  functionUrl(urlId: string): UrlTarget | null {
    return this.engine.table.url(urlId);
  }

  /**
   * Whether a request may use the URL: of its own account everybody who signed, otherwise whom the policy of just this
   * qualifier names, for both actions (since October 2025 the service wants both, of everybody).
   */
  allowsUrl(target: UrlTarget, caller: Caller | null): boolean {
    if (caller?.account === target.account) return true;
    const { account, region, functionName: name, qualifier, record } = target;
    const principal: PolicyPrincipal =
      caller === null
        ? { kind: 'anonymous' }
        : { kind: 'account', account: caller.account, arn: caller.arn ?? rootArn(caller.account) };
    const context = {
      ...this.access.contextOf(principal),
      'lambda:FunctionUrlAuthType': record.authType,
      'lambda:InvokedViaFunctionUrl': 'true',
    };
    return ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'].every((action) =>
      this.access.permits({ account, region, name }, qualifier, { action, principal, context }),
    );
  }

  #ref(
    caller: Caller,
    input: { readonly FunctionName: string; readonly Qualifier?: string | undefined },
    action: string,
  ): Result<FunctionRef> {
    return this.access.reference(caller, input.FunctionName, input.Qualifier ?? null, action);
  }

  async #change(id: FunctionId, make: () => UrlInput): Promise<Result<UrlRecord>> {
    const reply = await this.engine.run(id, (state) => (state === null ? fail(noFunctionForUrl()) : ok(make())));
    if (!reply.ok) return reply;
    assert(reply.value.kind === 'url', 'a change of a URL answers the URL');
    return ok(reply.value.record);
  }

  #view(id: FunctionId, record: UrlRecord): Output<'GetFunctionUrlConfig'> {
    return {
      FunctionUrl: this.functionUrlOf(record.id, id.region),
      FunctionArn: functionArn(id, record.qualifier === latest ? null : record.qualifier),
      AuthType: record.authType,
      ...(record.cors === null ? {} : { Cors: record.cors }),
      CreationTime: timestamp(record.createdMs),
      LastModifiedTime: timestamp(record.modifiedMs),
      ...(record.invokeMode === null ? {} : { InvokeMode: record.invokeMode }),
    };
  }
}

function corsOf(cors: CorsSettings | undefined): CorsSettings | null {
  return cors === undefined || Object.keys(cors).length === 0 ? null : cors;
}

/** `2024-01-01T00:00:00.000000Z`: microseconds, other than anywhere else in the API. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
