import type { SparseFile } from './files.js';
import { batchPagesMax, type StoringThread } from './storing.js';

/** First window behind two faults in a row; each next one is twice as large, up to a batch (1 MiB). */
const windowPagesMin = 8;
/** Sequences followed in one file: a processor of the guest fills one block at a time, its other allocations come between. */
const sequencesMax = 16;
/** Pages pushed of which nothing is known yet: a full window of every sequence, 16 MiB. */
const unprovenPagesMax = sequencesMax * batchPagesMax;
/** Beyond it, one page for so many that were pushed, or read one by one, and used. */
const provenPagesPerUnproven = 4;

/** Faults that go upwards, without a gap. */
interface Sequence {
  /** First page of the last window but one: a guest that is faster than the pushes still reads there. */
  begin: number;
  /** First page of the last window. */
  from: number;
  /** A read from here on to `end` says that what was pushed is being used. */
  marker: number;
  /** Behind the last page that was read or pushed. */
  end: number;
  /** Pages of the last window; 0: none yet. */
  window: number;
  /** Pages pushed since the last read of the marker. */
  unproven: number;
}

interface Sequences {
  /** The one that was used last comes last. */
  readonly list: Sequence[];
  unproven: number;
  proven: number;
}

/** A mount. */
export interface LookaheadTarget {
  readonly device: { readonly descriptor: number };
  readonly files: { free(file: SparseFile, first: number, count: number): number };
}

/**
 * Pushes zero pages into the page cache ahead of a guest that takes memory it never used: it fills free blocks from their
 * beginning to their end (measured: 51,200 faults in one ascending sequence), and each would be a fault of its own. One
 * page in the middle of each window is left out: its fault tells that the window is used and that the next is due, while
 * the guest still has pages of this one. A guess costs no fault any time: windows are sent off after the answer, and by
 * the storing thread.
 */
export class Lookahead {
  /** Pages that the kernel took. */
  pages = 0;
  private readonly files = new WeakMap<SparseFile, Sequences>();

  constructor(private readonly storing: Pick<StoringThread, 'zeros'>) {}

  /** The guest read `count` zero pages of the file. */
  read(target: LookaheadTarget, file: SparseFile, first: number, count: number): void {
    // A recording would lack the pages pushed; a file that waits for its contents could keep the zeros; and an access
    // log that is being pushed knows better.
    if (file.log !== null || !file.filled || file.given !== null) return;
    let sequences = this.files.get(file);
    if (sequences === undefined) {
      sequences = { list: [], unproven: 0, proven: 0 };
      this.files.set(file, sequences);
    }
    const { list } = sequences;
    const index = list.findIndex(({ begin, end }) => first >= begin && first <= end);
    if (index < 0) {
      const end = first + count;
      if (list.length === sequencesMax) list.shift();
      list.push({ begin: first, from: first, marker: end, end, window: 0, unproven: 0 });
      return;
    }
    const sequence = list[index]!;
    // Before the marker: the guest was faster than the push.
    if (first < sequence.marker) return;
    if (index < list.length - 1) list.push(...list.splice(index, 1));
    sequences.proven += sequence.unproven + count;
    sequences.unproven -= sequence.unproven;
    sequence.unproven = 0;
    this.advance(target, file, sequences, sequence, first + count);
  }

  private advance(target: LookaheadTarget, file: SparseFile, all: Sequences, sequence: Sequence, next: number): void {
    const from = Math.max(sequence.end, next);
    const wanted = Math.min(batchPagesMax, Math.max(windowPagesMin, sequence.window * 2));
    const allowed = unprovenPagesMax + Math.floor(all.proven / provenPagesPerUnproven) - all.unproven;
    const length = this.zeroPages(target, file, from, Math.min(wanted, allowed));
    const marker = from + (length >>> 1);
    const ranges = [
      { page: from, count: marker - from },
      { page: marker + 1, count: from + length - marker - 1 },
    ].filter(({ count }) => count > 0);
    const sent = ranges.length === 0 ? null : this.storing.zeros(target.device.descriptor, file.node, ranges);
    sequence.begin = sequence.from;
    sequence.from = from;
    if (sent === null) {
      // Nothing to push, or too much under way: the read of the next page begins anew.
      sequence.marker = from;
      sequence.end = from;
      sequence.window = 0;
      return;
    }
    sequence.marker = marker;
    sequence.end = from + length;
    sequence.window = length;
    sequence.unproven = length - 1;
    all.unproven += length - 1;
    sent.then((taken) => {
      this.pages += taken;
    });
  }

  /** Of the run that `from` is in, from there on, without pages that somebody waits for. */
  private zeroPages(target: LookaheadTarget, file: SparseFile, from: number, countMax: number): number {
    const count = Math.min(countMax, file.pages - from);
    if (count <= 0) return 0;
    const found = file.map.locate(from, count);
    return found.chunk < 0 ? target.files.free(file, from, found.count) : 0;
  }
}
