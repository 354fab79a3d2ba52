import { hash } from 'node:crypto';
import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import { fail, type Result } from '../../kernel/result.js';
import { kib, minuteMs, secondMs } from '../../kernel/units.js';
import type { Caller } from '../../wire/caller.js';
import { amzDateOf, authorizationOf } from './authorization.js';
import { canonicalHeaders, canonicalPath, canonicalQuery } from './canonical.js';
import type { CredentialLookup } from './credentials.js';
import { SigningKeys, type SigningScope } from './signingkeys.js';

/** What a signature covers. Strings as node:http gives them: one byte per character. */
export interface SignedRequest {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** As sent, without `?`. */
  readonly query: string;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[];
}

/** A request whose key is known and whose date is in range; only its signature is not proven yet. */
export interface Claim {
  readonly scope: SigningScope;
  readonly signedHeaders: SignedHeaders;
  readonly signature: string;
  readonly amzDate: string;
  readonly presigned: boolean;
}

interface SignedHeaders {
  readonly text: string;
  readonly names: readonly string[];
  readonly hasHost: boolean;
}

export const emptyBodySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export function bodySha256(body: Buffer): string {
  return body.length === 0 ? emptyBodySha256 : hash('sha256', body, 'hex');
}

/** Lists of signed headers kept taken apart: a client has one or two per operation. When full the oldest goes. */
const signedHeaderListsMax = 1_024;
/** Headers are at most 16 KiB (node:http); the path and query grow at most threefold when encoded again. */
const scratchBytes = 64 * kib;

const messages = {
  invalidToken: 'The security token included in the request is invalid.',
  mismatch:
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
};

/**
 * Verifies SigV4 in two steps, so that a body is read only for a known key: `claim` needs the headers, `verify` also
 * the body's hash. Every invocation passes here; `bench` in the test file holds the time.
 */
export class SignatureVerifier {
  readonly #keys: SigningKeys;
  readonly #lists = new Map<string, SignedHeaders>();
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  #dateText = '';
  #dateMs = Number.NaN;

  constructor(credentials: CredentialLookup) {
    this.#keys = new SigningKeys(credentials);
  }

