import { ChunkError } from './chunkerror.js';
import { storedBytesMax } from './codec.js';
import { type ChunkRef, type Manifest, type PageRun, pageBytes, pagesPerChunk } from './layout.js';
import { sign, unsign, VarintReader, VarintWriter } from './varint.js';
import { zstd } from './zstd.js';

/** First byte of an encoded manifest: the format's version. */
const format = 1;
/** Of an encoded manifest before compression. Largest real one: every other page of 16 GiB in a run of its own, 5 bytes each. */
const encodedBytesMax = 64 * 1024 * 1024;

/**
 * Compact bytes of a manifest, not encrypted: for a pipe between two processes that both may read it, and for
 * ManifestStore. A few bytes a run, about 70 a chunk; zstd shortens the runs.
 */
export function encodeManifest(manifest: Manifest): Buffer {
  const writer = new VarintWriter();
  writer.number(manifest.bytes / pageBytes);
  const parent = Buffer.from(manifest.parent ?? '', 'utf8');
  writer.number(parent.length);
  writer.raw(parent);
  writer.number(manifest.chunks.length);
  for (const chunk of manifest.chunks) {
    writer.raw(Buffer.from(chunk.name, 'hex'));
    writer.raw(chunk.key);
    writer.number(chunk.storedBytes);
    writer.number(chunk.bytes / pageBytes);
  }
  writer.number(manifest.runs.length);
  let page = 0;
  let chunk = 0;
  let slot = 0;
  const numbers = new Uint32Array(manifest.runs.length * 4);
  let at = 0;
  for (const run of manifest.runs) {
    numbers[at++] = run.page - page;
    numbers[at++] = run.count;
    numbers[at++] = sign(run.chunk - chunk);
    numbers[at++] = sign(run.slot - slot);
    page = run.page + run.count;
    chunk = run.chunk;
    slot = run.slot + run.count;
  }
  writer.numbers(numbers);
  return Buffer.concat([Buffer.of(format), zstd.compress(writer.finish())]);
}

/** The manifest of these bytes. Throws ChunkError (`corrupt`) unless it is whole and every run lies within its chunk. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes[0] !== format) throw new ChunkError('corrupt', `a manifest of format ${bytes[0]}, not ${format}`);
  let plain: Uint8Array;
  try {
    plain = zstd.decompress(bytes.subarray(1), encodedBytesMax);
  } catch (error) {
    throw new ChunkError('corrupt', `a manifest that does not decompress: ${(error as Error).message}`);
  }
  const reader = new VarintReader(plain);
  const pages = reader.number();
  const parent = Buffer.from(reader.raw(reader.number())).toString('utf8');
  const chunks: ChunkRef[] = [];
  for (let count = reader.number(); count > 0; count--) {
    const name = Buffer.from(reader.raw(32)).toString('hex');
    const key = Buffer.from(reader.raw(32));
    const storedBytes = reader.number();
    const chunkPages = reader.number();
    check(storedBytes > 0 && storedBytes <= storedBytesMax && chunkPages > 0 && chunkPages <= pagesPerChunk);
    chunks.push({ name, key, storedBytes, bytes: chunkPages * pageBytes });
  }
  const runs: PageRun[] = [];
  let page = 0;
  let chunk = 0;
  let slot = 0;
  const numbers = reader.numbers(reader.number() * 4);
  for (let at = 0; at < numbers.length; at += 4) {
    page += numbers[at]!;
    const count = numbers[at + 1]!;
    chunk += unsign(numbers[at + 2]!);
    slot += unsign(numbers[at + 3]!);
    const held = chunks[chunk];
    check(held !== undefined && slot >= 0 && count > 0 && (slot + count) * pageBytes <= held.bytes);
    check(page + count <= pages);
    runs.push({ page, count, chunk, slot });
    page += count;
    slot += count;
  }
  check(reader.atEnd);
  return { bytes: pages * pageBytes, chunks, runs, parent: parent === '' ? null : parent };
}

function check(holds: boolean): asserts holds {
  if (!holds) throw new ChunkError('corrupt', 'a manifest that contradicts itself');
}
