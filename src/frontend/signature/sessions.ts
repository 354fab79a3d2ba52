import { randomBytes } from 'node:crypto';
import type { AccountId } from '../../kernel/ids.js';
import { hourMs } from '../../kernel/units.js';
import { type Credential, type CredentialLookup, newCredential } from './credentials.js';

/** What a function's process signs its own requests with. */
export interface SessionCredential extends Credential {
  readonly sessionToken: string;
  readonly arn: string;
}

/** For whom a session is. */
export interface SessionOwner {
  readonly account: AccountId;
  readonly functionName: string;
  /** ARN of the function's role. Only its name is used: sessions are always of the function's own account. */
  readonly role: string;
}

interface Session {
  readonly owner: string;
  readonly credential: SessionCredential;
  readonly issuedMs: number;
}

/** A sandbox lives for 8 hours at most, and may be in its last invocation (15 minutes) or its init then. */
export const sessionMsMax = 12 * hourMs;
/** Sandboxes of one function that start within this time share a session; each has 10 hours of it left. */
const sharedMsMax = 2 * hourMs;
/** Seven sessions at a time for each of 10,000 functions at work. Beyond it the oldest end. */
const sessionsMax = 70_000;

/**
 * Temporary credentials of functions, beside the keys of the data folder. They are in memory only, as sandboxes are:
 * a platform that starts again knows neither.
 */
export class SessionCredentials implements CredentialLookup {
  readonly #store: CredentialLookup;
  readonly #now: () => number;
  readonly #keptMax: number;
  /** By access key, in the order of issue. */
  readonly #sessions = new Map<string, Session>();
  /** Of each owner the one issued last. */
  readonly #latest = new Map<string, Session>();
  #ended = 0;

  constructor(store: CredentialLookup, now: () => number = Date.now, keptMax = sessionsMax) {
    this.#store = store;
    this.#now = now;
    this.#keptMax = keptMax;
  }

  get generation(): number {
    return this.#store.generation + this.#ended;
  }

  lookup(accessKeyId: string): Credential | undefined {
    // Sessions look different from keys: those are not asked for in vain.
    if (!accessKeyId.startsWith('ASIA')) return this.#store.lookup(accessKeyId);
    this.sweep();
    return this.#sessions.get(accessKeyId)?.credential;
  }

  /** For a sandbox that starts now. */
  issue({ account, functionName, role }: SessionOwner): SessionCredential {
    this.sweep();
    const owner = `${account}/${functionName}/${role}`;
    const known = this.#latest.get(owner);
    const nowMs = this.#now();
    if (known !== undefined && nowMs - known.issuedMs < sharedMsMax) return known.credential;
    const key = newCredential(account);
    const credential: SessionCredential = {
      ...key,
      accessKeyId: `ASIA${key.accessKeyId.slice(4)}`,
      sessionToken: randomBytes(96).toString('base64'),
      arn: `arn:aws:sts::${account}:assumed-role/${role.split('/').at(-1)}/${functionName}`,
    };
    const session: Session = { owner, credential, issuedMs: nowMs };
    this.#sessions.set(credential.accessKeyId, session);
    this.#latest.set(owner, session);
    if (this.#sessions.size > this.#keptMax) this.#end(this.#sessions.values().next().value!);
    return credential;
  }

  /** Ends what is over. To be called now and then: signatures checked before are remembered until then. */
  sweep(): void {
    const nowMs = this.#now();
    for (const session of this.#sessions.values()) {
      if (nowMs - session.issuedMs < sessionMsMax) break;
      this.#end(session);
    }
  }

  #end(session: Session): void {
    this.#sessions.delete(session.credential.accessKeyId);
    if (this.#latest.get(session.owner) === session) this.#latest.delete(session.owner);
    // Keys derived from it are forgotten with it.
    this.#ended++;
  }
}
