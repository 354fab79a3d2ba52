import type { UrlTarget } from '../../config/urls/messages.js';
import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import type { Caller } from '../../wire/caller.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import type { InvocationOutcome } from '../../wire/invocation.js';
import type { Traced } from '../../wire/invocationtrace.js';
import type { Endpoint } from '../endpoint.js';
import { type Exchange, emptyBody } from '../exchange.js';
import type { Bandwidth } from '../pace.js';
import type { Dispatcher, FunctionResolver, Tracing } from '../ports.js';
import { headerOf } from '../signature/canonical.js';
import { traceHeaderOf } from '../traceheader.js';
import type { UrlAddress } from './address.js';
import { corsHeaders, preflightHeaders } from './cors.js';
import { eventOf } from './event.js';
import { responseOf } from './response.js';
import { UrlStream } from './stream.js';

/** Function URLs, and who may use them. */
export interface UrlDirectory {
  /** Null: there is no such URL. Synchronous, from memory. */
  functionUrl(urlId: string): UrlTarget | null;
  /** Whether the function's policy lets this caller use the URL; null: nobody who signed. */
  allowsUrl(target: UrlTarget, caller: Caller | null): boolean;
}

export interface UrlPorts {
  readonly urls: UrlDirectory;
  readonly resolver: FunctionResolver;
  readonly dispatcher: Dispatcher;
  /** Of each streamed response; null or absent: as fast as its client reads. */
  readonly streamBandwidth?: Bandwidth | null;
  /** Null or absent: nothing is traced. */
  readonly tracing?: Tracing | null;
}

const limit = { bytesMax: limits.syncPayloadBytesMax, operation: 'InvokeFunction' };

const forbiddenText =
  'Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html';

const forbidden = apiFailure('AccessDeniedException', forbiddenText);
const unknown = apiFailure('AccessDeniedException', '', { members: { Message: null } });

/** Answers one request to a function URL. Made for each: what it does depends on the URL. */
export class FunctionUrlEndpoint implements Endpoint {
  readonly protocol = 'rest-json';
  readonly service: 'lambda' | null;
  readonly limit = limit;
  readonly unsigned = forbidden;
  readonly #ports: UrlPorts;
  readonly #address: UrlAddress;
  readonly #target: UrlTarget;

  private constructor(ports: UrlPorts, address: UrlAddress, target: UrlTarget) {
    this.#ports = ports;
    this.#address = address;
    this.#target = target;
    this.service = target.record.authType === 'AWS_IAM' ? 'lambda' : null;
  }

  /** Null: the client has its answer: there is no such URL, or a browser asked what it may. */
  static for(ports: UrlPorts, exchange: Exchange, address: UrlAddress): FunctionUrlEndpoint | null {
    const target = ports.urls.functionUrl(address.urlId);
    // A host of another region has no such URL.
    if (target === null || (address.host !== null && address.host.region !== target.region)) {
      exchange.refuse(unknown);
      return null;
    }
    const preflight = preflightHeaders(target.record.cors, exchange.method, exchange.rawHeaders);
    if (preflight === null) return new FunctionUrlEndpoint(ports, address, target);
    exchange.answer(200, preflight, null);
    return null;
  }

