import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import type { Blob } from '../../kernel/ports/blob.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { kib, minuteMs } from '../../kernel/units.js';
import type { Code } from '../messages.js';
import { badZip, emptyZip, unzip } from './unzip.js';

/** Zips unpacked at once: one inflates while the other writes. */
const unpacksMax = 2;
/** Zips waiting for that; each may be 50 MiB. Beyond: TooManyRequestsException. */
const unpacksWaitingMax = 32;
/** Hashing 256 KiB takes about half a millisecond; between two slices the event loop serves others. */
const hashSliceBytes = 256 * kib;
/** Superseded sandboxes may still load files of their code: 15 minutes is the longest invocation. */
const collectDelayMs = 20 * minuteMs;

const temporary = 'temporary';
const hexPattern = /^[0-9a-f]{64}$/;

/**
 * Zips as blobs, and each unpacked into a folder named by its hash: `FOLDER/SHA256HEX`. Trees are caches: they are
 * not synced, are complete when they have their name, and are made again from the blob when they are missing.
 */
export class CodeStore {
  readonly #blob: Blob;
  readonly #clock: Clock;
  readonly #folder: string;
  readonly #uses = new Map<string, { readonly code: Code; count: number; stored: boolean }>();
  readonly #making = new Map<string, Promise<Result<{ readonly unzippedBytes: number }>>>();
  readonly #removing = new Map<string, Promise<void>>();
  readonly #collections = new Map<string, () => void>();
  readonly #waiting: (() => void)[] = [];
  #unpacking = 0;
  #temporaries = 0;

