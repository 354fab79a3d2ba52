import { open, rm } from 'node:fs/promises';
import { type ChunkReader, type Manifest, type PageRun, pageBytes, type Urgency } from './layout.js';

/** Chunks read ahead while one is written: hides a store's round trip with 4 MiB. */
const readsMax = 8;

/**
 * Writes a manifest's file as a whole: zero pages stay holes. Replaces what is at `path`; rejects, leaving nothing
 * there, with ChunkError when a chunk cannot be had, or with the file system's error.
 */
export async function unpack(
  manifest: Manifest,
  reader: ChunkReader,
  path: string,
  urgency: Urgency = 'prefetch',
): Promise<void> {
  const runsOf: PageRun[][] = manifest.chunks.map(() => []);
  for (const run of manifest.runs) runsOf[run.chunk]!.push(run);
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(manifest.bytes);
    let next = 0;
    const copy = async () => {
      while (next < manifest.chunks.length) {
        const chunk = next++;
        const plaintext = await reader.read(manifest.chunks[chunk]!, urgency);
        for (const { page, count, slot } of runsOf[chunk]!) {
          await file.write(plaintext, slot * pageBytes, count * pageBytes, page * pageBytes);
        }
      }
    };
    const copies = await Promise.allSettled(Array.from({ length: readsMax }, copy));
    for (const each of copies) if (each.status === 'rejected') throw each.reason;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
