import { assert } from '../../kernel/assert.js';
import { apiFailure } from '../../kernel/errors.js';
import type { PoolKey } from '../../kernel/ids.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { type FunctionRef, functionArn, notFound } from '../arns.js';
import type { ConfigEngine } from '../engine.js';
import { type FunctionState, latest, type VersionRecord } from '../messages.js';
import { byText, page } from '../page.js';
import { specOf } from '../table.js';
import { timestamp } from '../view.js';
import { missingQualifier, type Provisioned } from './attachments.js';
import { type ProvisionedPool, provisionedStanding } from './provisionedtargets.js';

type View = Output<'GetProvisionedConcurrencyConfig'>;

/**
 * Provisioned concurrency: stored and checked as the service does it. One method per operation of the Lambda API. What has
 * become of it is not stored: it is what the pools have now, so that `READY` is never said of what a restart has ended.
 */
export class ProvisionedOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;
  readonly #accountConcurrency: number;
  readonly #poolOf: (pool: PoolKey) => ProvisionedPool | null;

  constructor(
    engine: ConfigEngine,
    access: FunctionAccess,
    options: {
      readonly accountConcurrency: number;
      /** What a pool has; null: nothing is known of it. */
      readonly poolOf: (pool: PoolKey) => ProvisionedPool | null;
    },
  ) {
    this.#engine = engine;
    this.#access = access;
    this.#accountConcurrency = options.accountConcurrency;
    this.#poolOf = options.poolOf;
  }

  async putProvisionedConcurrencyConfig(
    caller: Caller,
    input: Input<'PutProvisionedConcurrencyConfig'>,
  ): Promise<Result<Output<'PutProvisionedConcurrencyConfig'>>> {
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier, 'PutProvisionedConcurrencyConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    if (qualifier === latest) {
      const message = 'Provisioned Concurrency Configs cannot be applied to unpublished function versions.';
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    // As with reservations: what two functions ask for at the same time is counted one after the other.
    const reply = await this.#engine.alone(`${id.account}/${id.region}`, () =>
      this.#engine.run(id, () =>
        ok({
          kind: 'set-provisioned',
          ...this.#engine.stamp(),
          qualifier: qualifier ?? latest,
          requested: input.ProvisionedConcurrentExecutions,
          committedElsewhere: this.#engine.table.committedElsewhere(id),
          accountConcurrency: this.#accountConcurrency,
        }),
      ),
    );
    if (!reply.ok) return reply;
    const { value } = reply;
    assert(value.kind === 'attachment' && value.record.provisioned !== null, 'what was set is answered');
    return ok(started(value.record.provisioned));
  }

  async getProvisionedConcurrencyConfig(
    caller: Caller,
    input: Input<'GetProvisionedConcurrencyConfig'>,
  ): Promise<Result<View>> {
    const ref = this.#published(caller, input, 'GetProvisionedConcurrencyConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const state = this.#engine.table.state(id);
    const missing = state === null ? notFound(id, qualifier) : missingQualifier(state, qualifier!);
    if (missing !== null) return fail(missing);
    const provisioned = state?.attachments.get(qualifier!)?.provisioned ?? null;
    if (state === null || provisioned === null) {
      const message = 'No Provisioned Concurrency Config found for this function';
      return fail(apiFailure('ProvisionedConcurrencyConfigNotFoundException', message));
    }
    return ok(this.#view(state, qualifier!, provisioned));
  }

  async deleteProvisionedConcurrencyConfig(
    caller: Caller,
    input: Input<'DeleteProvisionedConcurrencyConfig'>,
  ): Promise<Result<Output<'DeleteProvisionedConcurrencyConfig'>>> {
    const ref = this.#published(caller, input, 'DeleteProvisionedConcurrencyConfig');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.#engine.run(id, () => ok({ kind: 'delete-provisioned', qualifier: qualifier! }));
    return reply.ok ? ok(null) : reply;
  }

  async listProvisionedConcurrencyConfigs(
    caller: Caller,
    input: Input<'ListProvisionedConcurrencyConfigs'>,
  ): Promise<Result<Output<'ListProvisionedConcurrencyConfigs'>>> {
    const found = this.#access.state(caller, input.FunctionName, 'ListProvisionedConcurrencyConfigs');
    if (!found.ok) return found;
    const state = found.value;
    const { record, attachments } = state;
    const items = [...attachments.values()].flatMap(({ qualifier, provisioned }) =>
      provisioned === null
        ? []
        : [{ FunctionArn: functionArn(record, qualifier), ...this.#view(state, qualifier, provisioned) }],
    );
    items.sort((a, b) => byText(a.FunctionArn, b.FunctionArn));
    const paged = page(items, (item) => item.FunctionArn, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { nextMarker } = paged.value;
    return ok({
      ProvisionedConcurrencyConfigs: paged.value.items,
      ...(nextMarker === null ? {} : { NextMarker: nextMarker }),
    });
  }

  #view(state: FunctionState, qualifier: string, provisioned: Provisioned): View {
    const poolOf = (record: VersionRecord): ProvisionedPool | null => this.#poolOf(specOf(state.record, record).pool);
    const { allocated, available, failure } = provisionedStanding(state, qualifier, poolOf);
    const ready = available >= provisioned.requested;
    return {
      ...started(provisioned),
      AllocatedProvisionedConcurrentExecutions: allocated,
      AvailableProvisionedConcurrentExecutions: available,
      Status: ready ? 'READY' : failure === null ? 'IN_PROGRESS' : 'FAILED',
      ...(ready || failure === null ? {} : { StatusReason: failure }),
    };
  }

  #published(
    caller: Caller,
    input: { readonly FunctionName: string; readonly Qualifier: string },
    action: string,
  ): Result<FunctionRef> {
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier, action);
    if (!ref.ok || ref.value.qualifier !== latest) return ref;
    const message = 'The function resource provided must be an alias or a published version.';
    return fail(apiFailure('InvalidParameterValueException', message));
  }
}

/** The answer to the one who asks for it: accepted, nothing there yet. */
function started(provisioned: Provisioned): View {
  return {
    RequestedProvisionedConcurrentExecutions: provisioned.requested,
    AvailableProvisionedConcurrentExecutions: 0,
    AllocatedProvisionedConcurrentExecutions: 0,
    Status: 'IN_PROGRESS',
    LastModified: timestamp(provisioned.lastModifiedMs),
  };
}
