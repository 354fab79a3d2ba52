import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedBlob } from '../../src/adapters/embedded/blob.js';
import { type ReplayReads, replay } from '../../src/chunks/l2/replay.js';
import { pagesPerChunk } from '../../src/chunks/layout.js';
import type { Scenario } from '../scenario.js';
import { quantile } from '../statistics.js';

const functions = 50;
const starts = 1_000;
/** Working sets as measured of Node functions (12 MB of a runtime layer, 3 MB of a function's own). */
const sharedChunks = 24;
const ownChunks = 6;

/** Part of the reads that L1 and L2 answered. */
function hitRate({ reads, origin }: ReplayReads): number {
  return (reads - origin) / reads;
}

/** Whether the cache that the workers of a zone share keeps the origin out of restores, also when it loses a member. */
export const cachereplay: Scenario = {
  name: 'cachereplay',
  title: `${starts} starts over ${functions} functions (Zipf) through L1 and L2, one of six L2 members killed in the middle`,
  run: async (progress) => {
    const folder = mkdtempSync(join(tmpdir(), 'hearth-replay-'));
    try {
      const { first, before, after, repaired, beforeMs, afterMs } = await replay({
        origin: new EmbeddedBlob(folder),
        functions,
        starts,
        sharedChunks,
        ownChunks,
        chunkPages: pagesPerChunk,
        // The shared layer and some functions fit a worker's L1, not all.
        workers: 3,
        l1Chunks: 96,
        members: 6,
        seed: 1,
        progress,
      });
      const replayed: ReplayReads = {
        reads: before.reads + after.reads,
        l2: before.l2 + after.l2,
        origin: before.origin + after.origin,
        starts: before.starts + after.starts,
      };
      return [
        {
          name: 'L1 and L2 answer',
          value: hitRate(replayed) * 100,
          unit: '%',
          limit: { kind: 'at-least', value: 99.9 },
        },
        { name: 'of these L2', value: (replayed.l2 / replayed.reads) * 100, unit: '%' },
        { name: 'origin reads before the death', value: before.origin, unit: '' },
        {
          name: 'origin reads after it',
          value: after.origin,
          unit: '',
          limit: { kind: 'at-most', value: 0 },
        },
        { name: 'origin reads of every function’s first start', value: first.origin, unit: '' },
        { name: 'stripes put again elsewhere after the death', value: repaired, unit: '' },
        { name: 'reads of one start before the death, p50', value: quantile(beforeMs, 0.5), unit: 'ms' },
        { name: 'reads of one start before the death, p99', value: quantile(beforeMs, 0.99), unit: 'ms' },
        { name: 'reads of one start after it, p50', value: quantile(afterMs, 0.5), unit: 'ms' },
        { name: 'reads of one start after it, p99', value: quantile(afterMs, 0.99), unit: 'ms' },
      ];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
