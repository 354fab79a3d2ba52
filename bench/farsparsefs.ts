// The sparse file system's server before an origin that is far away; its owner sends a FarComposition.
import { EmbeddedBlob } from '../src/adapters/embedded/blob.js';
import { DiskTier } from '../src/chunks/disktier.js';
import { OpeningThread } from '../src/chunks/openingthread.js';
import { Origin } from '../src/chunks/origin.js';
import { TieredReader } from '../src/chunks/tieredreader.js';
import { serveOwner } from '../src/sparsefs/server.js';
import { type Distance, SlowBlob } from './slowblob.js';

export interface FarComposition {
  readonly memoryBytesMax: number;
  readonly disk: { readonly folder: string; readonly bytesMax: number };
  readonly originFolder: string;
  readonly distance: Distance;
}

serveOwner(async (message) => {
  const { memoryBytesMax, disk, originFolder, distance } = message as FarComposition;
  const origin = new Origin(new SlowBlob(new EmbeddedBlob(originFolder), distance));
  const tiers = [new DiskTier(disk.folder, disk.bytesMax), origin];
  const reader = new TieredReader({ memoryBytesMax, tiers, opening: new OpeningThread() });
  return { reader, metrics: () => reader.metrics() };
});
