import { limits } from '../../kernel/limits.js';
import type { InvokeHeader } from '../channel.js';
import { HeldReport } from '../heldreport.js';
import type { BoxServer } from '../sandbox/driver.js';
import { type BodyBudget, budgetBytes } from './httpbody.js';
import { HttpConnection, type HttpEvents, type StreamTarget } from './httpconnection.js';
import { type HttpRequest, runtimePrefix as prefix, type RequestHead } from './httprequest.js';
import { ResponseRequest } from './responserequest.js';
import type { Flow, StreamedResponse } from './streamedresponse.js';

/** What a runtime said. `requestId` is the one in the path; the machine decides whether it is the current one. */
export interface RuntimeApiEvents {
  /** The first `next`: init is over. */
  onInitDone(): void;
  onInitError(errorType: string, payload: Buffer): void;
  /** `bytes` may exceed `payload.length`: too large, and not kept. */
  onResponse(requestId: string, payload: Buffer, bytes: number): void;
  onError(requestId: string, errorType: string, payload: Buffer, bytes: number): void;
  /** The response begins, and comes piece by piece. Null: this invocation takes none any more. */
  onStream(requestId: string, contentType: string | null, flow: Flow): StreamedResponse | null;
  /** A restored runtime is ready for invocations. */
  onRestoreDone(): void;
  onRestoreError(errorType: string, payload: Buffer): void;
  /** A request that is not the Runtime API's; false when nobody serves it. */
  onOther(request: HttpRequest, connection: HttpConnection): boolean;
}

type RuntimeState =
  | 'Started'
  | 'InitError'
  | 'RestoreReady'
  | 'Restoring'
  | 'RestoreError'
  | 'Ready'
  | 'Running'
  | 'InvocationResponse'
  | 'InvocationErrorResponse';

/** Connections a sandbox may hold to its Runtime API; further ones are closed at once. */
const connectionsMax = 32;

const invocationPrefix = `${prefix}invocation/`;
const responseSuffix = '/response';
const accepted = '{"status":"OK"}\n';
const shape = (errorMessage: string, errorType: string) => `${JSON.stringify({ errorMessage, errorType })}\n`;
const invalidRequestId = shape('Invalid request ID', 'InvalidRequestID');
const tooLarge = shape(
  `Exceeded maximum allowed payload size (${limits.syncResponseBytesMax} bytes).`,
  'RequestEntityTooLarge',
);
const invalidMode = shape('Invalid function response mode', 'InvalidFunctionResponseMode');
const invalidTransition = (from: string, to: string) =>
  shape(`Transition from ${from} to ${to} is not allowed.`, 'InvalidStateTransition');

/** No header value may end its line or leave ASCII. */
const headerValue = (value: string) => (/[^\x20-\x7e]/.test(value) ? value.replace(/[^\x20-\x7e]/g, '') : value);
/** JSON says the same in ASCII; control characters can only stand between its tokens. */
const jsonHeaderValue = (json: string) =>
  json
    .replace(/\p{Cc}/gu, ' ')
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * The Lambda Runtime API, version 2018-06-01, of one box. States and texts follow AWS's runtime interface emulator:
 * `Started` (init) → `Ready` (waits in next) → `Running` → `InvocationResponse` | `InvocationErrorResponse` → `Ready`.
 * With a snapshot: `Started` → `RestoreReady` (waits in restore/next, and is saved so), and in each restored sandbox
 * `RestoreReady` → `Restoring` → `Ready`. A runtime that knows nothing of snapshots waits in next instead, and is ready as
 * soon as it is restored.
 */
export class RuntimeApi implements HttpEvents {
  readonly #server: BoxServer;
  readonly #events: RuntimeApiEvents;
  /** False: our own bootstrap takes invocations over the channel, so `next` belongs to nobody else. */
  readonly #servesNext: boolean;
  readonly #budget: BodyBudget = { leftBytes: budgetBytes };
  readonly #connections = new Set<HttpConnection>();
  readonly #held = new HeldReport();
  #state: RuntimeState = 'Started';
  #waiting: HttpConnection[] = [];
  #current: string | null = null;
  /** Dispatched before the runtime asked for it. */
  #queued: { readonly header: InvokeHeader; readonly payload: Buffer } | null = null;
  /** Waits in restore/next. */
  #unrestored: HttpConnection | null = null;
  /** This init is for a snapshot: restore/next ends it. */
  snapStart = false;
  /** False for a spare and after `close`: requests before there is a function are refused. */
  closed = false;
  /** The client of the invocation in progress takes a stream: any response is read as it comes, as on AWS. */
  streams = false;

