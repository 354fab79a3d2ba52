import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Input, Output } from '../../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from '../access.js';
import { type FunctionRef, functionArn, notFound } from '../arns.js';
import type { ConfigEngine, Reply } from '../engine.js';
import { latest } from '../messages.js';
import type { PolicyStatement } from './evaluation.js';
import { policyText, revisionOf } from './permissions.js';
import { statementOf, statementsOf } from './statement.js';

/** Who besides a function's own account may do what with it: one method per operation of the Lambda API. */
export class PolicyOperations {
  readonly #engine: ConfigEngine;
  readonly #access: FunctionAccess;

  constructor(engine: ConfigEngine, access: FunctionAccess) {
    this.#engine = engine;
    this.#access = access;
  }

  async addPermission(caller: Caller, input: Input<'AddPermission'>): Promise<Result<Output<'AddPermission'>>> {
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, 'AddPermission');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    if (qualifier === latest) {
      const message = 'We currently do not support adding policies for $LATEST.';
      return fail(apiFailure('InvalidParameterValueException', message));
    }
    const statement = statementOf(input, functionArn(id, qualifier));
    if (!statement.ok) return statement;
    const reply = await this.#engine.run(id, () =>
      ok({
        kind: 'add-permission',
        ...this.#engine.stamp(),
        qualifier: qualifier ?? latest,
        statement: statement.value,
        expectedRevisionId: input.RevisionId ?? null,
      }),
    );
    return reply.ok ? ok({ Statement: JSON.stringify(statement.value) }) : reply;
  }

  async removePermission(
    caller: Caller,
    input: Input<'RemovePermission'>,
  ): Promise<Result<Output<'RemovePermission'>>> {
    const ref = this.#access.reference(caller, input.FunctionName, input.Qualifier ?? null, 'RemovePermission');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const reply = await this.#engine.run(id, (state) =>
      state === null
        ? fail(apiFailure('ResourceNotFoundException', `No policy found for: ${functionArn(id)}`))
        : ok({
            kind: 'remove-permission',
            ...this.#engine.stamp(),
            qualifier: qualifier ?? latest,
            sid: input.StatementId,
            expectedRevisionId: input.RevisionId ?? null,
          }),
    );
    return reply.ok ? ok(null) : reply;
  }

  async getPolicy(caller: Caller, input: Input<'GetPolicy'>): Promise<Result<Output<'GetPolicy'>>> {
    return this.#policy(caller, input.FunctionName, input.Qualifier ?? null, 'GetPolicy');
  }

  /** The same policy, by the function's ARN. */
  async getResourcePolicy(
    caller: Caller,
    input: Input<'GetResourcePolicy'>,
  ): Promise<Result<Output<'GetResourcePolicy'>>> {
    return this.#policy(caller, input.ResourceArn, null, 'GetResourcePolicy');
  }

  async putResourcePolicy(
    caller: Caller,
    input: Input<'PutResourcePolicy'>,
  ): Promise<Result<Output<'PutResourcePolicy'>>> {
    const ref = this.#resource(caller, input.ResourceArn, 'PutResourcePolicy');
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const statements = statementsOf(input.Policy, functionArn(id, qualifier));
    if (!statements.ok) return statements;
    const reply = await this.#put(ref.value, statements.value, input.RevisionId);
    return reply.ok ? this.#policy(caller, input.ResourceArn, null, 'PutResourcePolicy') : reply;
  }

  async deleteResourcePolicy(
    caller: Caller,
    input: Input<'DeleteResourcePolicy'>,
  ): Promise<Result<Output<'DeleteResourcePolicy'>>> {
    const ref = this.#resource(caller, input.ResourceArn, 'DeleteResourcePolicy');
    if (!ref.ok) return ref;
    const reply = await this.#put(ref.value, [], input.RevisionId);
    return reply.ok ? ok(null) : reply;
  }

  #resource(caller: Caller, resourceArn: string, action: string): Result<FunctionRef> {
    const ref = this.#access.reference(caller, resourceArn, null, action);
    if (!ref.ok || ref.value.qualifier !== latest) return ref;
    const message = 'We currently do not support adding policies for $LATEST.';
    return fail(apiFailure('InvalidParameterValueException', message));
  }

  async #put(
    { id, qualifier }: FunctionRef,
    statements: readonly PolicyStatement[],
    revisionId: string | undefined,
  ): Promise<Result<Reply>> {
    return await this.#engine.run(id, () =>
      ok({
        kind: 'put-policy',
        ...this.#engine.stamp(),
        qualifier: qualifier ?? latest,
        statements,
        expectedRevisionId: revisionId ?? null,
      }),
    );
  }

  #policy(
    caller: Caller,
    name: string,
    given: string | null,
    action: string,
  ): Result<{ readonly Policy: string; readonly RevisionId: string }> {
    const ref = this.#access.reference(caller, name, given, action);
    if (!ref.ok) return ref;
    const { id, qualifier } = ref.value;
    const state = this.#engine.table.state(id);
    if (state === null) return fail(notFound(id));
    const policy = state.attachments.get(qualifier ?? latest)?.policy ?? [];
    const revision = revisionOf(state, qualifier ?? latest);
    if (policy.length === 0 || revision === null) {
      return fail(apiFailure('ResourceNotFoundException', 'The resource you requested does not exist.'));
    }
    return ok({ Policy: policyText(policy), RevisionId: revision });
  }
}
