import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { IamApi } from '../iam/operations.js';
import { InvariantError } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import { kib, mib, secondMs } from '../kernel/units.js';
import type { OperationName } from '../wire/lambda/operations.js';
import { route } from '../wire/lambda/router.js';
import { healthEndpoint, SnapshotsEndpoint, StatusEndpoint, snapshotsPath } from './admin.js';
import { BodyBudget } from './bodybudget.js';
import { readBody, refusedByLength } from './bodyreader.js';
import { CodeEndpoint, codePrefix, type SignedCodeUrls } from './codeurls.js';
import type { Endpoint } from './endpoint.js';
import { Exchange } from './exchange.js';
import { addressOfHost, addressOfPath, urlPathPrefix } from './functionurl/address.js';
import { FunctionUrlEndpoint, type UrlDirectory, type UrlPorts } from './functionurl/endpoint.js';
import { IamEndpoint } from './iam.js';
import type { InvokePorts } from './invoke.js';
import { lambdaEndpoints } from './lambda.js';
import { LogsEndpoint } from './logs.js';
import { MetricsEndpoint, type MetricsSource } from './metrics.js';
import type { CodeSource, LogsApi, SnapshotSource, StatusSource } from './ports.js';
import { isServed, notServed, signedService } from './rootservice.js';
import type { CredentialLookup } from './signature/credentials.js';
import { type Claim, SignatureVerifier } from './signature/sigv4.js';
import { StsEndpoint } from './sts.js';
import { WhyEndpoint, type WhySource, whyPath } from './why.js';
import { type WorkerSource, WorkersEndpoint, workersPath } from './workers.js';

/** Bounds of the door. Tests make them small; the defaults carry their reasons. */
export interface ServerLimits {
  /** Bodies of all requests together: three of the largest code uploads, or 40 of the largest payloads, at once. */
  readonly bodyBytesMax: number;
  /** Open connections; more are closed at once by node:net. Each costs some 10 KiB. */
  readonly connectionsMax: number;
  /** A client has this long to send its headers … */
  readonly headersMsMax: number;
  /** … and this long for the whole request: 70 MB at 5 Mbit/s. */
  readonly requestMsMax: number;
  /** An unused connection is kept longer than the SDKs and common balancers keep theirs, so that the client closes it. */
  readonly keepAliveMs: number;
  /** How often the two above are looked at. */
  readonly checkMs: number;
}

export const serverLimits: ServerLimits = {
  bodyBytesMax: 256 * mib,
  connectionsMax: 8_192,
  headersMsMax: 20 * secondMs,
  requestMsMax: 120 * secondMs,
  keepAliveMs: 75 * secondMs,
  checkMs: 5 * secondMs,
};
/** Node's own default, stated because the signature check counts on it. */
const headerBytesMax = 16 * kib;

export interface FrontEndOptions extends InvokePorts {
  readonly credentials: CredentialLookup;
  /**
   * Who answers the operations of the Lambda API: a method each, in lower camel case; the first owner that has one.
   * Operations without one answer that they are not available.
   */
  readonly config: object | readonly object[];
  readonly urls: UrlDirectory;
  readonly logs: LogsApi;
  readonly code: CodeSource;
  readonly codeUrls: SignedCodeUrls;
  readonly status: StatusSource;
  /** Absent: the isolation in force has no snapshots. */
  readonly snapshots?: SnapshotSource;
  readonly iam: IamApi;
  /** Absent: nothing is remembered of invocations, nothing counted. */
  readonly why?: WhySource;
  readonly metrics?: MetricsSource;
  readonly workers?: WorkerSource;
  /** Hears of errors in our own code that made a request fail with 500. */
  readonly onError: (error: unknown) => void;
  readonly now?: () => number;
  readonly limits?: Partial<ServerLimits>;
}

/** Time to take the answer to malformed HTTP. */
const malformedLingerMs = 2 * secondMs;

/** While closing: how often connections that fell idle are closed. */
const closeSweepMs = 20;

const invokePrefix = '/2015-03-31/functions/';

