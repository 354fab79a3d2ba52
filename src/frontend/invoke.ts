import type { AsyncEvent } from '../async/messages.js';
import { assert } from '../kernel/assert.js';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import type { Traced } from '../wire/invocationtrace.js';
import { parseInput } from '../wire/lambda/input.js';
import { validate, validationFailure } from '../wire/lambda/validation.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { InvokeStream } from './invokestream.js';
import { isLoop, loopFailure, withLineage } from './lineage.js';
import { foreignType } from './mediatype.js';
import type { Bandwidth } from './pace.js';
import { jsonProblem } from './payloadjson.js';
import type { AsyncIntake, Dispatcher, FunctionResolver, ResolvedFunction, Tracing } from './ports.js';
import { traceHeaderOf } from './traceheader.js';

export interface InvokePorts {
  readonly resolver: FunctionResolver;
  readonly dispatcher: Dispatcher;
  readonly intake: AsyncIntake;
  /** Of each streamed response; null or absent: as fast as its client reads. */
  readonly streamBandwidth?: Bandwidth | null;
  /** Null or absent: nothing is traced, and no invocation pays for it. */
  readonly tracing?: Tracing | null;
}

/** What a function gets when the client sent nothing. */
const emptyPayload = Buffer.from('{}');

/** Headers and query of an Invoke, found in one pass. */
interface InvokeParameters {
  readonly functionName: string;
  readonly qualifier: string | null;
  invocationType: string | null;
  logType: string | null;
  clientContext: string | null;
  traceHeader: string | null;
  contentType: string | null;
  tenantId: string | null;
  durableExecutionName: string | null;
}

