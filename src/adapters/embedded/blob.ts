import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../kernel/assert.js';
import type { Blob } from '../../kernel/ports/blob.js';
import { processStart } from '../../worker/sandbox/process/owner.js';

const keyPattern = /^[a-zA-Z0-9._/-]{1,200}$/;
const suffix = '.blob';

/** Names of temporary files: `PID.START-RANDOM-COUNT`. A process's id may come back, but not with its start. */
const own = `${process.pid}.${processStart(process.pid)}-${randomBytes(8).toString('hex')}`;
let writes = 0;

/**
 * Blob in a directory; several processes may use it at once. One flat folder: `/` of a key becomes `%`, which no key has,
 * so that no key is another's parent and none can leave the folder. Bytes go to a temporary file, are synced, and get
 * their name by an atomic rename; what a process left that was killed while writing goes when another opens the folder.
 */
export class EmbeddedBlob implements Blob {
  readonly #objects: string;
  readonly #temporary: string;

  constructor(folder: string) {
    this.#objects = join(folder, 'objects');
    this.#temporary = join(folder, 'temporary');
    mkdirSync(this.#objects, { recursive: true });
    mkdirSync(this.#temporary, { recursive: true });
    for (const name of readdirSync(this.#temporary)) {
      const [, pid, start] = /^(\d+)\.(\d+)-/.exec(name) ?? [];
      const isWriting = pid !== undefined && processStart(Number(pid)) === start;
      if (!isWriting) rmSync(join(this.#temporary, name), { force: true });
    }
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(key);
    const temporary = join(this.#temporary, `${own}-${++writes}`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#syncObjects();
  }

  async get(key: string): Promise<Uint8Array | null> {
    return await readFile(this.#path(key)).catch(absent);
  }

  async range(key: string, offset: number, length: number): Promise<Uint8Array | null> {
    const file = await open(this.#path(key), 'r').catch(absent);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await file.close();
    }
  }

  async size(key: string): Promise<number | null> {
    const found = await stat(this.#path(key)).catch(absent);
    return found === null ? null : found.size;
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
    await this.#syncObjects();
  }

  async list(prefix: string): Promise<readonly string[]> {
    const names = await readdir(this.#objects);
    return names
      .map((name) => name.slice(0, -suffix.length).replaceAll('%', '/'))
      .filter((key) => key.startsWith(prefix))
      .sort();
  }

  async close(): Promise<void> {}

  #path(key: string): string {
    assert(keyPattern.test(key), `not a blob key: ${key}`);
    return join(this.#objects, key.replaceAll('/', '%') + suffix);
  }

  /** A rename is durable once its directory is. */
  async #syncObjects(): Promise<void> {
    const folder = await open(this.#objects, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
