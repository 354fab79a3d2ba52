import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChunkError } from '../chunks/chunkerror.js';
import { type FileSource, fileSource } from '../chunks/source.js';
import { minuteMs } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { accountOf, type ImageRecord, type Lineage, Lineages, lineageKey, type TreeOwner } from './lineages.js';
import type { Plane, StoredFile } from './plane.js';

export type { TreeOwner } from './lineages.js';

/** An image of 250 MB of small files takes some seconds; a disk that hangs says so. */
const makeMsMax = 2 * minuteMs;
/** Images made at once: one is written while the other is packed. */
const makingMax = 2;
/** Images kept in memory (their manifests: some 20 KiB each); the longest unused goes. */
const cachedMax = 256;
/** Images kept of one function: versions of older code have theirs made again. */
const keptPerFunction = 16;
/** Owners known to have a tree, some 100 bytes each; of one that is forgotten it is read again. */
const claimedMax = 4_096;
/** Images are the same whenever they are made: the time of a zip's oldest file, 1980. */
const fileTimeS = 315_532_800;
const fileSystemUuid = '00000000-0000-4000-8000-000000000000';

/**
 * Code and layers as read-only images (erofs, uncompressed: chunks are) in the chunk plane. Made once a tree; a new
 * tree of a function is stored as a child of the one before, so that what did not change costs nothing.
 */
export class CodeImages {
  readonly #images = new Map<string, Promise<StoredFile>>();
  readonly #waiting: (() => void)[] = [];
  readonly #lineages: Lineages;
  /** Which owner is known to have which tree: `KEY TREE`. */
  readonly #claimed = new Set<string>();
  #making = 0;
  /** Look-ups and creations under way; none begins while images are removed. */
  #finding = 0;
  #removing: Promise<void> | null = null;
  #temporaries = 0;

