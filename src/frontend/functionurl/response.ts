import { validateHeaderName, validateHeaderValue } from 'node:http';
import { HttpPreludeReader } from '../../wire/httpprelude.js';

/** An HTTP answer, from a function's result. */
export interface UrlResponse {
  readonly status: number;
  /** Names and values in turn, one byte per character; always with a Content-Type. */
  readonly headers: string[];
  readonly body: Buffer;
}

/** Status and headers, from a result or from the prelude of a stream. */
export interface UrlResponseHead {
  readonly status: number;
  readonly headers: string[];
}

const jsonType = 'application/json';

/**
 * The answer that a function's result means; null when it is none, which is a 502. Sources: AWS documentation,
 * "Invoking Lambda function URLs", and answers recorded from the service: a result without statusCode is the body itself,
 * JSON without spaces, a text without its quotes.
 */
export function responseOf(payload: Buffer): UrlResponse | null {
  let result: unknown;
  try {
    result = JSON.parse(payload.toString('utf8'));
  } catch {
    return responseOfOther(payload);
  }
  if (typeof result === 'string') return plain(Buffer.from(result));
  const statusCode = isObject(result) ? result.statusCode : undefined;
  if (!isObject(result) || statusCode === undefined || statusCode === null) return plain(withoutSpaces(payload));
  const head = headOf(result);
  const body = bodyOf(result);
  return head === null || body === null ? null : { ...head, body };
}

/** What a handler that streams has written, where the URL buffers; or bytes of a runtime that sends no JSON. */
function responseOfOther(payload: Buffer): UrlResponse | null {
  const found = new HttpPreludeReader().push(payload);
  if (found === null || 'problem' in found) return plain(payload);
  const head = headOf(found.prelude, 200);
  return head === null ? null : { ...head, body: found.rest };
}

/**
 * Status, headers and cookies of a result or of a stream's prelude; null when they are none. `statusDefault`: where a
 * missing status is no error.
 */
export function headOf(
  result: Readonly<Record<string, unknown>>,
  statusDefault: number | null = null,
): UrlResponseHead | null {
  const status = statusOf(result.statusCode ?? statusDefault);
  if (status === null) return null;
  const headers: string[] = [];
  let typed = false;
  const given = result.headers ?? {};
  if (!isObject(given)) return null;
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    if (typeof value === 'object' || !addHeader(headers, sentName(name), String(value))) return null;
    if (name.toLowerCase() === 'content-type') typed = true;
  }
  const cookies = result.cookies ?? [];
  if (!Array.isArray(cookies)) return null;
  for (const cookie of cookies) {
    if (typeof cookie !== 'string' || !addHeader(headers, 'Set-Cookie', cookie)) return null;
  }
  if (!typed) headers.push('Content-Type', jsonType);
  return { status, headers };
}

/** Also as text, as the service takes it. Interim answers (1xx) are not the function's to give. */
function statusOf(value: unknown): number | null {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599 ? status : null;
}

function bodyOf(result: Readonly<Record<string, unknown>>): Buffer | null {
  const { body, isBase64Encoded } = result;
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body));
  if (isBase64Encoded !== true) return Buffer.from(body);
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(body) ? Buffer.from(body, 'base64') : null;
}

/** Headers that belong to the connection or to the service: a function's own travel under another name. */
const remapped: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'server',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
  'x-amzn-requestid',
  'x-amzn-trace-id',
]);

function sentName(name: string): string {
  return remapped.has(name.toLowerCase()) ? `x-amzn-Remapped-${name}` : name;
}

/** False: not a header. Values beyond ASCII go as UTF-8. */
function addHeader(headers: string[], name: string, value: string): boolean {
  const bytes = Buffer.from(value, 'utf8').toString('latin1');
  try {
    validateHeaderName(name);
    validateHeaderValue(name, bytes);
  } catch {
    return false;
  }
  headers.push(name, bytes);
  return true;
}

function plain(body: Buffer): UrlResponse {
  return { status: 200, headers: ['Content-Type', jsonType], body };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const quote = 34;
const backslash = 92;

/** JSON without the spaces between its tokens. Not written anew: numbers and texts stay as the function wrote them. */
export function withoutSpaces(json: Buffer): Buffer {
  const out = Buffer.allocUnsafe(json.length);
  let length = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (quoted) {
      out[length++] = byte;
      if (byte === backslash) out[length++] = json[++i] as number;
      else if (byte === quote) quoted = false;
    } else if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) {
      out[length++] = byte;
      quoted = byte === quote;
    }
  }
  return out.subarray(0, length);
}
