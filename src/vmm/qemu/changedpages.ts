import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { assert } from '../../kernel/assert.js';
import { DriverError } from '../../worker/sandbox/driver.js';

export const pageBytes = 4096;
/** One 64-bit entry of `/proc/PID/pagemap` (Linux documentation, "pagemap"). */
const entryBytes = 8;
/** Entries read at once: 256 KiB, the changes of 128 MiB. */
const entriesAtOnce = 32_768;
/** Bits 63, 62 and 61 of an entry, in its upper half. */
const present = 0x8000_0000;
const swapped = 0x4000_0000;
const fileOrShared = 0x2000_0000;

/** Where a machine's memory lies in its monitor's address space. */
export function findMemory(pid: number, memoryBytes: number): number {
  const found: number[] = [];
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 \S+ (\d+) /.exec(line);
    if (!match || match[3] === '0') continue;
    const [start, end] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)];
    if (end - start === memoryBytes) found.push(start);
  }
  if (found.length !== 1) throw new DriverError(`the memory of monitor ${pid} was found ${found.length} times`);
  return found[0]!;
}

/**
 * Numbers of the pages that are no longer those of the file mapped there, ascending. The mapping is private: the first
 * write to a page gives the process an anonymous copy of it, and the kernel tells which pages are anonymous.
 */
export async function changedPages(pid: number, start: number, memoryBytes: number): Promise<Uint32Array> {
  assert(endianness() === 'LE', 'the upper half of an entry is its second word');
  const pages = memoryBytes / pageBytes;
  const words = new Uint32Array(2 * entriesAtOnce);
  const bytes = Buffer.from(words.buffer);
  const found = new Uint32Array(pages);
  let count = 0;
  // Piece by piece: the map of 10 GiB has 20 MiB, and others want the processor, too.
  const file = await open(`/proc/${pid}/pagemap`, 'r');
  try {
    for (let first = 0; first < pages; first += entriesAtOnce) {
      const wanted = Math.min(entriesAtOnce, pages - first) * entryBytes;
      const { bytesRead: got } = await file.read(bytes, 0, wanted, (start / pageBytes + first) * entryBytes);
      if (got !== wanted)
        throw new DriverError(`the monitor's memory ended: ${got} of ${wanted} bytes of its page map`);
      for (let at = 0; at < wanted / entryBytes; at += 1) {
        const high = words[2 * at + 1]!;
        if ((high & (present | swapped)) !== 0 && (high & fileOrShared) === 0) found[count++] = first + at;
      }
    }
  } finally {
    await file.close();
  }
  return found.slice(0, count);
}
