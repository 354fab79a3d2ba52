import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { DiskTier } from '../chunks/disktier.js';
import { Origin } from '../chunks/origin.js';
import { TieredReader } from '../chunks/tieredreader.js';
import { serveOwner } from '../sparsefs/server.js';

/** What the serving process builds its tiers from. */
export interface SparseFsComposition {
  /** Folder of the blob store that chunks come from. */
  readonly origin: string;
  /** L1 on disk. */
  readonly diskFolder: string;
  readonly diskBytesMax: number;
  /** L1 in memory. */
  readonly memoryBytesMax: number;
}

// The process that answers page faults of virtual machines; started by the platform (`SparseFsClient`).
serveOwner(async (composition) => {
  const { origin, diskFolder, diskBytesMax, memoryBytesMax } = composition as SparseFsComposition;
  const reader = new TieredReader({
    memoryBytesMax,
    tiers: [new DiskTier(diskFolder, diskBytesMax), new Origin(new EmbeddedBlob(origin))],
    onCorrupt: (tier, name) =>
      process.stderr.write(`chunk ${name} had wrong bytes in ${tier}: taken from the next tier\n`),
  });
  return { reader, metrics: () => reader.metrics() };
});