  constructor(options: {
    readonly blob: Blob;
    readonly clock: Clock;
    readonly folder: string;
    readonly bootId?: string;
  }) {
    this.#blob = options.blob;
    this.#clock = options.clock;
    this.#folder = options.folder;
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    rmSync(join(this.#folder, temporary), { recursive: true, force: true });
    this.#dropTreesOfOtherBoots(options.bootId ?? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'));
    mkdirSync(join(this.#folder, temporary));
  }

  /**
   * Checks and stores a zip: unpacked and durable once this resolves, and in use until `release`. Nothing stays
   * behind of one that is refused.
   */
  async admit(zip: Buffer, bytesMax: number = limits.codeZipBytesMax): Promise<Result<Code>> {
    if (zip.length === 0) return fail(emptyZip);
    if (zip.length > bytesMax) {
      const message = `Zipped size must be smaller than ${bytesMax} bytes`;
      return fail(apiFailure('RequestEntityTooLargeException', message));
    }
    if (zip.length < 22 || zip.readUInt16LE(0) !== 0x4b50) return fail(badZip);
    const sha256Hex = await hash(zip);
    await this.#removing.get(sha256Hex);
    const known = this.#uses.get(sha256Hex);
    if (known !== undefined) {
      this.retain(known.code);
      return ok(known.code);
    }
    const made = await this.#make(sha256Hex, zip, async () => await this.#blob.put(blobKey(sha256Hex), zip));
    if (!made.ok) return made;
    const code: Code = { sha256Hex, zipBytes: zip.length, unzippedBytes: made.value.unzippedBytes };
    this.retain(code);
    return ok(code);
  }

  /** `stored`: a version has it, so that sandboxes may come to use it. */
  retain(code: Code, stored = false): void {
    const { sha256Hex } = code;
    const use = this.#uses.get(sha256Hex);
    if (use !== undefined) {
      use.count++;
      use.stored ||= stored;
      return;
    }
    const cancel = this.#collections.get(sha256Hex);
    this.#uses.set(sha256Hex, { code, count: 1, stored: stored || cancel !== undefined });
    cancel?.();
    this.#collections.delete(sha256Hex);
  }

  /** The last release makes zip and tree garbage: collected at once if no version ever had it, else later. */
  release(sha256Hex: string): void {
    const use = this.#uses.get(sha256Hex);
    if (use === undefined || --use.count > 0) return;
    this.#uses.delete(sha256Hex);
    const collect = (): void => {
      this.#collections.delete(sha256Hex);
      void this.#remove(sha256Hex).catch(() => {
        // Still there: the next start collects it.
      });
    };
    if (use.stored) this.#collections.set(sha256Hex, this.#clock.after(collectDelayMs, collect));
    else collect();
  }

  /** Folder of the unpacked code, made again from the blob when missing. Null: there is no such code. */
  async tree(sha256Hex: string): Promise<string | null> {
    const path = this.#path(sha256Hex);
    if (await exists(path)) return path;
    const zip = await this.zip(sha256Hex);
    if (zip === null) return null;
    const made = await this.#make(sha256Hex, Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength));
    return made.ok ? path : null;
  }

  async zip(sha256Hex: string): Promise<Uint8Array | null> {
    return hexPattern.test(sha256Hex) ? await this.#blob.get(blobKey(sha256Hex)) : null;
  }

  /** Removes every blob and tree that nothing uses. To be called at the start, before any sandbox. */
  async collect(): Promise<void> {
    const blobs = await this.#blob.list(blobKey(''));
    const trees = readdirSync(this.#folder).filter((name) => hexPattern.test(name));
    const all = new Set([...blobs.map((key) => key.slice(blobKey('').length)), ...trees]);
    for (const sha256Hex of all) if (!this.#uses.has(sha256Hex)) await this.#remove(sha256Hex);
  }

  async close(): Promise<void> {
    for (const cancel of this.#collections.values()) cancel();
    this.#collections.clear();
    await Promise.allSettled([...this.#making.values(), ...this.#removing.values()]);
  }

  async #make(
    sha256Hex: string,
    zip: Buffer,
    store: () => Promise<void> = async () => {},
  ): Promise<Result<{ readonly unzippedBytes: number }>> {
    const running = this.#making.get(sha256Hex);
    if (running !== undefined) return await running;
    if (this.#waiting.length >= unpacksWaitingMax) return fail(apiFailure('TooManyRequestsException', 'Rate exceeded'));
    const making = this.#unpack(sha256Hex, zip, store).finally(() => this.#making.delete(sha256Hex));
    this.#making.set(sha256Hex, making);
    return await making;
  }

  async #unpack(
    sha256Hex: string,
    zip: Buffer,
    store: () => Promise<void>,
  ): Promise<Result<{ readonly unzippedBytes: number }>> {
    if (this.#unpacking >= unpacksMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#unpacking++;
    const work = this.#temporary();
    try {
      await mkdir(work, { mode: 0o755 });
      await chmod(work, 0o755);
      const made = await unzip(zip, work);
      if (made.ok) {
        // A tree of this name is the same tree: left by a process killed before it stored the function.
        await this.#removeTree(sha256Hex);
        await rename(work, this.#path(sha256Hex));
        await store();
      }
      return made;
    } finally {
      await rm(work, { recursive: true, force: true });
      const next = this.#waiting.shift();
      if (next === undefined) this.#unpacking--;
      else next();
    }
  }

  async #remove(sha256Hex: string): Promise<void> {
    if (this.#making.has(sha256Hex) || this.#removing.has(sha256Hex)) return;
    const removing = this.#removeTree(sha256Hex)
      .then(async () => await this.#blob.delete(blobKey(sha256Hex)))
      .finally(() => this.#removing.delete(sha256Hex));
    this.#removing.set(sha256Hex, removing);
    await removing;
  }

  /** First away from its name, so that nobody ever sees half a tree. */
  async #removeTree(sha256Hex: string): Promise<void> {
    if (!(await exists(this.#path(sha256Hex)))) return;
    const away = this.#temporary();
    await rename(this.#path(sha256Hex), away);
    await rm(away, { recursive: true, force: true });
  }

  /** Trees are not synced: after the machine itself went down they may be incomplete. */
  #dropTreesOfOtherBoots(bootId: string): void {
    const mark = join(this.#folder, 'boot');
    let before = '';
    try {
      before = readFileSync(mark, 'utf8');
    } catch {
      // First start in this folder.
    }
    if (before === bootId) return;
    for (const name of readdirSync(this.#folder)) {
      if (hexPattern.test(name)) rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
    writeFileSync(mark, bootId);
  }

  #temporary(): string {
    return join(this.#folder, temporary, String(++this.#temporaries));
  }

  #path(sha256Hex: string): string {
    return join(this.#folder, sha256Hex);
  }
}

function blobKey(sha256Hex: string): string {
  return `code/${sha256Hex}`;
}

async function hash(bytes: Buffer): Promise<string> {
  const sum = createHash('sha256');
  for (let at = 0; at < bytes.length; at += hashSliceBytes) {
    if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    sum.update(bytes.subarray(at, at + hashSliceBytes));
  }
  return sum.digest('hex');
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
