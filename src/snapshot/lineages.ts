import { createHash } from 'node:crypto';
import type { Blob } from '../kernel/ports/blob.js';

const folder = 'images/';

/** Whose tree it is: images are shared within an account only, and begin from the function's image before. */
export interface TreeOwner {
  readonly account: string;
  /** `NAME` of a function, or what else a line of images belongs to. */
  readonly lineage: string;
}

/** What is remembered of an image: which tree it is of, and its manifest. */
export interface ImageRecord {
  readonly tree: string;
  readonly manifest: string;
  readonly createdMs: number;
}

/** Records of one owner's images, the newest last. */
export type Lineage = readonly ImageRecord[];

/** What is written down of code images: an object for each owner, `images/ACCOUNT/HASH`. */
export class Lineages {
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  /** Of every owner that ever had an image and was not removed. */
  async keys(): Promise<readonly string[]> {
    return await this.#blob.list(folder);
  }

  /** Of the owners of one account. */
  async keysOf(account: string): Promise<readonly string[]> {
    return await this.#blob.list(`${folder}${account}/`);
  }

  async read(key: string): Promise<Lineage> {
    const bytes = await this.#blob.get(key);
    return bytes === null ? [] : (JSON.parse(Buffer.from(bytes).toString('utf8')) as Lineage);
  }

  async write(key: string, lineage: Lineage): Promise<void> {
    await this.#blob.put(key, Buffer.from(JSON.stringify(lineage)));
  }

  /** Whoever has the manifest `before` has `after` from now on. While nothing else is stored. */
  async rename(account: string, before: string, after: string): Promise<void> {
    for (const key of await this.keysOf(account)) {
      const lineage = await this.read(key);
      if (!lineage.some(({ manifest }) => manifest === before)) continue;
      const renamed = (one: ImageRecord) => (one.manifest === before ? { ...one, manifest: after } : one);
      await this.write(key, lineage.map(renamed));
    }
  }

  async remove(key: string): Promise<void> {
    await this.#blob.delete(key);
  }
}

/** Where an owner's images are written down. */
export function lineageKey({ account, lineage }: TreeOwner): string {
  return `${folder}${account}/${createHash('sha256').update(lineage).digest('hex').slice(0, 32)}`;
}

export function accountOf(lineageKey: string): string {
  return lineageKey.split('/')[1] ?? '';
}