/** The HTTP door: one port for Lambda, CloudWatch Logs, STS and Hearth's own `/_hearth/` paths. */
export class FrontEnd {
  readonly #server: Server;
  readonly #verifier: SignatureVerifier;
  readonly #budget: BodyBudget;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;
  readonly #lambda: ReadonlyMap<OperationName, Endpoint>;
  readonly #urls: UrlPorts;
  readonly #logs: Endpoint;
  readonly #sts: Endpoint;
  readonly #code: Endpoint;
  readonly #status: Endpoint;
  readonly #snapshots: Endpoint | null;
  readonly #iam: Endpoint;
  readonly #why: Endpoint | null;
  readonly #metrics: Endpoint | null;
  readonly #workers: Endpoint | null;

  constructor(options: FrontEndOptions) {
    const bounds = { ...serverLimits, ...options.limits };
    this.#verifier = new SignatureVerifier(options.credentials);
    this.#budget = new BodyBudget(bounds.bodyBytesMax);
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError;
    this.#lambda = lambdaEndpoints(options.config, options);
    this.#urls = options;
    this.#logs = new LogsEndpoint(options.logs);
    this.#sts = new StsEndpoint(options.credentials);
    this.#code = new CodeEndpoint(options.codeUrls, options.code);
    this.#status = new StatusEndpoint(options.status);
    this.#snapshots = options.snapshots === undefined ? null : new SnapshotsEndpoint(options.snapshots);
    this.#iam = new IamEndpoint(options.iam);
    this.#why = options.why === undefined ? null : new WhyEndpoint(options.why);
    this.#metrics = options.metrics === undefined ? null : new MetricsEndpoint(options.metrics);
    this.#workers = options.workers === undefined ? null : new WorkersEndpoint(options.workers);
    this.#server = createServer({
      maxHeaderSize: headerBytesMax,
      headersTimeout: bounds.headersMsMax,
      requestTimeout: bounds.requestMsMax,
      keepAliveTimeout: bounds.keepAliveMs,
      connectionsCheckingInterval: bounds.checkMs,
      noDelay: true,
    });
    this.#server.maxConnections = bounds.connectionsMax;
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) => this.#begin(req, res, false));
    this.#server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => this.#begin(req, res, true));
    this.#server.on('clientError', onClientError);
  }

  /** Resolves with the port in use; `port` 0 picks a free one. Rejects when the address cannot be had. */
  listen(port: number, host = '127.0.0.1'): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Bytes of bodies held now. */
  get bodyBytes(): number {
    return this.#budget.bytes;
  }

  /** Takes no new connections, lets running requests end for `graceMs`, then cuts what is left. */
  close(graceMs = 0): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#server.closeAllConnections(), graceMs);
      // Connections fall idle one by one as their requests end, and would then wait for keepAliveMs.
      const sweep = setInterval(() => this.#server.closeIdleConnections(), closeSweepMs);
      this.#server.close(() => {
        clearTimeout(timer);
        clearInterval(sweep);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  #begin(req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): void {
    const exchange = new Exchange(req, res, this.#budget, this.#now());
    try {
      const endpoint = this.#endpointOf(exchange);
      if (endpoint === null) return;
      exchange.protocol = endpoint.protocol;
      let claim: Claim | null = null;
      if (endpoint.service !== null) {
        const claimed = this.#verifier.claim(exchange, endpoint.service, exchange.arrivedMs);
        if (!claimed.ok) {
          const unsigned = claimed.failure.code === 'MissingAuthenticationTokenException';
          exchange.refuse((unsigned ? endpoint.unsigned : undefined) ?? claimed.failure);
          return;
        }
        claim = claimed.value;
      }
      if (refusedByLength(exchange, endpoint.limit)) return;
      if (expectsContinue) res.writeContinue();
      readBody(exchange, endpoint.limit, (bodySha256Hex) => this.#proceed(exchange, endpoint, claim, bodySha256Hex));
    } catch (error) {
      this.#failed(exchange, error);
    }
  }

  #proceed(exchange: Exchange, endpoint: Endpoint, claim: Claim | null, bodySha256Hex: string): void {
    try {
      if (claim !== null) {
        const caller = this.#verifier.verify(claim, exchange, bodySha256Hex);
        if (!caller.ok) {
          exchange.fail(caller.failure);
          return;
        }
        exchange.caller = caller.value;
      }
      endpoint.handle(exchange)?.catch((error: unknown) => this.#failed(exchange, error));
    } catch (error) {
      this.#failed(exchange, error);
    }
  }

  /** A broken invariant ends the process; any other error of ours costs this request only. */
  #failed(exchange: Exchange, error: unknown): void {
    exchange.fail(apiFailure('ServiceException', 'An error occurred and the request cannot be processed.'));
    this.#onError(error);
    if (error instanceof InvariantError) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Null: there is none, and the client has its answer. */
  #endpointOf(exchange: Exchange): Endpoint | null {
    const { method, path } = exchange;
    const address = addressOfHost(exchange.rawHeaders, path);
    if (address !== null) return FunctionUrlEndpoint.for(this.#urls, exchange, address);
    if (!path.startsWith(invokePrefix)) {
      if (path === '/') return this.#rootEndpoint(exchange);
      if (path.startsWith(urlPathPrefix)) {
        return FunctionUrlEndpoint.for(this.#urls, exchange, addressOfPath(path));
      }
      if (path.startsWith('/_hearth/') || path === '/metrics') return this.#adminEndpoint(exchange);
    }
    const found = route(method, path, exchange.query === '' ? null : new URLSearchParams(exchange.query));
    if (found.kind === 'operation') {
      exchange.pathParameters = found.pathParameters;
      return this.#lambda.get(found.operation) as Endpoint;
    }
    return this.#unknown(exchange);
  }

  /** Services without paths of their own: the JSON one names its operation in a header, the query one in a form. */
  #rootEndpoint(exchange: Exchange): Endpoint | null {
    const { headers } = exchange.req;
    const isJson = headers['x-amz-target'] !== undefined;
    const service = signedService(headers.authorization, exchange.query);
    if (service !== null && !isServed(service)) {
      exchange.protocol = isJson ? 'json-1.1' : 'query';
      exchange.refuse(apiFailure('UnknownOperationException', notServed(service)));
      return null;
    }
    const form = service === 'iam' ? this.#iam : this.#sts;
    if (exchange.method === 'POST') return isJson ? this.#logs : form;
    if (exchange.method === 'GET' && exchange.query.includes('Action=')) return form;
    return this.#unknown(exchange);
  }

  #adminEndpoint(exchange: Exchange): Endpoint | null {
    if (exchange.method === 'GET' || exchange.method === 'HEAD') {
      if (exchange.path === '/_hearth/health') return healthEndpoint;
      if (exchange.path === '/_hearth/status') return this.#status;
      if (this.#snapshots !== null && `${exchange.path}/`.startsWith(`${snapshotsPath}/`)) return this.#snapshots;
      if (this.#why !== null && `${exchange.path}/`.startsWith(`${whyPath}/`)) return this.#why;
      if (this.#metrics !== null && exchange.path === '/metrics') return this.#metrics;
      if (exchange.path.startsWith(codePrefix)) return this.#code;
    }
    if (this.#workers !== null && `${exchange.path}/`.startsWith(`${workersPath}/`)) return this.#workers;
    return this.#unknown(exchange);
  }

  #unknown(exchange: Exchange): null {
    const shown = exchange.path.length > 256 ? `${exchange.path.slice(0, 256)}…` : exchange.path;
    exchange.refuse(apiFailure('UnknownOperationException', `Unknown operation: ${exchange.method} ${shown}`));
    return null;
  }
}

/** Requests that node:http cannot read: no exchange exists, so the answer is written by hand. */
function onClientError(
  error: NodeJS.ErrnoException,
  socket: Socket | (NodeJS.WritableStream & { destroy(): void }),
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  let status = '400 Bad Request';
  let message = 'The request is not well-formed HTTP.';
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    status = '431 Request Header Fields Too Large';
    message = `Headers must be smaller than ${headerBytesMax} bytes.`;
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    status = '408 Request Timeout';
    message = 'The request took too long to arrive.';
  }
  const body = JSON.stringify({ message });
  // A client that neither reads nor closes must not keep the connection.
  setTimeout(() => socket.destroy(), malformedLingerMs).unref();
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}
