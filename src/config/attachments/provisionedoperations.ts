import { assert } from '../../kernel/assert.js';
import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { type FunctionRef, functionArn, notFound } from '../arns.js';
import type { ConfigEngine } from '../engine.js';
import { latest } from '../messages.js';
import { byText, page } from '../page.js';
import { timestamp } from '../view.js';
import { missingQualifier, type Provisioned } from './attachments.js';

type View = Output<'GetProvisionedConcurrencyConfig'>;

/** What every reader of a configuration is told, for as long as nothing acts on it. */
const notActedOn =
  'Provisioned concurrency is stored, but not acted on in this version of Hearth: invocations run on demand.';

/** Provisioned concurrency: stored and checked as the service does it. One method per operation of the Lambda API. */
export class ProvisionedOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;
  readonly #accountConcurrency: number;

  constructor(engine: ConfigEngine, access: FunctionAccess, accountConcurrency: number) {
    this.#engine = engine;
    this.#access = access;
    this.#accountConcurrency = accountConcurrency;
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
          reservedInAccount: this.#engine.table.reserved(id.account, id.region),
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
    if (provisioned === null) {
      const message = 'No Provisioned Concurrency Config found for this function';
      return fail(apiFailure('ProvisionedConcurrencyConfigNotFoundException', message));
    }
    return ok(view(provisioned));
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
    const { record, attachments } = found.value;
    const items = [...attachments.values()].flatMap(({ qualifier, provisioned }) =>
      provisioned === null ? [] : [{ FunctionArn: functionArn(record, qualifier), ...view(provisioned) }],
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

/** `FAILED`, so that tools that wait for `READY` end at once, with the reason, instead of when their patience does. */
function view(provisioned: Provisioned): View {
  return { ...started(provisioned), Status: 'FAILED', StatusReason: notActedOn };
}