  /** `service`: the one that this path belongs to, which the credential has to name. */
  claim(request: SignedRequest, service: string, nowMs: number): Result<Claim> {
    const authorization = authorizationOf(request.rawHeaders, request.query);
    if (authorization === null) {
      return fail(apiFailure('MissingAuthenticationTokenException', 'Missing Authentication Token'));
    }
    if ('code' in authorization) return fail(authorization);

    const scope = this.#keys.cached(authorization.credential) ?? this.#newScope(authorization.credential);
    if ('code' in scope) return fail(scope);
    if (scope.service !== service) {
      return fail(invalid(`Credential should be scoped to correct service: '${service}'. `));
    }
    const expected = scope.credential.sessionToken ?? null;
    if (
      authorization.securityToken !== expected &&
      (expected === null || !sameText(authorization.securityToken ?? '', expected))
    ) {
      return fail(apiFailure('UnrecognizedClientException', messages.invalidToken));
    }
    const late = this.#dateFailure(authorization.amzDate, scope.date, authorization.expiresSeconds, nowMs);
    if (late) return fail(late);

    const signedHeaders = this.#signedHeaders(authorization.signedHeaders);
    if (!signedHeaders.hasHost) {
      return fail(invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    const unsigned = unsignedAmzHeader(request.rawHeaders, signedHeaders.names);
    if (unsigned) return fail(invalid(`'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`));
    return {
      ok: true,
      value: {
        scope,
        signedHeaders,
        signature: authorization.signature,
        amzDate: authorization.amzDate,
        presigned: authorization.expiresSeconds !== null,
      },
    };
  }

  /** `bodySha256Hex`: of the body as received. A header x-amz-content-sha256 is never believed in its place. */
  verify(claim: Claim, request: SignedRequest, bodySha256Hex: string): Result<Caller> {
    const canonical = `${request.method}\n${canonicalPath(request.path)}\n${canonicalQuery(
      request.query,
      claim.presigned ? 'X-Amz-Signature' : null,
    )}\n${canonicalHeaders(request.rawHeaders, claim.signedHeaders.names)}\n${claim.signedHeaders.text}\n${bodySha256Hex}`;

    const scratch = this.#scratch;
    let canonicalSha256: string;
    if (canonical.length <= scratch.length) {
      const length = scratch.write(canonical, 0, 'latin1');
      canonicalSha256 = hash('sha256', scratch.subarray(0, length), 'hex');
    } else {
      canonicalSha256 = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex');
    }
    if (!sameText(claim.scope.hmac.sign(claim.amzDate, canonicalSha256), claim.signature)) {
      return fail(invalid(messages.mismatch));
    }
    return claim.scope.caller;
  }

  #newScope(text: string): SigningScope | ApiFailure {
    const parts = text.split('/');
    if (parts.length !== 5) {
      return apiFailure(
        'IncompleteSignatureException',
        `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${text.slice(0, 256)}'.`,
      );
    }
    const [keyId, date, region, service, terminator] = parts as [string, string, string, string, string];
    if (terminator !== 'aws4_request') {
      return invalid(
        `Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator.slice(0, 64)}'.`,
      );
    }
    if (!isRegion(region))
      return invalid(`Credential should be scoped to a valid region, not '${region.slice(0, 64)}'. `);
    if (!services.has(service) || !/^\d{8}$/.test(date)) return invalid(messages.mismatch);
    return (
      this.#keys.derive(text, keyId, date, region, service) ??
      apiFailure('UnrecognizedClientException', messages.invalidToken)
    );
  }

  #dateFailure(amzDate: string, scopeDate: string, expiresSeconds: number | null, nowMs: number): ApiFailure | null {
    if (amzDate !== this.#dateText) {
      this.#dateMs = epochMsOf(amzDate);
      this.#dateText = amzDate;
    }
    const signedMs = this.#dateMs;
    if (Number.isNaN(signedMs)) {
      return apiFailure(
        'IncompleteSignatureException',
        `Date must be in ISO-8601 'basic format'. Got '${amzDate.slice(0, 64)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
      );
    }
    if (!amzDate.startsWith(scopeDate)) {
      return invalid(
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scopeDate}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`,
      );
    }
    if (expiresSeconds !== null && (expiresSeconds < 1 || expiresSeconds > limits.presignedSecondsMax)) {
      return invalid('X-Amz-Expires must be between 1 and 604800 seconds');
    }
    const validMs = expiresSeconds === null ? limits.clockSkewMsMax : expiresSeconds * secondMs;
    if (nowMs - signedMs > validMs) {
      const span = validMs % minuteMs === 0 ? `${validMs / minuteMs} min.` : `${validMs / secondMs} sec.`;
      return invalid(
        `Signature expired: ${amzDate} is now earlier than ${amzDateOf(nowMs - validMs)} (${amzDateOf(nowMs)} - ${span})`,
      );
    }
    if (signedMs - nowMs > limits.clockSkewMsMax) {
      const latest = amzDateOf(nowMs + limits.clockSkewMsMax);
      return invalid(
        `Signature not yet current: ${amzDate} is still later than ${latest} (${amzDateOf(nowMs)} + ${limits.clockSkewMsMax / minuteMs} min.)`,
      );
    }
    return null;
  }

  #signedHeaders(text: string): SignedHeaders {
    const known = this.#lists.get(text);
    if (known) return known;
    const names = text.toLowerCase().split(';');
    const list: SignedHeaders = { text, names, hasHost: names.includes('host') || names.includes(':authority') };
    if (this.#lists.size >= signedHeaderListsMax) {
      const oldest = this.#lists.keys().next();
      if (!oldest.done) this.#lists.delete(oldest.value);
    }
    this.#lists.set(text, list);
    return list;
  }
}

function invalid(message: string): ApiFailure {
  return apiFailure('InvalidSignatureException', message);
}

/** Services behind this door. */
const services: ReadonlySet<string> = new Set(['lambda', 'logs', 'sts', 'iam']);

/** Any well-formed region is a region here: `us-east-1`, `eu-west-2`, `us-gov-west-1`. */
function isRegion(text: string): boolean {
  return text.length <= 32 && /^[a-z]{2}(-[a-z]+){1,3}-\d{1,2}$/.test(text);
}

/** Takes the same time wherever the texts differ; lengths are no secret. */
export function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Of `20260101T000000Z`; NaN when it is not such a date. */
function epochMsOf(text: string): number {
  if (text.length !== 16 || text[8] !== 'T' || text[15] !== 'Z') return Number.NaN;
  return Date.UTC(
    digits(text, 0, 4),
    digits(text, 4, 6) - 1,
    digits(text, 6, 8),
    digits(text, 9, 11),
    digits(text, 11, 13),
    digits(text, 13, 15),
  );
}

/**
 * An `x-amz-*` header that is not covered by the signature could have been added by anyone, so it refuses the request.
 * Two are harmless, and some signers leave them out: the client's name, and the body's hash (never used, see verify).
 */
function unsignedAmzHeader(raw: readonly string[], signed: readonly string[]): string | null {
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length < 7 || name.charCodeAt(5) !== 45 || name.charCodeAt(1) !== 45) continue;
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-') || signed.includes(lower)) continue;
    if (lower !== 'x-amz-user-agent' && lower !== 'x-amz-content-sha256') return name;
  }
  return null;
}
