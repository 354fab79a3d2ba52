import { assert } from '../../kernel/assert.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { functionArn, notFound } from '../arns.js';
import type { ConfigEngine } from '../engine.js';
import { type FunctionId, latest } from '../messages.js';
import type { RuntimeVersionArn } from '../view.js';
import type { RuntimeManagement } from './attachments.js';

/** Runtime management and recursion: one method per operation of the Lambda API. */
export class RuntimeOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;
  readonly #versionArn: RuntimeVersionArn;

  constructor(engine: ConfigEngine, access: FunctionAccess, versionArn: RuntimeVersionArn) {
    this.#engine = engine;
    this.#access = access;
    this.#versionArn = versionArn;
  }

  async putRuntimeManagementConfig(
    caller: Caller,
    input: Input<'PutRuntimeManagementConfig'>,
  ): Promise<Result<Output<'PutRuntimeManagementConfig'>>> {
    const action = 'PutRuntimeManagementConfig';
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, action);
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.#engine.run(id, (state) => {
      const named = qualifier ?? latest;
      const record = state?.versions.get(state.aliases.get(named)?.version ?? named);
      if (record === undefined) return fail(notFound(id, qualifier));
      return ok({
        kind: 'set-runtime-management',
        qualifier: named,
        updateRuntimeOn: input.UpdateRuntimeOn,
        runtimeVersionArn: input.RuntimeVersionArn ?? null,
        availableArn: this.#versionArn(record.settings.runtime, id.region),
      });
    });
    if (!reply.ok) return reply;
    assert(reply.value.kind === 'attachment', 'what was set is answered');
    return ok(view(id, qualifier, reply.value.record.runtimeManagement));
  }

  async getRuntimeManagementConfig(
    caller: Caller,
    input: Input<'GetRuntimeManagementConfig'>,
  ): Promise<Result<Output<'GetRuntimeManagementConfig'>>> {
    const found = this.#access.version(caller, input.FunctionName, input.Qualifier, 'GetRuntimeManagementConfig');
    if (!found.ok) return found;
    const { state, qualifier } = found.value;
    const set = state.attachments.get(qualifier ?? latest)?.runtimeManagement ?? null;
    return ok(view(state.record, qualifier, set));
  }

  async putFunctionRecursionConfig(
    caller: Caller,
    input: Input<'PutFunctionRecursionConfig'>,
  ): Promise<Result<Output<'PutFunctionRecursionConfig'>>> {
    const ref = this.#access.existing(caller, input.FunctionName, 'PutFunctionRecursionConfig');
    if (!ref.ok) return ref;
    const recursiveLoop = input.RecursiveLoop;
    const reply = await this.#engine.run(ref.value, () => ok({ kind: 'set-recursion', recursiveLoop }));
    return reply.ok ? ok({ RecursiveLoop: recursiveLoop }) : reply;
  }

  async getFunctionRecursionConfig(
    caller: Caller,
    input: Input<'GetFunctionRecursionConfig'>,
  ): Promise<Result<Output<'GetFunctionRecursionConfig'>>> {
    const found = this.#access.state(caller, input.FunctionName, 'GetFunctionRecursionConfig');
    return found.ok ? ok({ RecursiveLoop: found.value.record.recursiveLoop ?? 'Terminate' }) : found;
  }
}

function view(
  id: FunctionId,
  qualifier: string | null,
  set: RuntimeManagement | null,
): Output<'PutRuntimeManagementConfig'> {
  const pinned = set?.runtimeVersionArn ?? null;
  return {
    UpdateRuntimeOn: set?.updateRuntimeOn ?? 'Auto',
    FunctionArn: functionArn(id, qualifier),
    ...(pinned === null ? {} : { RuntimeVersionArn: pinned }),
  };
}
