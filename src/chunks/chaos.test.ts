import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkError } from './chunkerror.js';
import { sealChunk } from './codec.js';
import type { Urgency } from './layout.js';
import { file } from './testchunks.js';
import type { ChunkTier } from './tier.js';
import { TieredReader } from './tieredreader.js';

type Mood = 'right' | 'missing' | 'flipped' | 'short' | 'another' | 'rejects' | 'throws' | 'late' | 'never';

const salt = Buffer.alloc(32);
const plain = Array.from({ length: 6 }, (_, label) => file([label, null, `${label} more`]));
const chunks = plain.map((bytes) => sealChunk(bytes, salt));

/** A tier that answers each request as the next mood says; the last mood goes on. Remembers nothing it is given. */
class MoodyTier implements ChunkTier {
  readonly verified = false;
  readonly given: { name: string; bytes: Buffer }[] = [];
  #next = 0;

  constructor(
    readonly name: string,
    private readonly moods: readonly Mood[],
  ) {}

  get(name: string): Promise<Buffer | null> {
    const at = chunks.findIndex(({ ref }) => ref.name === name);
    const right = Buffer.from(chunks[at]!.ciphertext);
    const mood = this.moods[Math.min(this.#next++, this.moods.length - 1)]!;
    switch (mood) {
      case 'right':
        return Promise.resolve(right);
      case 'missing':
        return Promise.resolve(null);
      case 'flipped':
        right[this.#next % right.length]! ^= 1 << (this.#next & 7);
        return Promise.resolve(right);
      case 'short':
        return Promise.resolve(right.subarray(0, this.#next % right.length));
      case 'another':
        return Promise.resolve(Buffer.from(chunks[(at + 1) % chunks.length]!.ciphertext));
      case 'rejects':
        return Promise.reject(new Error('down'));
      case 'throws':
        throw new Error('broken');
      case 'late':
        return new Promise((resolve) => setTimeout(() => resolve(right), 2));
      case 'never':
        return new Promise(() => {});
    }
  }

  async put(name: string, bytes: Buffer): Promise<void> {
    this.given.push({ name, bytes });
  }
}

const mood = fc.constantFrom<Mood>(
  'right',
  'missing',
  'flipped',
  'short',
  'another',
  'rejects',
  'throws',
  'late',
  'never',
);
const moods = fc.array(mood, { minLength: 1, maxLength: 12 });
const honest = fc.array(fc.constantFrom<Mood>('right', 'late'), { minLength: 1, maxLength: 6 });
const reads = fc.array(
  fc.record({
    chunk: fc.nat({ max: chunks.length - 1 }),
    urgency: fc.constantFrom<Urgency>('fault', 'prefetch', 'background'),
  }),
  { minLength: 1, maxLength: 20 },
);

for (const origin of ['honest', 'moody'] as const) {
  const title =
    origin === 'honest'
      ? 'whatever the caches do, an intact origin’s bytes are served'
      : 'whatever all tiers do, a read gives the right bytes or a ChunkError, in time';
  test(title, { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        moods,
        moods,
        origin === 'honest' ? honest : moods,
        reads,
        async (first, second, last, wanted) => {
          const tiers = [new MoodyTier('disk', first), new MoodyTier('l2', second), new MoodyTier('origin', last)];
          // A read outlasts both caches' silence: their own deadline is shorter.
          const deadlineMs = { fault: 25, prefetch: 25, background: 25 };
          const reader = new TieredReader({
            memoryBytesMax: 3 * plain[0]!.length,
            tiers: origin === 'honest' ? [limited(tiers[0]!), limited(tiers[1]!), tiers[2]!] : tiers,
            deadlineMs: origin === 'honest' ? { fault: 20_000, prefetch: 20_000, background: 20_000 } : deadlineMs,
            limits: { running: 4, prefetch: 2, background: 1, waiting: 100 },
          });
          await Promise.all(
            wanted.map(async ({ chunk, urgency }) => {
              const { ref } = chunks[chunk]!;
              try {
                assert.deepEqual(await reader.read(ref, urgency), plain[chunk]);
              } catch (error) {
                if (!(error instanceof ChunkError) || origin === 'honest') throw error;
              }
            }),
          );
          await reader.settled();
          // What caches are given is intact, too.
          for (const { given } of tiers) {
            for (const { name, bytes } of given) {
              assert.deepEqual(bytes, chunks.find(({ ref }) => ref.name === name)!.ciphertext);
            }
          }
          assert.ok(reader.memoryBytes <= 3 * plain[0]!.length);
        },
      ),
      { numRuns: 60 },
    );
  });
}

/** As a tier of the port is: it answers within a deadline of its own. */
function limited(tier: MoodyTier): ChunkTier {
  return {
    name: tier.name,
    verified: false,
    put: (name, bytes) => tier.put(name, bytes),
    get: (name) => {
      const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), 5));
      return Promise.race([tier.get(name), late]);
    },
  };
}
