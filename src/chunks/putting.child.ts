import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { type SealedChunk, sealChunk } from './codec.js';
import { DiskTier } from './disktier.js';
import { Origin } from './origin.js';
import { page } from './testchunks.js';

const made = new Map<number, SealedChunk>();

/** The same for the same number, in every process. */
export function numberedChunk(number: number): SealedChunk {
  const known = made.get(number);
  if (known !== undefined) return known;
  const pages = Array.from({ length: 1 + (number % 20) }, (_, at) => page(`${number}.${at}`));
  const sealed = sealChunk(Buffer.concat(pages), Buffer.alloc(32, 3));
  made.set(number, sealed);
  return sealed;
}

/** Puts chunks into `folder` for ever, three at a time, and says how many of the first ones are there without a gap. */
async function main(folder: string, where: string, from: number): Promise<void> {
  const origin = where === 'origin' ? new Origin(new EmbeddedBlob(folder)) : new DiskTier(folder, 1_000_000_000);
  const done = new Set<number>();
  let next = from;
  let confirmed = from;
  const put = async () => {
    for (;;) {
      const number = next++;
      const { ref, ciphertext } = numberedChunk(number);
      await origin.put(ref.name, ciphertext);
      done.add(number);
      while (done.delete(confirmed)) confirmed++;
      process.send?.(confirmed);
    }
  };
  await Promise.all([put(), put(), put()]);
}

const [folder, where, from] = process.argv.slice(2);
if (process.send !== undefined && from !== undefined) {
  process.on('disconnect', () => process.exit());
  await main(folder!, where!, Number(from));
}
