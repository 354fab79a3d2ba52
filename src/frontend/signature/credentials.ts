import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { assert } from '../../kernel/assert.js';
import type { AccountId, Region } from '../../kernel/ids.js';

export interface Credential {
  readonly account: AccountId;
  /** `AKIA` (long-lived) or `ASIA` (with a session token) and 16 characters of A–Z, 2–7. */
  readonly accessKeyId: string;
  /** 40 characters. Never logged. */
  readonly secretAccessKey: string;
  /** When set, requests must carry it as X-Amz-Security-Token. */
  readonly sessionToken?: string;
  /** ARN of the identity. Default: the account's root. */
  readonly arn?: string;
}

/** What the signature check needs to know of the store. */
export interface CredentialLookup {
  lookup(accessKeyId: string): Credential | undefined;
  /** Grows with every change: caches of derived keys empty themselves when it does. */
  readonly generation: number;
}

interface CredentialFile {
  readonly version: 1;
  readonly defaultRegion: string;
  /** Key of the HMAC over download URLs, base64. */
  readonly urlSecret: string;
  readonly credentials: readonly Credential[];
}

export const defaultAccount = '123456789012' as AccountId;
export const defaultRegion = 'us-east-1' as Region;
/** More than any installation has; keeps a damaged file from filling the memory. */
const credentialsMax = 100_000;

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function newCredential(account: AccountId): Credential {
  let accessKeyId = 'AKIA';
  for (const byte of randomBytes(16)) accessKeyId += base32[byte & 31];
  // 30 random bytes are 40 characters of base64, without padding.
  return { account, accessKeyId, secretAccessKey: randomBytes(30).toString('base64') };
}

/**
 * The accounts and keys of one data folder: `credentials.json`, mode 0600, replaced atomically. The command line may
 * add keys while the platform runs: an unknown key makes the store look at the file again.
 */
export class CredentialStore implements CredentialLookup {
  readonly #path: string;
  #file: CredentialFile;
  #byKey = new Map<string, Credential>();
  #stamp = '';
  generation = 0;

  private constructor(path: string) {
    this.#path = path;
    // Before the file: one replaced in between must look like another one the next time.
    this.#stamp = fileStamp(path);
    this.#file = read(path);
    this.#index();
  }

  /** Loads the folder's credentials; on first use makes the default account with one key. Throws on a damaged file. */
  static open(folder: string): CredentialStore {
    const path = join(folder, 'credentials.json');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!fileStamp(path)) {
      writeAtomically(path, {
        version: 1,
        defaultRegion,
        urlSecret: randomBytes(32).toString('base64'),
        credentials: [newCredential(defaultAccount)],
      });
    }
    return new CredentialStore(path);
  }

  get defaultRegion(): Region {
    return this.#file.defaultRegion as Region;
  }

  /** 32 bytes. */
  get urlSecret(): Buffer {
    return Buffer.from(this.#file.urlSecret, 'base64');
  }

  /** Never empty; the first is the one that `hearth env` exports. */
  list(): readonly Credential[] {
    return this.#file.credentials;
  }

  lookup(accessKeyId: string): Credential | undefined {
    const found = this.#byKey.get(accessKeyId);
    if (found) return found;
    // Guessing keys costs a look at the file's state (some microseconds), never a read of an unchanged file.
    if (fileStamp(this.#path) === this.#stamp) return undefined;
    try {
      this.#reread();
    } catch {
      return undefined; // Damaged while we run: what was read before counts, until it changes once more.
    }
    return this.#byKey.get(accessKeyId);
  }

  /** Adds a key; the account (12 digits) may be new. Durable when it returns. */
  add(account: AccountId): Credential {
    assert(/^\d{12}$/.test(account), 'an account id has 12 digits');
    this.#reread();
    const credential = newCredential(account);
    writeAtomically(this.#path, { ...this.#file, credentials: [...this.#file.credentials, credential] }, true);
    this.#reread();
    return credential;
  }

  #reread(): void {
    this.#stamp = fileStamp(this.#path);
    this.#file = read(this.#path);
    this.#index();
  }

  #index(): void {
    this.#byKey = new Map(this.#file.credentials.map((credential) => [credential.accessKeyId, credential]));
    this.generation++;
  }
}

/** Changes with the file; empty when there is none. */
function fileStamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}/${stat.size}/${stat.mtimeMs}` : '';
}

function read(path: string): CredentialFile {
  let file: CredentialFile;
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as CredentialFile;
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message}`);
  }
  const sound =
    file?.version === 1 &&
    typeof file.defaultRegion === 'string' &&
    typeof file.urlSecret === 'string' &&
    Array.isArray(file.credentials) &&
    file.credentials.length > 0 &&
    file.credentials.length <= credentialsMax &&
    file.credentials.every(
      (each) =>
        /^\d{12}$/.test(each.account) &&
        typeof each.accessKeyId === 'string' &&
        typeof each.secretAccessKey === 'string',
    );
  if (!sound) throw new Error(`${path} is damaged: restore it, or remove it to get new keys`);
  return file;
}

/** Durable and whole or not at all. Without `replace` an existing file wins: two first starts agree on one key. */
function writeAtomically(path: string, file: CredentialFile, replace = false): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(file, null, 2)}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    if (replace) renameSync(temporary, path);
    else linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}
