import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { Input, Output } from '../wire/lambda/operations.js';
import type { Caller, FunctionAccess } from './access.js';
import { functionArn } from './arns.js';

/**
 * Operations of features that this version has not: durable executions and capacity providers. There are none of their
 * resources, and the answers say so with the errors that the API has for that.
 */
export class RareOperations {
  readonly #access: FunctionAccess;

  constructor(access: FunctionAccess) {
    this.#access = access;
  }

  async createCapacityProvider(): Promise<Result<never>> {
    return unsupported('Capacity providers are');
  }

  async getCapacityProvider(caller: Caller, input: Input<'GetCapacityProvider'>): Promise<Result<never>> {
    return fail(noProvider(caller, input.CapacityProviderName));
  }

  async updateCapacityProvider(caller: Caller, input: Input<'UpdateCapacityProvider'>): Promise<Result<never>> {
    return fail(noProvider(caller, input.CapacityProviderName));
  }

  async deleteCapacityProvider(caller: Caller, input: Input<'DeleteCapacityProvider'>): Promise<Result<never>> {
    return fail(noProvider(caller, input.CapacityProviderName));
  }

  async listFunctionVersionsByCapacityProvider(
    caller: Caller,
    input: Input<'ListFunctionVersionsByCapacityProvider'>,
  ): Promise<Result<never>> {
    return fail(noProvider(caller, input.CapacityProviderName));
  }

  async listCapacityProviders(): Promise<Result<Output<'ListCapacityProviders'>>> {
    return ok({ CapacityProviders: [] });
  }

  async putFunctionScalingConfig(caller: Caller, input: Input<'PutFunctionScalingConfig'>): Promise<Result<never>> {
    const action = 'PutFunctionScalingConfig';
    const found = this.#access.version(caller, input.FunctionName, input.Qualifier, action);
    return found.ok ? unsupported('Capacity providers, and with them scaling configurations of functions, are') : found;
  }

  async getFunctionScalingConfig(
    caller: Caller,
    input: Input<'GetFunctionScalingConfig'>,
  ): Promise<Result<Output<'GetFunctionScalingConfig'>>> {
    const action = 'GetFunctionScalingConfig';
    const found = this.#access.version(caller, input.FunctionName, input.Qualifier, action);
    return found.ok ? ok({ FunctionArn: functionArn(found.value.state.record, input.Qualifier) }) : found;
  }

  async listDurableExecutionsByFunction(
    caller: Caller,
    input: Input<'ListDurableExecutionsByFunction'>,
  ): Promise<Result<Output<'ListDurableExecutionsByFunction'>>> {
    const action = 'ListDurableExecutionsByFunction';
    const found = this.#access.version(caller, input.FunctionName, input.Qualifier, action);
    return found.ok ? ok({ DurableExecutions: [] }) : found;
  }

  async getDurableExecution(_: Caller, input: Input<'GetDurableExecution'>): Promise<Result<never>> {
    return fail(noExecution(input.DurableExecutionArn));
  }

  async getDurableExecutionHistory(_: Caller, input: Input<'GetDurableExecutionHistory'>): Promise<Result<never>> {
    return fail(noExecution(input.DurableExecutionArn));
  }

  async getDurableExecutionState(): Promise<Result<never>> {
    return unsupported('Durable executions are');
  }

  async checkpointDurableExecution(): Promise<Result<never>> {
    return unsupported('Durable executions are');
  }

  async stopDurableExecution(_: Caller, input: Input<'StopDurableExecution'>): Promise<Result<never>> {
    return fail(noExecution(input.DurableExecutionArn));
  }

  async sendDurableExecutionCallbackSuccess(): Promise<Result<never>> {
    return unsupported('Durable executions are');
  }

  async sendDurableExecutionCallbackFailure(): Promise<Result<never>> {
    return unsupported('Durable executions are');
  }

  async sendDurableExecutionCallbackHeartbeat(): Promise<Result<never>> {
    return unsupported('Durable executions are');
  }
}

/** A 4xx, so that no client tries again. `what` ends with its verb. */
function unsupported(what: string): Result<never> {
  const message = `${what} not supported in this version of Hearth.`;
  return fail(apiFailure('InvalidParameterValueException', message));
}

function noProvider({ account, region }: Caller, name: string): ApiFailure {
  const arn = name.startsWith('arn:') ? name : `arn:aws:lambda:${region}:${account}:capacity-provider:${name}`;
  return apiFailure('ResourceNotFoundException', `Capacity provider not found: ${arn}`);
}

function noExecution(arn: string): ApiFailure {
  return apiFailure('ResourceNotFoundException', `Durable execution not found: ${arn}`);
}
