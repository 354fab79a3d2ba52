import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Blob } from '../../kernel/ports/blob.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { Keyring, type KeyStore } from '../keyring.js';
import { type ChunkRef, chunkBytes, type Manifest, pagesPerChunk } from '../layout.js';
import { ManifestStore } from '../manifeststore.js';
import { Origin } from '../origin.js';
import { KeptChunks } from './keptchunks.js';
import type { CollectionLimits } from './messages.js';
import { Protection, type ProtectionOptions } from './protection.js';
import { RootStore } from './rootstore.js';
import { Collector } from './service.js';

export const scope = '000000000000';
export const limits: CollectionLimits = { rotateMs: 1_000, graceMs: 2_000, sweepNamesMax: 3 };

/** Collection sees names and sizes only: any bytes do for a ciphertext. */
export function ciphertext(label: number): Buffer {
  return Buffer.from(`ciphertext ${label}`);
}

const chunks = new Map<number, ChunkRef>();

export function chunkOf(label: number): ChunkRef {
  const known = chunks.get(label);
  if (known !== undefined) return known;
  const bytes = ciphertext(label);
  const name = createHash('sha256').update(bytes).digest('hex');
  const made = { name, key: Buffer.alloc(32, label), storedBytes: bytes.length, bytes: chunkBytes };
  chunks.set(label, made);
  return made;
}

/** @param parent Makes it another manifest than that of the same chunks. */
export function manifestOf(labels: readonly number[], parent: string | null = null): Manifest {
  return {
    bytes: labels.length * chunkBytes,
    chunks: labels.map(chunkOf),
    runs: labels.map((_, n) => ({ page: n * pagesPerChunk, count: pagesPerChunk, chunk: n, slot: 0 })),
    parent,
  };
}

/** The same secret in every process of a test. */
export function keyring(): Promise<Keyring> {
  const file = { version: 1, secret: Buffer.alloc(32, 7).toString('base64'), saltGenerations: {} };
  const store: KeyStore = { load: async () => Buffer.from(JSON.stringify(file)), save: async () => {} };
  return Keyring.open(store);
}

/** Time that passes when the test says so; timers are not run: rounds are started by the test. */
export class TestClock implements Clock {
  now = 1_000_000;
  nowMs(): number {
    return this.now;
  }
  monotonicMs(): number {
    return this.now;
  }
  after(): () => void {
    return () => {};
  }
}

export interface Writer {
  readonly chunks: KeptChunks;
  readonly manifests: ManifestStore;
}

/** A process that writes. */
export async function writerOn(
  blob: Blob,
  options: ProtectionOptions,
  roots: RootStore = new RootStore(blob),
): Promise<Writer> {
  const protection = new Protection(roots, options);
  return {
    chunks: new KeptChunks(new Origin(blob), protection),
    manifests: new ManifestStore(blob, await keyring(), protection),
  };
}

/** Stores a file of these chunks; its manifest's name. */
export async function store(writer: Writer, labels: readonly number[]): Promise<string> {
  for (const label of labels) await writer.chunks.add(chunkOf(label).name, ciphertext(label));
  return await writer.manifests.put(scope, manifestOf(labels), null);
}

/** A process that collects. */
export async function collectorOn(
  blob: Blob,
  clock: Clock,
  roots: RootStore = new RootStore(blob),
): Promise<Collector> {
  return new Collector({
    store: roots,
    manifests: new ManifestStore(blob, await keyring()),
    clock,
    limits,
  });
}

/** Rounds, with time in between, until what nobody wants any more has had the time to go; none may fail. */
export async function collectAll(blob: Blob, clock: TestClock): Promise<void> {
  const collector = await collectorOn(blob, clock);
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await collector.collect()).failure, null);
    clock.now += limits.rotateMs;
    assert.equal((await collector.collect()).failure, null);
    clock.now += limits.graceMs;
    assert.equal((await collector.collect()).failure, null);
  }
  await collector.close();
}

/** Labels of the chunks that are there. */
export async function present(blob: Blob, labels: readonly number[]): Promise<number[]> {
  const keys = new Set(await blob.list('chunks/'));
  return labels.filter((label) => keys.has(`chunks/${chunkOf(label).name}`));
}
