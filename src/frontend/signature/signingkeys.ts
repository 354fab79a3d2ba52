import { createHmac } from 'node:crypto';
import type { AccountId, Region } from '../../kernel/ids.js';
import { ok, type Result } from '../../kernel/result.js';
import type { Caller } from '../../wire/caller.js';
import type { Credential, CredentialLookup } from './credentials.js';
import { StringToSignHmac } from './stringtosignhmac.js';

/**
 * A credential scope that passed all checks which do not depend on the request, with everything derived from it.
 * Requests of one client on one day share it, so nearly every request finds it ready.
 */
export interface SigningScope {
  /** `AKID/20260101/us-east-1/lambda/aws4_request`, as sent. */
  readonly text: string;
  /** YYYYMMDD. */
  readonly date: string;
  readonly service: string;
  readonly credential: Credential;
  readonly caller: Result<Caller>;
  readonly hmac: StringToSignHmac;
}

/**
 * Scopes kept. A client uses one per region, service and day; 4,096 × ~1 KiB is 4 MiB. When full the oldest goes,
 * which costs its next request four HMACs (10 µs).
 */
const scopesMax = 4_096;

function hmac(key: Buffer | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** The four chained HMACs of SigV4. */
export function signingKey(secret: string, date: string, region: string, service: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), 'aws4_request');
}

export class SigningKeys {
  readonly #credentials: CredentialLookup;
  readonly #scopes = new Map<string, SigningScope>();
  #generation = -1;

  constructor(credentials: CredentialLookup) {
    this.#credentials = credentials;
  }

  /** A scope seen before, if its key is still the same. */
  cached(text: string): SigningScope | undefined {
    if (this.#generation !== this.#credentials.generation) {
      this.#scopes.clear();
      this.#generation = this.#credentials.generation;
    }
    return this.#scopes.get(text);
  }

  /** Null: no such access key. The parts are checked by the caller. */
  derive(text: string, keyId: string, date: string, region: string, service: string): SigningScope | null {
    const credential = this.#credentials.lookup(keyId);
    if (!credential) return null;
    const key = signingKey(credential.secretAccessKey, date, region, service);
    const caller = ok<Caller>({
      account: credential.account as AccountId,
      region: region as Region,
      accessKeyId: keyId,
      arn: credential.arn ?? `arn:aws:iam::${credential.account}:root`,
    });
    const hmac = new StringToSignHmac(key, text.slice(keyId.length + 1));
    const scope: SigningScope = { text, date, service, credential, caller, hmac };
    if (this.cached(text) === undefined && this.#scopes.size >= scopesMax) {
      const oldest = this.#scopes.keys().next();
      if (!oldest.done) this.#scopes.delete(oldest.value);
    }
    this.#scopes.set(text, scope);
    return scope;
  }
}
