import { assert } from '../../kernel/assert.js';
import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { functionArn } from '../arns.js';
import type { ConfigEngine } from '../engine.js';
import { type FunctionId, latest } from '../messages.js';
import { byText, page } from '../page.js';
import type { EventInvoke } from './attachments.js';
import { type Destinations, destinationFailure, noEventInvoke, noSuchFunction } from './eventinvoke.js';

type View = Output<'GetFunctionEventInvokeConfig'>;

/** How asynchronous invocations are to be treated. One method per operation of the Lambda API. */
export class EventInvokeOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;

  constructor(engine: ConfigEngine, access: FunctionAccess) {
    this.#engine = engine;
    this.#access = access;
  }

  async putFunctionEventInvokeConfig(
    caller: Caller,
    input: Input<'PutFunctionEventInvokeConfig'>,
  ): Promise<Result<View>> {
    return await this.#set(caller, input, false, 'PutFunctionEventInvokeConfig');
  }

  async updateFunctionEventInvokeConfig(
    caller: Caller,
    input: Input<'UpdateFunctionEventInvokeConfig'>,
  ): Promise<Result<View>> {
    return await this.#set(caller, input, true, 'UpdateFunctionEventInvokeConfig');
  }

  async getFunctionEventInvokeConfig(
    caller: Caller,
    input: Input<'GetFunctionEventInvokeConfig'>,
  ): Promise<Result<View>> {
    const action = 'GetFunctionEventInvokeConfig';
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, action);
    if (!ref.ok) return ref;
    const { id } = ref.value;
    const qualifier = ref.value.qualifier ?? latest;
    const found = this.#engine.table.state(id)?.attachments.get(qualifier)?.eventInvoke ?? null;
    return found === null ? fail(noEventInvoke(id, qualifier)) : ok(view(id, qualifier, found));
  }

  async deleteFunctionEventInvokeConfig(
    caller: Caller,
    input: Input<'DeleteFunctionEventInvokeConfig'>,
  ): Promise<Result<Output<'DeleteFunctionEventInvokeConfig'>>> {
    const action = 'DeleteFunctionEventInvokeConfig';
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, action);
    if (!ref.ok) return ref;
    const { id } = ref.value;
    const qualifier = ref.value.qualifier ?? latest;
    const reply = await this.#engine.run(id, (state) =>
      state === null ? fail(noEventInvoke(id, qualifier)) : ok({ kind: 'delete-event-invoke', qualifier }),
    );
    return reply.ok ? ok(null) : reply;
  }

  async listFunctionEventInvokeConfigs(
    caller: Caller,
    input: Input<'ListFunctionEventInvokeConfigs'>,
  ): Promise<Result<Output<'ListFunctionEventInvokeConfigs'>>> {
    const ref = this.#access.unqualified(caller, input.FunctionName, 'ListFunctionEventInvokeConfigs');
    if (!ref.ok) return ref;
    const state = this.#engine.table.state(ref.value);
    if (state === null) return fail(noSuchFunction());
    const items = [...state.attachments.values()].flatMap(({ qualifier, eventInvoke }) =>
      eventInvoke === null ? [] : [view(state.record, qualifier, eventInvoke)],
    );
    items.sort((a, b) => byText(a.FunctionArn!, b.FunctionArn!));
    const paged = page(items, (item) => item.FunctionArn!, byText, input.Marker, input.MaxItems);
    if (!paged.ok) return paged;
    const { nextMarker } = paged.value;
    return ok({
      FunctionEventInvokeConfigs: paged.value.items,
      ...(nextMarker === null ? {} : { NextMarker: nextMarker }),
    });
  }

  async #set(
    caller: Caller,
    input: Input<'PutFunctionEventInvokeConfig'>,
    merge: boolean,
    action: string,
  ): Promise<Result<View>> {
    const { MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = input;
    if (MaximumRetryAttempts === undefined && MaximumEventAgeInSeconds === undefined && !DestinationConfig) {
      const message = 'You must specify at least one of error handling or destination setting.';
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, action);
    if (!ref.ok) return ref;
    const { id } = ref.value;
    const qualifier = ref.value.qualifier ?? latest;
    const destinations = DestinationConfig === undefined ? null : destinationsOf(DestinationConfig);
    const exists = (name: string) => this.#engine.table.state({ ...id, name }) !== null;
    const reply = await this.#engine.run(id, (state) => {
      if (state === null) return fail(noSuchFunction());
      const wrong = destinations === null ? null : destinationFailure(id, destinations, exists);
      if (wrong !== null) return fail(wrong);
      return ok({
        kind: 'set-event-invoke',
        ...this.#engine.stamp(),
        qualifier,
        merge,
        retryAttemptsMax: MaximumRetryAttempts ?? null,
        eventAgeSecondsMax: MaximumEventAgeInSeconds ?? null,
        destinations,
      });
    });
    if (!reply.ok) return reply;
    const { value } = reply;
    assert(value.kind === 'attachment' && value.record.eventInvoke !== null, 'what was set is answered');
    return ok(view(id, qualifier, value.record.eventInvoke));
  }
}

function destinationsOf(config: NonNullable<Input<'PutFunctionEventInvokeConfig'>['DestinationConfig']>): Destinations {
  const given = (arn: string | undefined) => (arn === undefined || arn === '' ? null : arn);
  return {
    onSuccessArn: given(config.OnSuccess?.Destination),
    onFailureArn: given(config.OnFailure?.Destination),
  };
}

function view(id: FunctionId, qualifier: string, config: EventInvoke): View {
  const { retryAttemptsMax, eventAgeSecondsMax, onSuccessArn, onFailureArn } = config;
  return {
    LastModified: new Date(config.lastModifiedMs),
    FunctionArn: functionArn(id, qualifier),
    ...(retryAttemptsMax === null ? {} : { MaximumRetryAttempts: retryAttemptsMax }),
    ...(eventAgeSecondsMax === null ? {} : { MaximumEventAgeInSeconds: eventAgeSecondsMax }),
    DestinationConfig: {
      OnSuccess: onSuccessArn === null ? {} : { Destination: onSuccessArn },
      OnFailure: onFailureArn === null ? {} : { Destination: onFailureArn },
    },
  };
}
