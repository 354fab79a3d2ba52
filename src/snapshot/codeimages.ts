import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSource } from '../chunks/source.js';
import type { Blob } from '../kernel/ports/blob.js';
import { minuteMs } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { findProgram } from '../worker/sandbox/programs.js';
import type { Plane, StoredFile } from './plane.js';

/** An image of 250 MB of small files takes some seconds; a disk that hangs says so. */
const makeMsMax = 2 * minuteMs;
/** Images made at once: one is written while the other is packed. */
const makingMax = 2;
/** Images kept in memory (their manifests: some 20 KiB each); the longest unused goes. */
const cachedMax = 256;
/** Images kept of one function: versions of older code have theirs made again. */
const keptPerFunction = 16;
/** Images are the same whenever they are made: the time of a zip's oldest file, 1980. */
const fileTimeS = 315_532_800;
const fileSystemUuid = '00000000-0000-4000-8000-000000000000';

const folder = 'images/';

/** Whose tree it is: images are shared within an account only, and begin from the function's image before. */
export interface TreeOwner {
  readonly account: string;
  /** `NAME` of a function, or what else a line of images belongs to. */
  readonly lineage: string;
}

/** What is remembered of an image: which tree it is of, and its manifest. */
interface ImageRecord {
  readonly tree: string;
  readonly manifest: string;
  readonly createdMs: number;
}

/** Records of one lineage, the newest last. */
type Lineage = readonly ImageRecord[];

/**
 * Code and layers as read-only images (erofs, uncompressed: chunks are) in the chunk plane. Made once a tree; a new
 * tree of a function is stored as a child of the one before, so that what did not change costs nothing.
 */
export class CodeImages {
  readonly #images = new Map<string, Promise<StoredFile>>();
  readonly #waiting: (() => void)[] = [];
  #making = 0;
  #temporaries = 0;

  constructor(
    private readonly plane: Plane,
    private readonly temporary: string,
    private readonly options: {
      /** Manifests of an account that snapshots need. */
      readonly needed: (account: string) => Promise<ReadonlySet<string>>;
      readonly now: () => number;
    },
  ) {}

  /**
   * The image of a tree, made first if need be. A tree never changes once it has its name. Rejects with DriverError, or
   * as the plane does.
   */
  async of(directory: string, owner: TreeOwner): Promise<StoredFile> {
    const tree = await identityOf(directory);
    const key = `${owner.account}\n${tree}`;
    const known = this.#images.get(key);
    if (known !== undefined) {
      this.#images.delete(key);
      this.#images.set(key, known);
      return known;
    }
    const image = this.#find(directory, tree, owner);
    this.#images.set(key, image);
    image.catch(() => this.#images.delete(key));
    const [oldest] = this.#images.keys();
    if (this.#images.size > cachedMax && oldest !== undefined) this.#images.delete(oldest);
    return image;
  }

  async #find(directory: string, tree: string, owner: TreeOwner): Promise<StoredFile> {
    const { manifests } = this.plane.parts;
    const kept = (await this.#lineage(owner)).find((one) => one.tree === tree);
    if (kept !== undefined) {
      const manifest = await manifests.get(owner.account, kept.manifest).catch(() => null);
      if (manifest !== null) return { name: kept.manifest, manifest };
    }
    if (this.#making >= makingMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#making += 1;
    try {
      return await this.#make(directory, tree, owner);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#making -= 1;
      else next();
    }
  }

  async #make(directory: string, tree: string, owner: TreeOwner): Promise<StoredFile> {
    const { account } = owner;
    await mkdir(this.temporary, { recursive: true });
    const path = join(this.temporary, `image-${process.pid}-${++this.#temporaries}`);
    try {
      await makeImage(directory, path);
      const source = await fileSource(path);
      try {
        const parent = await this.#newest(owner);
        const image = await this.plane.store({ scope: account, source, bytes: source.bytes, parent, bears: true });
        await this.#remember(owner, { tree, manifest: image.name, createdMs: this.options.now() });
        return { name: image.name, manifest: image.manifest };
      } finally {
        await source.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  async #newest(owner: TreeOwner): Promise<(StoredFile & { scope: string }) | null> {
    const last = (await this.#lineage(owner)).at(-1);
    if (last === undefined) return null;
    const manifest = await this.plane.parts.manifests.get(owner.account, last.manifest).catch(() => null);
    return manifest === null ? null : { name: last.manifest, manifest, scope: owner.account };
  }

  async #lineage(owner: TreeOwner): Promise<Lineage> {
    const bytes = await this.#blob.get(keyOf(owner));
    return bytes === null ? [] : (JSON.parse(Buffer.from(bytes).toString('utf8')) as Lineage);
  }

  async #remember(owner: TreeOwner, record: ImageRecord): Promise<void> {
    const before = await this.#lineage(owner);
    const all = [...before.filter(({ tree }) => tree !== record.tree), record];
    const kept = all.slice(-keptPerFunction);
    await this.#blob.put(keyOf(owner), Buffer.from(JSON.stringify(kept)));
    const gone = all.slice(0, -keptPerFunction);
    if (gone.length > 0) await this.#drop(owner.account, gone);
  }

  /** Removes manifests that neither another image nor a snapshot has. */
  async #drop(account: string, gone: Lineage): Promise<void> {
    const needed = new Set(await this.options.needed(account));
    for (const key of await this.#blob.list(`${folder}${account}/`)) {
      const bytes = await this.#blob.get(key);
      if (bytes === null) continue;
      for (const { manifest } of JSON.parse(Buffer.from(bytes).toString('utf8')) as Lineage) needed.add(manifest);
    }
    for (const { manifest } of gone) {
      if (!needed.has(manifest)) await this.plane.parts.manifests.delete(account, manifest);
    }
  }

  get #blob(): Blob {
    return this.plane.parts.blob;
  }
}

function keyOf({ account, lineage }: TreeOwner): string {
  return `${folder}${account}/${createHash('sha256').update(lineage).digest('hex').slice(0, 32)}`;
}

/**
 * Tells a tree from every other: trees get their name once they are complete and never change, so the folder itself
 * (which file system, which inode, when it got its name) says which one it is, also after a restart.
 */
async function identityOf(directory: string): Promise<string> {
  const path = await realpath(directory).catch(() => {
    throw new DriverError(`there is no folder ${directory}`);
  });
  const { dev, ino, ctimeNs } = await stat(path, { bigint: true });
  return createHash('sha256').update(`${path}\n${dev}\n${ino}\n${ctimeNs}`).digest('hex').slice(0, 32);
}

function makeImage(directory: string, path: string): Promise<void> {
  const program = findProgram('mkfs.erofs');
  if (program === null) return Promise.reject(new DriverError('mkfs.erofs is missing: apt-get install erofs-utils'));
  const flags = ['-d0', '-x-1', '-T', String(fileTimeS), '-U', fileSystemUuid, '--all-root'];
  return new Promise((resolve, reject) => {
    const options = { timeout: makeMsMax, killSignal: 'SIGKILL' } as const;
    execFile(program, [...flags, path, directory], options, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new DriverError(`mkfs.erofs: ${stderr.trim() || error.message}`));
    });
  });
}