  constructor(
    private readonly plane: Plane,
    private readonly temporary: string,
    private readonly options: {
      /** Manifests of an account that snapshots need. */
      readonly needed: (account: string) => Promise<ReadonlySet<string>>;
      readonly now: () => number;
    },
  ) {
    this.#lineages = new Lineages(plane.parts.blob);
  }

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
      // Another function's, perhaps, which may be deleted.
      await this.#claim(owner, tree, await known);
      return known;
    }
    const image = this.#undisturbed(() => this.#find(directory, tree, owner));
    this.#images.set(key, image);
    image.catch(() => this.#images.delete(key));
    const [oldest] = this.#images.keys();
    if (this.#images.size > cachedMax && oldest !== undefined) this.#images.delete(oldest);
    return image;
  }

  /**
   * A guest could not read this tree's image: if something of it is gone or damaged, it is made again by the next `of`.
   * Does not reject.
   */
  async examine(directory: string, owner: TreeOwner): Promise<void> {
    try {
      const tree = await identityOf(directory);
      const { manifest } = await this.of(directory, owner);
      try {
        for (const chunk of manifest.chunks) await this.plane.parts.reader.read(chunk, 'background');
      } catch {
        this.#images.delete(`${owner.account}\n${tree}`);
        const key = lineageKey(owner);
        this.#claimed.delete(`${key} ${tree}`);
        const kept = (await this.#lineages.read(key)).filter((one) => one.tree !== tree);
        await this.#lineages.write(key, kept);
      }
    } catch {
      // Neither tree nor image can be had: whoever wants it hears of it.
    }
  }

  /**
   * Removes the images of all owners but those wanted (`lineageKey`; asked at the last moment). While images are looked
   * for or made it removes none: call it again later.
   */
  async keepOnly(isWanted: (key: string) => boolean): Promise<void> {
    for (const key of await this.#lineages.keys()) {
      if (this.#finding > 0 || this.#removing !== null) return;
      if (isWanted(key)) continue;
      this.#removing = this.#remove(key).finally(() => {
        this.#removing = null;
      });
      await this.#removing;
    }
  }

  async #find(directory: string, tree: string, owner: TreeOwner): Promise<StoredFile> {
    const { manifests } = this.plane.parts;
    const kept = (await this.#lineages.read(lineageKey(owner))).find((one) => one.tree === tree);
    if (kept !== undefined) {
      const manifest = await manifests.get(owner.account, kept.manifest).catch(() => null);
      if (manifest !== null) {
        this.#setClaimed(owner, tree);
        return { name: kept.manifest, manifest };
      }
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
    await mkdir(this.temporary, { recursive: true });
    const path = join(this.temporary, `image-${process.pid}-${++this.#temporaries}`);
    try {
      await makeImage(directory, path);
      const source = await fileSource(path);
      try {
        const image = await this.#store(source, owner);
        await this.#remember(owner, { tree, manifest: image.name, createdMs: this.options.now() });
        return { name: image.name, manifest: image.manifest };
      } finally {
        await source.close();
      }
    } finally {
      await rm(path, { force: true });
    }
  }

  /** As a child of the image before; by itself where bytes of that one are gone. */
  async #store(source: FileSource, owner: TreeOwner): Promise<StoredFile> {
    const request = { scope: owner.account, source, bytes: source.bytes, bears: true };
    const parent = await this.#newest(owner);
    try {
      return await this.plane.store({ ...request, parent });
    } catch (error) {
      if (parent === null || !(error instanceof ChunkError)) throw error;
      return await this.plane.store({ ...request, parent: null });
    }
  }

  /** What a new image is a child of. */
  async #newest(owner: TreeOwner): Promise<(StoredFile & { scope: string }) | null> {
    const last = (await this.#lineages.read(lineageKey(owner))).at(-1);
    if (last === undefined) return null;
    const manifest = await this.plane.parts.manifests.get(owner.account, last.manifest).catch(() => null);
    return manifest === null ? null : { name: last.manifest, manifest, scope: owner.account };
  }

  async #claim(owner: TreeOwner, tree: string, image: StoredFile): Promise<void> {
    if (this.#claimed.has(`${lineageKey(owner)} ${tree}`)) return;
    await this.#undisturbed(async () => {
      const lineage = await this.#lineages.read(lineageKey(owner));
      if (lineage.some((one) => one.tree === tree)) this.#setClaimed(owner, tree);
      else await this.#remember(owner, { tree, manifest: image.name, createdMs: this.options.now() });
    }).catch(() => {}); // Should its other owner go, it is made again.
  }

  #setClaimed(owner: TreeOwner, tree: string): void {
    this.#claimed.add(`${lineageKey(owner)} ${tree}`);
    if (this.#claimed.size > claimedMax) this.#claimed.delete(this.#claimed.keys().next().value!);
  }

  async #remember(owner: TreeOwner, record: ImageRecord): Promise<void> {
    const key = lineageKey(owner);
    const before = await this.#lineages.read(key);
    const all = [...before.filter(({ tree }) => tree !== record.tree), record];
    await this.#lineages.write(key, all.slice(-keptPerFunction));
    this.#setClaimed(owner, record.tree);
    const gone = all.slice(0, -keptPerFunction);
    if (gone.length > 0) await this.#drop(owner.account, key, gone);
  }

  /** While nothing is removed. */
  async #undisturbed<T>(find: () => Promise<T>): Promise<T> {
    while (this.#removing !== null) await this.#removing.catch(() => {});
    this.#finding += 1;
    try {
      return await find();
    } finally {
      this.#finding -= 1;
    }
  }

  async #remove(key: string): Promise<void> {
    const lineage = await this.#lineages.read(key);
    await this.#lineages.remove(key);
    await this.#drop(accountOf(key), key, lineage);
  }

  /** Removes manifests that neither another image nor a snapshot has. */
  async #drop(account: string, key: string, gone: Lineage): Promise<void> {
    for (const { tree } of gone) this.#claimed.delete(`${key} ${tree}`);
    const needed = new Set(await this.options.needed(account));
    for (const other of await this.#lineages.keysOf(account)) {
      for (const { manifest } of await this.#lineages.read(other)) needed.add(manifest);
    }
    const unneeded = gone.filter(({ manifest }) => !needed.has(manifest));
    // First from memory: nobody is given what is about to go.
    for (const { tree } of unneeded) this.#images.delete(`${account}\n${tree}`);
    for (const { manifest } of unneeded) await this.plane.parts.manifests.delete(account, manifest);
  }
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
