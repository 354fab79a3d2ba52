import { hkdfSync, randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { assert } from '../kernel/assert.js';

/** Where the keyring's one secret is kept: a file of its own (`fileKeyStore`), or a key service. */
export interface KeyStore {
  load(): Promise<Uint8Array | null>;
  /** Replaces all or nothing; resolves once durable. */
  save(bytes: Uint8Array): Promise<void>;
}

/**
 * Within which equal bytes become one chunk: `platform` (guest images, OS and runtime layers, which every account
 * reads) or an account's id. An account never shares chunks of its own with another.
 */
export type Scope = string;
export const platformScope: Scope = 'platform';

interface KeyFile {
  readonly version: 1;
  /** 32 bytes, base64: everything else is derived from it. */
  readonly secret: string;
  /** Of scopes whose salt was rotated: how often. */
  readonly saltGenerations: Record<Scope, number>;
}

/**
 * Salts and keys of the chunk plane, all derived (HKDF-SHA256) from one random secret: nothing else to keep, to back up
 * or to lose. Who has the secret can read every manifest and so every chunk; nobody else can read one.
 */
export class Keyring {
  readonly #store: KeyStore;
  readonly #secret: Buffer;
  readonly #saltGenerations: Map<Scope, number>;

  private constructor(store: KeyStore, file: KeyFile) {
    this.#store = store;
    this.#secret = Buffer.from(file.secret, 'base64');
    assert(this.#secret.length === 32, 'the keyring has no secret of 32 bytes');
    this.#saltGenerations = new Map(Object.entries(file.saltGenerations));
  }

  /** Opens the stored keyring, or makes one. One process at a time changes it (the data folder's owner). */
  static async open(store: KeyStore): Promise<Keyring> {
    const stored = await store.load();
    if (stored !== null) return new Keyring(store, JSON.parse(Buffer.from(stored).toString('utf8')) as KeyFile);
    const keyring = new Keyring(store, {
      version: 1,
      secret: randomBytes(32).toString('base64'),
      saltGenerations: {},
    });
    await keyring.#save();
    return keyring;
  }

  /** Salt for new chunks of a scope, 32 bytes. */
  salt(scope: Scope): Buffer {
    return this.#derive(`chunk salt ${this.saltGeneration(scope)} of ${scope}`);
  }

  /** Key that manifests of an account (or of the platform) are encrypted with, 32 bytes. */
  manifestKey(scope: Scope): Buffer {
    return this.#derive(`manifest key of ${scope}`);
  }

  saltGeneration(scope: Scope): number {
    return this.#saltGenerations.get(scope) ?? 0;
  }

  /**
   * From now on new chunks of the scope equal none of its old ones. Old chunks stay readable (their keys are in
   * manifests): they go with the manifests that name them.
   */
  async rotateSalt(scope: Scope): Promise<void> {
    this.#saltGenerations.set(scope, this.saltGeneration(scope) + 1);
    await this.#save();
  }

  #derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, Buffer.alloc(0), `hearth ${purpose}`, 32));
  }

  async #save(): Promise<void> {
    const file: KeyFile = {
      version: 1,
      secret: this.#secret.toString('base64'),
      saltGenerations: Object.fromEntries(this.#saltGenerations),
    };
    await this.#store.save(Buffer.from(JSON.stringify(file)));
  }
}

/** A file that only its owner can read. */
export function fileKeyStore(path: string): KeyStore {
  return {
    load: () =>
      readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null;
        throw error;
      }),
    save: async (bytes) => {
      const temporary = `${path}.new`;
      await rm(temporary, { force: true });
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      const folder = await open(dirname(path), 'r');
      await folder.sync().finally(() => folder.close());
    },
  };
}