/** Invoke, its predecessor InvokeAsync, and InvokeWithResponseStream. The path of every invocation: lean, and without promises when synchronous. */
export class InvokeEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service = 'lambda';
  readonly limit = { bytesMax: limits.syncPayloadBytesMax, operation: 'InvokeFunction' };
  readonly #ports: InvokePorts;
  /** InvokeAsync, which is always an `Event`. */
  readonly #legacy: boolean;
  readonly #streams: boolean;

  constructor(ports: InvokePorts, operation: 'Invoke' | 'InvokeAsync' | 'InvokeWithResponseStream' = 'Invoke') {
    this.#ports = ports;
    this.#legacy = operation === 'InvokeAsync';
    this.#streams = operation === 'InvokeWithResponseStream';
  }

  handle(exchange: Exchange): undefined | Promise<void> {
    const parameters = parametersOf(exchange);
    const invalid = foreignType(parameters.contentType, exchange.body) ?? this.#invalid(parameters, exchange);
    if (invalid) return void exchange.fail(invalid);
    const { caller } = exchange;
    assert(caller, 'an invocation has a caller');
    const type = this.#legacy ? 'Event' : (parameters.invocationType ?? 'RequestResponse');

    const resolved = this.#ports.resolver.resolve(
      caller.account,
      caller.region,
      parameters.functionName,
      parameters.qualifier,
      caller.arn,
    );
    if (!resolved.ok) return void exchange.fail(resolved.failure);
    const wrong = unconfigured(parameters) ?? payloadFailure(exchange.body, type);
    if (wrong) return void exchange.fail(wrong);
    let clientContext: string | null = null;
    if (parameters.clientContext !== null) {
      clientContext = decodedContext(parameters.clientContext);
      if (clientContext === null) return void exchange.fail(contextFailure());
    }
    if (type === 'DryRun') return void exchange.answer(204, [], null);
    const { spec, invokedFunctionArn, executedVersion } = resolved.value;
    const { tracing = null } = this.#ports;
    const client = tracing === null ? null : tracing.callerOf(parameters.traceHeader, exchange.rawHeaders);
    const given = client === null ? parameters.traceHeader : client.header;
    let traceHeader = withLineage(traceHeaderOf(exchange, given, spec), given, spec);
    if (type === 'Event') {
      const traced = client === null ? null : tracing!.acceptance(client, traceHeader);
      return this.#accept(exchange, resolved.value, traced?.header ?? traceHeader, traced);
    }
    if (given !== null && isLoop(traceHeader, spec)) return void exchange.fail(loopFailure());
    let trace: Traced['trace'] = null;
    if (client !== null) ({ header: traceHeader, trace } = tracing!.invocation(client, traceHeader));

    const tail = parameters.logType === 'Tail';
    const stream = this.#streams
      ? new InvokeStream(exchange, executedVersion, traceHeader, tail, this.#ports.streamBandwidth ?? null)
      : null;
    this.#ports.dispatcher.invoke(
      {
        requestId: exchange.requestId,
        spec,
        invokedFunctionArn,
        payload: exchange.body.length === 0 ? emptyPayload : exchange.body,
        clientContext,
        cognitoIdentity: null,
        traceHeader,
        tail,
        stream,
        arrivedMs: exchange.arrivedMs,
        trace,
      },
      stream === null
        ? (outcome) => answerOutcome(exchange, outcome, executedVersion, traceHeader)
        : (outcome) => stream.finish(outcome),
    );
    return undefined;
  }

  async #accept(
    exchange: Exchange,
    resolved: ResolvedFunction,
    traceHeader: string,
    traced: Traced | null,
  ): Promise<void> {
    const { spec, invokedFunctionArn } = resolved;
    const event: AsyncEvent = {
      requestId: exchange.requestId,
      account: spec.account,
      region: spec.region,
      functionName: spec.functionName,
      qualifier:
        invokedFunctionArn.length > spec.functionArn.length
          ? invokedFunctionArn.slice(spec.functionArn.length + 1)
          : null,
      invokedFunctionArn,
      // As AWS documents: the context goes to synchronous invocations only.
      clientContext: null,
      traceHeader,
      acceptedMs: exchange.arrivedMs,
      attempts: 0,
      setbacks: 0,
      ...(traced === null ? {} : { traced: traced.trace !== null }),
    };
    const accepted = await this.#ports.intake.publish(event, exchange.body.length === 0 ? emptyPayload : exchange.body);
    if (accepted.ok) {
      exchange.answer(202, ['X-Amzn-Trace-Id', traceHeader], null);
      if (traced?.trace) this.#ports.tracing?.accepted(traced.trace, event, spec.functionArn);
    } else exchange.fail(accepted.failure);
  }

  /** Plain requests pass without touching the operation table; all others get its verdict and its texts. */
  #invalid(parameters: InvokeParameters, exchange: Exchange): ApiFailure | null {
    const { invocationType, logType, clientContext } = parameters;
    if (clientContext !== null && clientContext.length > limits.clientContextBytesMax) {
      return validationFailure([
        `Value at 'clientContext' failed to satisfy constraint: Member must have length less than or equal to ${limits.clientContextBytesMax}`,
      ]);
    }
    if (
      isPlain(parameters.functionName, 64) &&
      (parameters.qualifier === null || parameters.qualifier === '$LATEST' || isPlain(parameters.qualifier, 128)) &&
      (invocationType === null ||
        invocationType === 'RequestResponse' ||
        (invocationType === 'Event' && !this.#streams) ||
        invocationType === 'DryRun') &&
      (logType === null || logType === 'None' || logType === 'Tail') &&
      parameters.tenantId === null &&
      parameters.durableExecutionName === null
    ) {
      return null;
    }
    const operation = this.#streams ? 'InvokeWithResponseStream' : 'Invoke';
    const input = parseInput(operation, {
      pathParameters: exchange.pathParameters,
      query: new URLSearchParams(exchange.query),
      headers: exchange.req.headers,
      body: exchange.body,
    });
    if (!input.ok) return input.failure;
    const violations = validate(operation, input.value as never);
    return violations.length > 0 ? validationFailure(violations) : null;
  }
}