  handle(exchange: Exchange): undefined {
    const { record, account, region, functionName, qualifier } = this.#target;
    const { caller } = exchange;
    if (caller !== null && caller.region !== region) {
      const message = `Credential should be scoped to a valid region, not '${caller.region}'. `;
      return this.#fail(exchange, apiFailure('InvalidSignatureException', message));
    }
    if (!this.#ports.urls.allowsUrl(this.#target, caller)) return this.#fail(exchange, forbidden);
    const resolved = this.#ports.resolver.resolve(account, region, functionName, qualifier);
    if (!resolved.ok) return this.#fail(exchange, resolved.failure);
    const given = headerOf(exchange.rawHeaders, 'x-amzn-trace-id');
    const { header: traceHeader, trace } = this.#traced(exchange, given, resolved.value.spec);
    const payload = this.#event(exchange, traceHeader);
    if (payload.length > limits.syncPayloadBytesMax) {
      const message = `Request must be smaller than ${limits.syncPayloadBytesMax} bytes for the InvokeFunction operation`;
      return this.#fail(exchange, apiFailure('RequestEntityTooLargeException', message));
    }
    // It is in the event now; what it takes of the budget is given back at the end.
    exchange.body = emptyBody;
    const headers = ['X-Amzn-Trace-Id', traceHeader, ...corsHeaders(record.cors, exchange.rawHeaders)];
    const stream =
      record.invokeMode === 'RESPONSE_STREAM'
        ? new UrlStream(exchange, headers, this.#ports.streamBandwidth ?? null, () => this.#broken(exchange))
        : null;
    this.#ports.dispatcher.invoke(
      {
        requestId: exchange.requestId,
        spec: resolved.value.spec,
        invokedFunctionArn: resolved.value.invokedFunctionArn,
        payload,
        clientContext: null,
        cognitoIdentity: null,
        traceHeader,
        tail: false,
        stream,
        kind: 'url',
        arrivedMs: exchange.arrivedMs,
        trace,
      },
      (outcome) => {
        if (stream?.finish(outcome) === true) return;
        this.#answer(exchange, outcome, headers, stream !== null);
      },
    );
    return undefined;
  }

  #traced(exchange: Exchange, given: string | null, spec: FunctionSpec): Traced {
    const { tracing = null } = this.#ports;
    if (tracing === null) return { header: traceHeaderOf(exchange, given, spec), trace: null };
    const client = tracing.callerOf(given, exchange.rawHeaders);
    return tracing.invocation(client, traceHeaderOf(exchange, client.header, spec), {
      'http.request.method': exchange.method,
      'url.scheme': 'http',
      'url.path': this.#address.path,
    });
  }

  #event(exchange: Exchange, traceHeader: string): Buffer {
    const { urlId, path, host } = this.#address;
    const { req, method, query, rawHeaders, requestId, arrivedMs, body, caller } = exchange;
    const { remoteAddress = '', localPort = 0 } = req.socket;
    return eventOf({
      urlId,
      domainName: host?.name ?? `${urlId}.lambda-url.${this.#target.region}.localhost`,
      method,
      path,
      query,
      rawHeaders,
      httpVersion: req.httpVersion,
      sourceIp: remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress,
      port: localPort,
      requestId,
      traceHeader,
      arrivedMs,
      body,
      caller,
    });
  }

  /** `raw`: in a URL that streams, the result of a handler that does not is the body as it is. */
  #answer(exchange: Exchange, outcome: InvocationOutcome, headers: readonly string[], raw: boolean): void {
    if (outcome.kind === 'refused') return void this.#fail(exchange, outcome.failure);
    if (outcome.kind === 'function-error') return void this.#broken(exchange);
    if (raw) return void exchange.answer(200, ['Content-Type', 'application/json', ...headers], outcome.payload);
    const response = responseOf(outcome.payload);
    if (response === null) return void this.#broken(exchange);
    const empty = response.status === 204 || response.status === 304;
    exchange.answer(response.status, [...response.headers, ...headers], empty ? null : response.body);
  }

  /** The function failed, or answered what is no HTTP. */
  #broken(exchange: Exchange): void {
    const headers = ['Content-Type', 'application/json', ...corsHeaders(this.#target.record.cors, exchange.rawHeaders)];
    exchange.answer(502, headers, 'Internal Server Error');
  }

  #fail(exchange: Exchange, failure: ApiFailure): undefined {
    const added = corsHeaders(this.#target.record.cors, exchange.rawHeaders);
    const headers: Record<string, string> = { ...failure.headers };
    for (let i = 0; i < added.length; i += 2) headers[added[i] as string] = added[i + 1] as string;
    exchange.fail({ ...failure, headers });
    return undefined;
  }
}
