import { createHash } from 'node:crypto';
import type { Blob } from '../../kernel/ports/blob.js';
import { ChunkError } from '../chunkerror.js';
import type { CollectionState } from './messages.js';

const stateKey = 'roots/state';
const nameBytes = 32;
/** Lists being read: S3 answers after some 20 ms, and a writer may be waiting for the sweep. */
const readsAtOnce = 16;
/** Before anybody collected. */
const noState: CollectionState = { roots: [], sweep: null, nextSweep: 1 };

/**
 * What collection keeps in the blob store:
 * - `roots/state`: CollectionState, JSON;
 * - `roots/G/manifests/SCOPE/NAME`: root generation G keeps this manifest; the names of its chunks;
 * - `roots/G/marks/…`: chunks that writers rely on, though no manifest may name them yet;
 * - `roots/sweeps/N`: chunks that sweep N may delete.
 *
 * Lists of names are 32 bytes each with their SHA-256 behind: a damaged one must not look like one that names less.
 */
export class RootStore {
  readonly blob: Blob;

  constructor(blob: Blob) {
    this.blob = blob;
  }

  async state(): Promise<CollectionState> {
    const bytes = await this.blob.get(stateKey);
    return bytes === null ? noState : (JSON.parse(Buffer.from(bytes).toString('utf8')) as CollectionState);
  }

  async writeState(state: CollectionState): Promise<void> {
    await this.blob.put(stateKey, Buffer.from(JSON.stringify(state)));
  }

  /** Manifests that a root keeps, `SCOPE/NAME`. */
  async kept(generation: number): Promise<string[]> {
    const prefix = entryKey(generation, '');
    return (await this.blob.list(prefix)).map((key) => key.slice(prefix.length));
  }

  async keep(generation: number, manifest: string, names: readonly string[]): Promise<void> {
    await this.blob.put(entryKey(generation, manifest), encodeNames(names));
  }

  /** Names of the chunks that a root's entry for a manifest protects. */
  async entry(generation: number, manifest: string): Promise<string[]> {
    return await this.#names(entryKey(generation, manifest));
  }

  /** @param id Never used before. */
  async mark(generation: number, id: string, names: readonly string[]): Promise<void> {
    await this.blob.put(`${rootPrefix(generation)}marks/${id}`, encodeNames(names));
  }

  async writeSweep(sweep: number, names: readonly string[]): Promise<void> {
    await this.blob.put(sweepKey(sweep), encodeNames(names));
  }

  /** The chunks that a sweep may delete; none when its list is gone: then it has deleted them. */
  async sweep(sweep: number): Promise<string[]> {
    const bytes = await this.blob.get(sweepKey(sweep));
    return bytes === null ? [] : decodeNames(sweepKey(sweep), bytes);
  }

  async removeSweep(sweep: number): Promise<void> {
    await this.blob.delete(sweepKey(sweep));
  }

  async removeRoot(generation: number): Promise<void> {
    for (const key of await this.blob.list(rootPrefix(generation))) await this.blob.delete(key);
  }

  /** Takes every name that a root protects (of chunks, and of the manifests themselves) out of `names`. */
  async spare(generation: number, names: Set<string>): Promise<void> {
    const keys = await this.blob.list(rootPrefix(generation));
    const spareOne = async (key: string) => {
      for (const name of await this.#names(key)) names.delete(name);
      names.delete(key.slice(key.lastIndexOf('/') + 1));
    };
    for (let from = 0; from < keys.length; from += readsAtOnce) {
      await Promise.all(keys.slice(from, from + readsAtOnce).map(spareOne));
    }
  }

  /** Removes what belongs to no root of the state and no announced sweep: left by who came too late, or by a crash. */
  async removeStrays(state: CollectionState): Promise<void> {
    for (const key of await this.blob.list('roots/')) {
      const [, place = '', name] = key.split('/');
      if (key === stateKey) continue;
      if (place === 'sweeps' ? Number(name) === state.sweep : hasRoot(state, Number(place))) continue;
      await this.blob.delete(key);
    }
  }

  async chunks(): Promise<string[]> {
    return (await this.blob.list('chunks/')).map((key) => key.slice('chunks/'.length));
  }

  async hasChunk(name: string): Promise<boolean> {
    return (await this.blob.size(chunkKey(name))) !== null;
  }

  async deleteChunk(name: string): Promise<void> {
    await this.blob.delete(chunkKey(name));
  }

  async #names(key: string): Promise<string[]> {
    const bytes = await this.blob.get(key);
    if (bytes === null) throw new ChunkError('missing', `${key} is gone`);
    return decodeNames(key, bytes);
  }
}

function hasRoot({ roots }: CollectionState, generation: number): boolean {
  return roots.some((root) => root.generation === generation);
}

/** As `Origin` has it. */
function chunkKey(name: string): string {
  return `chunks/${name}`;
}

function rootPrefix(generation: number): string {
  return `roots/${generation}/`;
}

function entryKey(generation: number, manifest: string): string {
  return `${rootPrefix(generation)}manifests/${manifest}`;
}

function sweepKey(sweep: number): string {
  return `roots/sweeps/${sweep}`;
}

export function encodeNames(names: readonly string[]): Buffer {
  const list = Buffer.from(names.join(''), 'hex');
  return Buffer.concat([list, digest(list)]);
}

export function decodeNames(label: string, bytes: Uint8Array): string[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list = all.subarray(0, Math.max(0, all.length - nameBytes));
  if (all.length % nameBytes !== 0 || !digest(list).equals(all.subarray(list.length))) {
    throw new ChunkError('corrupt', `${label} is damaged`);
  }
  return Array.from({ length: list.length / nameBytes }, (_, n) =>
    list.toString('hex', n * nameBytes, (n + 1) * nameBytes),
  );
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
