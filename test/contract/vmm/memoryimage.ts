import assert from 'node:assert/strict';
import { chmodSync, closeSync, copyFileSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { Capture } from '../../../src/vmm/vmm.js';

const pageBytes = 4096;

/** A memory image as a plain file: a parent's, or zeros, with the pages of a capture laid over it. */
export class MemoryImage {
  private constructor(
    readonly path: string,
    private readonly pages: number,
  ) {}

  static zeros(path: string, memoryMib: number): MemoryImage {
    const image = new MemoryImage(path, (memoryMib * 1024 * 1024) / pageBytes);
    const fd = openSync(path, 'wx');
    ftruncateSync(fd, image.pages * pageBytes);
    closeSync(fd);
    // A monitor opens it under a user of its own.
    chmodSync(path, 0o666);
    return image;
  }

  child(path: string, capture: Capture): MemoryImage {
    copyFileSync(this.path, path);
    chmodSync(path, 0o666);
    const fd = openSync(path, 'r+');
    for (const page of capture.pages) writeSync(fd, capture.read(page, 1), 0, pageBytes, page * pageBytes);
    closeSync(fd);
    return new MemoryImage(path, this.pages);
  }

  /** That a capture of a machine that ran on this image has every page in which the machine's memory differs now. */
  assertComplete(capture: Capture): void {
    const named = new Set(capture.pages);
    const fd = openSync(this.path, 'r');
    const mine = Buffer.alloc(256 * pageBytes);
    const missed: number[] = [];
    for (let first = 0; first < this.pages; first += 256) {
      readSync(fd, mine, 0, mine.length, first * pageBytes);
      const its = capture.read(first, 256);
      if (mine.equals(its)) continue;
      for (let at = 0; at < 256; at += 1) {
        const [from, to] = [at * pageBytes, (at + 1) * pageBytes];
        if (named.has(first + at) || mine.subarray(from, to).equals(its.subarray(from, to))) continue;
        missed.push(first + at);
      }
    }
    closeSync(fd);
    assert.deepEqual(missed, [], 'pages that changed and are not in the capture');
  }
}
