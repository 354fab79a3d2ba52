import { createHash, randomBytes } from 'node:crypto';
import type { Blob } from '../../kernel/ports/blob.js';
import { sealChunk } from '../codec.js';
import { type ChunkRef, pageBytes } from '../layout.js';
import { Origin } from '../origin.js';
import type { ChunkTier } from '../tier.js';
import { TieredReader } from '../tieredreader.js';
import { L2Tier } from './l2tier.js';
import { MemberProcess } from './memberprocess.js';

export interface ReplayOptions {
  /** Where the chunks are in the end. */
  readonly origin: Blob;
  readonly functions: number;
  readonly starts: number;
  /** Chunks of the layer that all functions share, and of each function alone: what a restore reads. */
  readonly sharedChunks: number;
  readonly ownChunks: number;
  /** Plaintext of a chunk, 1 to 128 pages. */
  readonly chunkPages: number;
  /** Each with an L1 of its own, in memory, that holds so many chunks. */
  readonly workers: number;
  readonly l1Chunks: number;
  readonly members: number;
  readonly seed: number;
  /** Longest wait for L2, of tests that must not depend on speed. */
  readonly l2MsMax?: number;
  readonly progress?: (text: string) => void;
}

/** Reads of chunks, and how many of them came from where. */
export interface ReplayReads {
  readonly reads: number;
  readonly l2: number;
  readonly origin: number;
  readonly starts: number;
}

export interface Replay {
  /** Every function's first start: what nobody has read yet comes from the origin. */
  readonly first: ReplayReads;
  /** The replayed starts, before and after a member was killed. */
  readonly before: ReplayReads;
  readonly after: ReplayReads;
  /** Stripes that were put again at another member after the death. */
  readonly repaired: number;
  /** How long the reads of one start took, ms, before and after. */
  readonly beforeMs: readonly number[];
  readonly afterMs: readonly number[];
}

/** Reads of one start under way: as a prefetch has. */
const readsAtOnce = 8;

/**
 * Replays starts of functions whose popularity follows Zipf's law over real member processes, real chunks and a real origin;
 * in the middle one member is killed.
 */
export async function replay(options: ReplayOptions): Promise<Replay> {
  const { progress = () => {} } = options;
  const secret = randomBytes(32);
  progress('members');
  const members = await Promise.all(
    Array.from({ length: options.members }, (_, n) =>
      MemberProcess.start({ id: `m${n}`, secret, bytesMax: 1 << 30, folder: null }),
    ),
  );
  const tiers: L2Tier[] = [];
  try {
    progress('chunks');
    const { shared, own } = await storeChunks(options);
    const counts = { l2: 0, origin: 0 };
    const workers = Array.from({ length: options.workers }, () => {
      const l2 = new L2Tier({
        members: members.map(({ member }) => member),
        secret,
        ...(options.l2MsMax === undefined ? {} : { getMsMax: options.l2MsMax }),
      });
      tiers.push(l2);
      return new TieredReader({
        memoryBytesMax: options.l1Chunks * options.chunkPages * pageBytes,
        tiers: [counted(l2, () => counts.l2++), counted(new Origin(options.origin), () => counts.origin++)],
      });
    });

    const run = async (starts: readonly number[], ms: number[]): Promise<ReplayReads> => {
      const from = { ...counts };
      let reads = 0;
      let next = 0;
      const work = async (reader: TieredReader) => {
        while (next < starts.length) {
          const which = starts[next++]!;
          progress(`start ${next}/${starts.length}`);
          const startedMs = performance.now();
          const chunks = [...shared, ...own[which]!];
          reads += chunks.length;
          await readAll(reader, chunks);
          ms.push(performance.now() - startedMs);
        }
      };
      await Promise.all(workers.map(work));
      // What was fetched from the origin is being put at the members: the next start may find it.
      await Promise.all(tiers.map((tier) => tier.settled()));
      return { reads, starts: starts.length, l2: counts.l2 - from.l2, origin: counts.origin - from.origin };
    };

    const beforeMs: number[] = [];
    const afterMs: number[] = [];
    const everyOne = Array.from({ length: options.functions }, (_, n) => n);
    const first = await run(everyOne, []);
    const starts = zipfStarts(options);
    const middle = starts.length >> 1;
    const before = await run(starts.slice(0, middle), beforeMs);
    // The dead one is noticed in the middle of the starts that follow, by those who ask it.
    members[options.seed % members.length]!.kill();
    const after = await run(starts.slice(middle), afterMs);
    const repaired = tiers.reduce((sum, tier) => sum + tier.status().repaired, 0);
    return { first, before, after, repaired, beforeMs, afterMs };
  } finally {
    await Promise.all(tiers.map((tier) => tier.close()));
    await Promise.all(members.map((member) => member.stop()));
  }
}

async function readAll(reader: TieredReader, chunks: readonly ChunkRef[]): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < chunks.length) await reader.read(chunks[next++]!, 'fault');
  };
  await Promise.all(Array.from({ length: readsAtOnce }, lane));
}

/** Counts what a tier gave. */
function counted(tier: ChunkTier, count: () => void): ChunkTier {
  return {
    name: tier.name,
    verified: tier.verified,
    get: async (name, storedBytes, urgency) => {
      const bytes = await tier.get(name, storedBytes, urgency);
      if (bytes !== null) count();
      return bytes;
    },
    put: (name, bytes) => tier.put(name, bytes),
  };
}

/** Seals and stores every chunk; half of each compresses. */
async function storeChunks(options: ReplayOptions): Promise<{ shared: ChunkRef[]; own: ChunkRef[][] }> {
  const salt = randomBytes(32);
  const make = async (label: string): Promise<ChunkRef> => {
    const bytes = Buffer.alloc(options.chunkPages * pageBytes, `${label} `);
    for (let at = 0; at < bytes.length; at += 64) {
      bytes.set(createHash('sha256').update(`${label} ${at}`).digest(), at);
    }
    const { ref, ciphertext } = sealChunk(bytes, salt);
    await options.origin.put(`chunks/${ref.name}`, ciphertext);
    return ref;
  };
  const several = async (count: number, label: string) => {
    const made: ChunkRef[] = [];
    for (let n = 0; n < count; n += 1) made.push(await make(`${label}.${n}`));
    return made;
  };
  const shared = await several(options.sharedChunks, 'shared');
  const own: ChunkRef[][] = [];
  for (let n = 0; n < options.functions; n += 1) own.push(await several(options.ownChunks, `own.${n}`));
  return { shared, own };
}

/** Which function starts, one after the other: the n-th most popular one with weight 1/n. */
function zipfStarts({ functions, starts, seed }: ReplayOptions): number[] {
  const weights = Array.from({ length: functions }, (_, n) => 1 / (n + 1));
  const sum = weights.reduce((total, one) => total + one, 0);
  return Array.from({ length: starts }, (_, n) => {
    const draw = createHash('sha256').update(`${seed} ${n}`).digest().readUIntBE(0, 6) / 2 ** 48;
    let left = draw * sum;
    const found = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return found < 0 ? functions - 1 : found;
  });
}
