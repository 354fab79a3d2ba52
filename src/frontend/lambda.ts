import { assert } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import type { Result } from '../kernel/result.js';
import type { Caller } from '../wire/caller.js';
import { parseInput } from '../wire/lambda/input.js';
import { type OperationName, operationNames } from '../wire/lambda/operations.js';
import { serializeOutput } from '../wire/lambda/output.js';
import { validate, validationFailure } from '../wire/lambda/validation.js';
import { liftBlob } from './blobdecoder.js';
import type { BodyLimit } from './bodyreader.js';
import type { Endpoint } from './endpoint.js';
import { type Exchange, emptyBody } from './exchange.js';
import { InvokeEndpoint, type InvokePorts } from './invoke.js';
import { foreignType } from './mediatype.js';

type Handler = (caller: Caller, input: unknown) => Promise<Result<unknown>>;

/** Operations that carry code in their body. */
const codeOperations: ReadonlySet<OperationName> = new Set([
  'CreateFunction',
  'UpdateFunctionCode',
  'PublishLayerVersion',
]);

function limitOf(operation: OperationName): BodyLimit {
  return {
    bytesMax: codeOperations.has(operation) ? limits.codeRequestBytesMax : limits.syncPayloadBytesMax,
    operation,
  };
}

/** One operation of the configuration service: parse, validate, call, serialize. */
class ConfigEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit: BodyLimit;
  readonly #operation: OperationName;
  readonly #handler: Handler;

  constructor(operation: OperationName, handler: Handler) {
    this.#operation = operation;
    this.#handler = handler;
    this.limit = limitOf(operation);
  }

  async handle(exchange: Exchange): Promise<void> {
    const foreign = foreignType(exchange.req.headers['content-type'], exchange.body);
    if (foreign !== null) return exchange.fail(foreign);
    const operation = this.#operation;
    const lifted = codeOperations.has(operation) ? await liftBlob(exchange.body) : null;
    const input = parseInput(operation, {
      pathParameters: exchange.pathParameters,
      query: exchange.query === '' ? null : new URLSearchParams(exchange.query),
      headers: exchange.req.headers,
      body: exchange.body,
      lifted,
    });
    if (!input.ok) return exchange.fail(input.failure);
    const violations = validate(operation, input.value);
    if (violations.length > 0) return exchange.fail(validationFailure(violations));
    assert(exchange.caller, 'an operation has a caller');
    // The input is a copy: up to 70 MB of JSON text need not wait for the handler. The budget is given back at the end.
    exchange.body = emptyBody;
    const result = await this.#handler(exchange.caller, input.value);
    if (!result.ok) return exchange.fail(result.failure);
    const response = serializeOutput(operation, result.value as never);
    exchange.answer(response.status, Object.entries(response.headers).flat(), response.body);
  }
}

/**
 * An operation that the API has and this version has not. A 4xx, so that no SDK retries it; of Lambda's codes
 * UnknownOperationException says it best, and clients show the text, which names the operation.
 */
class UnavailableEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit: BodyLimit;
  readonly #operation: OperationName;

  constructor(operation: OperationName) {
    this.#operation = operation;
    this.limit = limitOf(operation);
  }

  handle(exchange: Exchange): undefined {
    exchange.fail(
      apiFailure(
        'UnknownOperationException',
        `The operation ${this.#operation} is not available in this version of Hearth.`,
      ),
    );
  }
}

/**
 * Endpoint of every operation. Each owner has a method per operation it offers, named in lower camel case; the first
 * that has one answers.
 */
export function lambdaEndpoints(
  owners: object | readonly object[],
  ports: InvokePorts,
): ReadonlyMap<OperationName, Endpoint> {
  const endpoints = new Map<OperationName, Endpoint>();
  const all = (Array.isArray(owners) ? owners : [owners]) as readonly Record<string, unknown>[];
  for (const operation of operationNames) {
    const name = operation.charAt(0).toLowerCase() + operation.slice(1);
    const owner = all.find((one) => typeof one[name] === 'function');
    const method = owner?.[name];
    if (operation === 'Invoke' || operation === 'InvokeAsync' || operation === 'InvokeWithResponseStream') {
      endpoints.set(operation, new InvokeEndpoint(ports, operation));
    } else if (typeof method === 'function') {
      endpoints.set(operation, new ConfigEndpoint(operation, method.bind(owner) as Handler));
    } else endpoints.set(operation, new UnavailableEndpoint(operation));
  }
  return endpoints;
}
