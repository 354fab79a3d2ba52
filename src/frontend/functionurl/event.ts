import { isUtf8 } from 'node:buffer';
import type { Caller } from '../../wire/caller.js';
import { userId } from '../userid.js';

/** What an event is made of: an HTTP request to a function URL, and who sent it. */
export interface UrlRequest {
  readonly urlId: string;
  readonly domainName: string;
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** As sent, without `?`: one byte per character. */
  readonly query: string;
  /** Names and values in turn, as sent: one byte per character. */
  readonly rawHeaders: readonly string[];
  /** `1.1` */
  readonly httpVersion: string;
  readonly sourceIp: string;
  readonly port: number;
  readonly requestId: string;
  readonly traceHeader: string;
  /** Epoch milliseconds. */
  readonly arrivedMs: number;
  readonly body: Buffer;
  /** Who signed the request; null: the URL asks nobody to. */
  readonly caller: Caller | null;
}

/**
 * The event that a function behind a URL gets: payload format 2.0. Sources: AWS documentation, "Invoking Lambda function
 * URLs", and events recorded from the service by AWS's Go library (cookies stay in `headers`, too; a signature does not).
 */
export function eventOf(request: UrlRequest): Buffer {
  const { headers, cookies } = headersOf(request);
  const parameters = queryParameters(request.query);
  const caller = request.caller;
  const isBase64Encoded = request.body.length > 0 && !isText(request.body, headers);
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: request.path,
    rawQueryString: request.query,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers,
    ...(parameters === null ? {} : { queryStringParameters: parameters }),
    requestContext: {
      accountId: caller?.account ?? 'anonymous',
      apiId: request.urlId,
      ...(caller === null ? {} : { authorizer: { iam: identityOf(caller) } }),
      domainName: request.domainName,
      domainPrefix: request.urlId,
      http: {
        method: request.method,
        path: request.path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: request.requestId,
      routeKey: '$default',
      stage: '$default',
      time: timeOf(request.arrivedMs),
      timeEpoch: request.arrivedMs,
    },
    ...(request.body.length === 0 ? {} : { body: request.body.toString(isBase64Encoded ? 'base64' : 'utf8') }),
    isBase64Encoded,
  };
  return Buffer.from(JSON.stringify(event));
}

/** Of the connection to the door, not of the request: the function does not see them. */
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Names in lower case; values of a header sent several times joined by commas, in order. */
function headersOf(request: UrlRequest): { headers: Readonly<Record<string, string>>; cookies: readonly string[] } {
  const found = new Map<string, string>();
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (connectionHeaders.has(name) || (name === 'authorization' && request.caller !== null)) continue;
    const before = found.get(name);
    const value = raw[i + 1] as string;
    // RFC 6265 and HTTP/2: several Cookie headers are one, joined by semicolons.
    found.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
  }
  const forwarded = found.get('x-forwarded-for');
  found.set('x-forwarded-for', forwarded === undefined ? request.sourceIp : `${forwarded},${request.sourceIp}`);
  // A proxy in front of us that speaks TLS says so itself.
  if (!found.has('x-forwarded-proto')) found.set('x-forwarded-proto', 'http');
  if (!found.has('x-forwarded-port')) found.set('x-forwarded-port', String(request.port));
  found.set('x-amzn-trace-id', rootOf(request.traceHeader));
  const cookies = (found.get('cookie') ?? '')
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '');
  return { headers: Object.fromEntries(found), cookies };
}

/** Names and values decoded; values of a name that comes several times joined by commas. Null: no query. */
function queryParameters(query: string): Readonly<Record<string, string>> | null {
  if (query === '') return null;
  const found = new Map<string, string>();
  // Bytes beyond ASCII are UTF-8, whether they come encoded or not.
  for (const [name, value] of new URLSearchParams(Buffer.from(query, 'latin1').toString('utf8'))) {
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before},${value}`);
  }
  return found.size === 0 ? null : Object.fromEntries(found);
}

const textTypes = /^(text\/|application\/(json|xml|javascript)\b|application\/[a-z0-9.+-]+\+(json|xml)\b)/;

/** Text goes as it is, everything else as base64: what is compressed, has no type or another one, or is no UTF-8. */
function isText(body: Buffer, headers: Readonly<Record<string, string>>): boolean {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false;
  return textTypes.test((headers['content-type'] ?? '').toLowerCase()) && isUtf8(body);
}

/** Nobody has a Cognito identity here, and no account belongs to an organization. */
function identityOf(caller: Caller): object {
  const id = userId(caller);
  return {
    accessKey: caller.accessKeyId,
    accountId: caller.account,
    callerId: id,
    cognitoIdentity: null,
    principalOrgId: null,
    userArn: caller.arn,
    userId: id,
  };
}

/** Only the root: parent and sampling are the function's own, in Lambda-Runtime-Trace-Id. */
function rootOf(traceHeader: string): string {
  return traceHeader.split(';').find((part) => part.startsWith('Root=')) ?? traceHeader;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `12/Mar/2020:19:03:58 +0000` */
function timeOf(epochMs: number): string {
  const date = new Date(epochMs);
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
