import { createHash } from 'node:crypto';
import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { headerOf, uriDecodeBytes } from './canonical.js';

/** Where a request says who signed it and how, taken apart but not believed. */
export interface Authorization {
  /** `AKID/DATE/REGION/SERVICE/aws4_request`. */
  readonly credential: string;
  /** Lower-case names joined by `;`. */
  readonly signedHeaders: string;
  /** 64 hex digits. */
  readonly signature: string;
  /** `20260101T000000Z`. */
  readonly amzDate: string;
  /** Null: in the header. Otherwise seconds of validity. */
  readonly expiresSeconds: number | null;
  readonly securityToken: string | null;
}

const algorithm = 'AWS4-HMAC-SHA256';
const prefix = `${algorithm} `;

function incomplete(message: string): ApiFailure {
  return apiFailure('IncompleteSignatureException', message);
}

/** AWS shows malformed headers only hashed since 2023, so that logs hold no credentials. */
function hashed(text: string): string {
  const digest = createHash('sha256').update(text, 'latin1').digest('base64');
  return `(hashed with SHA-256 and encoded with Base64): '${digest}'.`;
}

/** `raw` is node:http's rawHeaders, `query` the raw query. Null: the request is not signed at all. */
export function authorizationOf(raw: readonly string[], query: string): Authorization | ApiFailure | null {
  const header = headerOf(raw, 'authorization');
  if (header !== null) return fromHeader(header, raw);
  return query.indexOf('X-Amz-') >= 0 || query.indexOf('X-Amz%2D') >= 0 ? fromQuery(query) : null;
}

function fromHeader(header: string, raw: readonly string[]): Authorization | ApiFailure {
  if (!header.startsWith(prefix)) {
    const space = header.indexOf(' ');
    const scheme = space < 0 ? header : header.slice(0, space);
    if (scheme.startsWith('AWS4-')) return incomplete(`Unsupported AWS 'algorithm': '${scheme}'.`);
    return incomplete(`Invalid key=value pair (missing equal-sign) in Authorization header ${hashed(header)}`);
  }
  let credential: string | null = null;
  let signedHeaders: string | null = null;
  let signature: string | null = null;
  for (let at = prefix.length; at < header.length; ) {
    let end = header.indexOf(',', at);
    if (end < 0) end = header.length;
    while (header.charCodeAt(at) === 32) at++;
    const equals = header.indexOf('=', at);
    if (equals < 0 || equals > end) {
      return incomplete(`Invalid key=value pair (missing equal-sign) in Authorization header ${hashed(header)}`);
    }
    let stop = end;
    while (header.charCodeAt(stop - 1) === 32) stop--;
    const value = header.slice(equals + 1, stop);
    switch (header.slice(at, equals)) {
      case 'Credential':
        credential = value;
        break;
      case 'SignedHeaders':
        signedHeaders = value;
        break;
      case 'Signature':
        signature = value;
        break;
    }
    at = end + 1;
  }
  const amzDate = headerOf(raw, 'x-amz-date') ?? isoDate(headerOf(raw, 'date'));
  if (!credential || !signature || !signedHeaders || amzDate === null) {
    let message = '';
    if (!credential) message += "Authorization header requires 'Credential' parameter. ";
    if (!signature) message += "Authorization header requires 'Signature' parameter. ";
    if (!signedHeaders) message += "Authorization header requires 'SignedHeaders' parameter. ";
    if (amzDate === null) {
      message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    return incomplete(`${message}${hashed(header)}`);
  }
  return {
    credential,
    signedHeaders,
    signature,
    amzDate,
    expiresSeconds: null,
    securityToken: headerOf(raw, 'x-amz-security-token'),
  };
}

/** The Date header in ISO 8601's basic form, which the string to sign wants. */
function isoDate(date: string | null): string | null {
  if (date === null) return null;
  if (/^\d{8}T\d{6}Z$/.test(date)) return date;
  const ms = Date.parse(date);
  return Number.isNaN(ms) ? null : amzDateOf(ms);
}

/** `20260101T000000Z`. */
export function amzDateOf(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/** Seconds an URL without X-Amz-Expires is valid: as long as a signed header. */
const expiresSecondsDefault = 300;

function fromQuery(query: string): Authorization | ApiFailure | null {
  const found = new Map<string, string>();
  for (const part of query.split('&')) {
    const equals = part.indexOf('=');
    const name = uriDecodeBytes(equals < 0 ? part : part.slice(0, equals));
    if (name.startsWith('X-Amz-')) found.set(name, equals < 0 ? '' : uriDecodeBytes(part.slice(equals + 1)));
  }
  if (found.size === 0) return null;
  const given = found.get('X-Amz-Algorithm');
  if (given !== undefined && given !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${given}'.`);
  const credential = found.get('X-Amz-Credential');
  const signature = found.get('X-Amz-Signature');
  const signedHeaders = found.get('X-Amz-SignedHeaders');
  const amzDate = found.get('X-Amz-Date');
  if (!given || !credential || !signature || !signedHeaders || !amzDate) {
    let message = '';
    if (!given) message += "AWS query-string parameters must include 'X-Amz-Algorithm'. ";
    if (!credential) message += "AWS query-string parameters must include 'X-Amz-Credential'. ";
    if (!signature) message += "AWS query-string parameters must include 'X-Amz-Signature'. ";
    if (!signedHeaders) message += "AWS query-string parameters must include 'X-Amz-SignedHeaders'. ";
    if (!amzDate) message += "AWS query-string parameters must include 'X-Amz-Date'. ";
    return incomplete(`${message}Re-examine the query-string parameters.`);
  }
  const expires = found.get('X-Amz-Expires');
  if (expires !== undefined && !/^\d{1,9}$/.test(expires)) return incomplete('X-Amz-Expires should be a number');
  return {
    credential,
    signedHeaders,
    signature,
    amzDate,
    expiresSeconds: expires === undefined ? expiresSecondsDefault : Number(expires),
    securityToken: found.get('X-Amz-Security-Token') ?? null,
  };
}