  constructor(server: BoxServer, servesNext: boolean, events: RuntimeApiEvents) {
    this.#server = server;
    this.#servesNext = servesNext;
    this.#events = events;
    server.on('connection', (socket) => {
      if (this.closed || this.#connections.size >= connectionsMax) {
        socket.destroy();
        return;
      }
      this.#connections.add(new HttpConnection(socket, this.#budget, this));
    });
    server.on('error', () => this.close());
  }

  /** Gives an invocation to the runtime: at once when it waits in `next`, otherwise when it asks. */
  deliver(header: InvokeHeader, payload: Buffer, streams = false): void {
    this.begin(header.requestId, streams);
    const connection = this.#waiting.shift();
    if (connection === undefined) this.#queued = { header, payload };
    else this.#send(connection, header, payload);
  }

  /** A managed runtime got this invocation over the channel; tools inside may still answer it here. */
  begin(requestId: string, streams = false): void {
    this.#current = requestId;
    this.streams = streams;
    if (!this.#servesNext) this.#state = 'Running';
  }

  /** The invocation is over, also when it was answered over the channel. */
  end(): void {
    this.#current = null;
    this.streams = false;
    this.#queued = null;
    this.#held.drop();
    if (!this.#servesNext) this.#state = 'Ready';
  }

  /** The box was restored: the request that its runtime waits with comes once more. */
  expectRestore(): void {
    this.#state = this.#servesNext ? 'RestoreReady' : 'Ready';
  }

  /** Lets a restored runtime go on, now or as soon as its request is here. */
  release(): void {
    this.#state = 'Restoring';
    const unrestored = this.#unrestored;
    this.#unrestored = null;
    unrestored?.answer(200, '', '');
    if (this.#waiting.length > 0) this.#readyAgain();
  }

  #readyAgain(): void {
    this.#state = 'Ready';
    this.#events.onRestoreDone();
  }

  close(): void {
    this.closed = true;
    this.#held.drop();
    for (const connection of this.#connections) connection.destroy();
    this.#waiting = [];
  }

  onClose(connection: HttpConnection): void {
    this.#connections.delete(connection);
    const at = this.#waiting.indexOf(connection);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  #send(connection: HttpConnection, next: InvokeHeader, payload: Buffer): void {
    this.#state = 'Running';
    let head =
      `Lambda-Runtime-Aws-Request-Id: ${next.requestId}\r\nLambda-Runtime-Deadline-Ms: ${next.deadlineMs}\r\n` +
      `Lambda-Runtime-Invoked-Function-Arn: ${next.invokedFunctionArn}\r\nLambda-Runtime-Trace-Id: ${headerValue(next.traceHeader)}\r\n`;
    if (next.clientContext !== null)
      head += `Lambda-Runtime-Client-Context: ${jsonHeaderValue(next.clientContext)}\r\n`;
    if (next.cognitoIdentity !== null)
      head += `Lambda-Runtime-Cognito-Identity: ${jsonHeaderValue(next.cognitoIdentity)}\r\n`;
    connection.answer(200, head, payload);
  }

  onStream(head: RequestHead, contentType: string | null, connection: HttpConnection): StreamTarget | null {
    const { path } = head;
    if (head.responseMode === null) return null;
    const end = path.length - responseSuffix.length;
    // Anything wrong with it is answered like any other request, when its body has been read.
    if (this.#state !== 'Running' || head.method !== 'POST' || !path.startsWith(invocationPrefix)) return null;
    if (!path.endsWith(responseSuffix) || path.slice(invocationPrefix.length, end) !== this.#current) return null;
    const response = this.#events.onStream(this.#current, contentType, connection);
    if (response === null) return null;
    this.#state = 'InvocationResponse';
    return new ResponseRequest(response, connection, accepted);
  }

  onRequest(request: HttpRequest, connection: HttpConnection): void {
    const { path, method } = request;
    if (!path.startsWith(prefix)) {
      if (!this.#events.onOther(request, connection)) connection.answer(404, '', '404 page not found\n');
    } else if (path === `${invocationPrefix}next`) {
      if (method !== 'GET') connection.answer(405, '', '');
      else this.#next(connection);
    } else if (path === `${prefix}init/error`) {
      if (method !== 'POST') connection.answer(405, '', '');
      else this.#initError(request, connection);
    } else if (path === `${prefix}restore/next`) {
      if (method !== 'GET') connection.answer(405, '', '');
      else this.#restoreNext(connection);
    } else if (path === `${prefix}restore/error`) {
      if (method !== 'POST') connection.answer(405, '', '');
      else this.#restoreError(request, connection);
    } else if (path.startsWith(invocationPrefix)) {
      const slash = path.indexOf('/', invocationPrefix.length);
      const what = slash < 0 ? '' : path.slice(slash + 1);
      if (what !== 'response' && what !== 'error') connection.answer(404, '', '404 page not found\n');
      else if (method !== 'POST') connection.answer(405, '', '');
      else this.#result(path.slice(invocationPrefix.length, slash), what, request, connection);
    } else connection.answer(404, '', '404 page not found\n');
  }

  #next(connection: HttpConnection): void {
    const state = this.#state;
    if (!this.#servesNext || state === 'Running' || state === 'InitError' || state === 'RestoreError') {
      connection.answer(403, '', invalidTransition(`Runtime${state}`, 'RuntimeReady'));
      return;
    }
    if (state === 'RestoreReady' || state === 'Restoring') {
      this.#waiting.push(connection);
      if (state === 'Restoring') this.#readyAgain();
      return;
    }
    this.#held.release();
    const first = this.#state === 'Started';
    this.#state = 'Ready';
    const queued = this.#queued;
    this.#queued = null;
    if (queued !== null) this.#send(connection, queued.header, queued.payload);
    else this.#waiting.push(connection);
    if (first) this.#events.onInitDone();
  }

  #restoreNext(connection: HttpConnection): void {
    const state = this.#state;
    if (state === 'Restoring') connection.answer(200, '', '');
    else if (state === 'RestoreReady') this.#unrestored = connection;
    else if (state === 'Started' && this.snapStart && this.#servesNext) {
      this.#state = 'RestoreReady';
      this.#unrestored = connection;
      this.#events.onInitDone();
    } else connection.answer(403, '', invalidTransition(`Runtime${state}`, 'RuntimeRestoreReady'));
  }

  #restoreError(request: HttpRequest, connection: HttpConnection): void {
    if (this.#state !== 'Restoring') {
      connection.answer(403, '', invalidTransition(`Runtime${this.#state}`, 'RuntimeRestoreError'));
      return;
    }
    this.#state = 'RestoreError';
    connection.answer(202, '', accepted);
    this.#events.onRestoreError(request.errorType ?? 'Runtime.Unknown', request.payload);
  }

  #initError(request: HttpRequest, connection: HttpConnection): void {
    if (this.#state !== 'Started') {
      connection.answer(403, '', invalidTransition(`Runtime${this.#state}`, 'RuntimeInitError'));
      return;
    }
    if (this.#servesNext) this.#state = 'InitError';
    connection.answer(202, '', accepted);
    this.#events.onInitError(request.errorType ?? 'Runtime.Unknown', request.payload);
  }

  #result(requestId: string, what: 'response' | 'error', request: HttpRequest, connection: HttpConnection): void {
    const to = what === 'response' ? 'InvocationResponse' : 'InvocationErrorResponse';
    if (this.#state !== 'Running') {
      connection.answer(403, '', invalidTransition(`Runtime${this.#state}`, `Runtime${to}`));
      return;
    }
    if (requestId !== this.#current) {
      connection.answer(400, '', invalidRequestId);
      return;
    }
    if (request.responseMode === null) {
      connection.answer(400, '', invalidMode);
      return;
    }
    this.#state = to;
    const { payload, payloadBytes } = request;
    if (payloadBytes > limits.syncResponseBytesMax) connection.answer(413, '', tooLarge);
    else connection.answer(202, '', accepted);
    if (what === 'response') this.#events.onResponse(requestId, payload, payloadBytes);
    else
      this.#report(() =>
        this.#events.onError(requestId, request.errorType ?? 'Runtime.Unknown', payload, payloadBytes),
      );
  }

  #report(report: () => void): void {
    if (this.#servesNext) this.#held.hold(report);
    else report();
  }

  /** The runtime has ended: what it reported last counts, and comes before that. */
  settle(): void {
    this.#held.release();
  }

  /** For tests and shutdown: the handle is the driver's, this only stops using it. */
  detach(): void {
    this.close();
    this.#server.removeAllListeners('connection');
  }
}