function parametersOf(exchange: Exchange): InvokeParameters {
  const parameters: InvokeParameters = {
    functionName: exchange.pathParameters.FunctionName as string,
    qualifier: exchange.query === '' ? null : new URLSearchParams(exchange.query).get('Qualifier'),
    invocationType: null,
    logType: null,
    clientContext: null,
    traceHeader: null,
    contentType: null,
    tenantId: null,
    durableExecutionName: null,
  };
  const raw = exchange.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    // Lengths tell nearly all other headers apart without lower-casing them.
    switch (name.length) {
      case 12:
        if (name.toLowerCase() === 'content-type') parameters.contentType = raw[i + 1] as string;
        break;
      case 14:
        if (name.toLowerCase() === 'x-amz-log-type') parameters.logType = raw[i + 1] as string;
        break;
      case 15:
        if (name.toLowerCase() === 'x-amzn-trace-id') parameters.traceHeader = raw[i + 1] as string;
        else if (name.toLowerCase() === 'x-amz-tenant-id') parameters.tenantId = raw[i + 1] as string;
        break;
      case 20:
        if (name.toLowerCase() === 'x-amz-client-context') parameters.clientContext = raw[i + 1] as string;
        break;
      case 21:
        if (name.toLowerCase() === 'x-amz-invocation-type') parameters.invocationType = raw[i + 1] as string;
        break;
      case 28:
        if (name.toLowerCase() === 'x-amz-durable-execution-name') {
          parameters.durableExecutionName = raw[i + 1] as string;
        }
        break;
    }
  }
  return parameters;
}

/** Letters, digits, `-` and `_`: needs no further look. */
function isPlain(text: string, charactersMax: number): boolean {
  if (text.length === 0 || text.length > charactersMax) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const lower = code | 32;
    if (!((lower >= 97 && lower <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 95)) return false;
  }
  return true;
}

function payloadFailure(body: Buffer, type: string): ApiFailure | null {
  if (body.length === 0) return null;
  if (type === 'Event' && body.length > limits.asyncPayloadBytesMax) {
    return apiFailure(
      'RequestEntityTooLargeException',
      `${body.length} byte payload is too large for the Event invocation type (limit ${limits.asyncPayloadBytesMax} bytes)`,
    );
  }
  const problem = jsonProblem(body);
  if (problem === null) return null;
  return apiFailure(
    'InvalidRequestContentException',
    `Could not parse request body into json: Could not parse payload into json: ${problem}`,
  );
}

/** What only functions of kinds take that cannot be made here: saying nothing would let clients think it worked. */
function unconfigured({ tenantId, durableExecutionName }: InvokeParameters): ApiFailure | null {
  if (tenantId !== null) {
    const message = 'The invoked function is not enabled with tenancy configuration.';
    return apiFailure('InvalidParameterValueException', message);
  }
  if (durableExecutionName !== null) {
    const message = 'The invoked function is not enabled with durable execution configuration.';
    return apiFailure('InvalidParameterValueException', message);
  }
  return null;
}

/** The JSON text inside, or null. */
function decodedContext(base64: string): string | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 === 1) return null;
  const text = Buffer.from(base64, 'base64').toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? text : null;
  } catch {
    return null;
  }
}

function contextFailure(): ApiFailure {
  return apiFailure('InvalidRequestContentException', 'Client context must be a valid Base64-encoded JSON object.', {
    omitType: true,
    members: { Type: null },
  });
}

function answerOutcome(
  exchange: Exchange,
  outcome: InvocationOutcome,
  executedVersion: string,
  traceHeader: string,
): void {
  if (outcome.kind === 'refused') {
    exchange.fail(outcome.failure);
    return;
  }
  const headers = [
    'Content-Type',
    'application/json',
    'X-Amz-Executed-Version',
    executedVersion,
    'X-Amzn-Trace-Id',
    traceHeader,
  ];
  if (outcome.kind === 'function-error') headers.push('X-Amz-Function-Error', outcome.functionError);
  if (outcome.logTail !== null) headers.push('X-Amz-Log-Result', outcome.logTail.toString('base64'));
  exchange.answer(200, headers, outcome.payload);
}
