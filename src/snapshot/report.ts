import { pageBytes } from '../chunks/layout.js';
import type { SnapshotSizes } from '../worker/sandbox/driver.js';
import type { LayerKind } from './record.js';

/** What is shown of one stored layer: `GET /_hearth/snapshots`, `hearth snapshots --json`. */
export interface LayerReport extends SnapshotSizes {
  readonly layer: LayerKind;
  readonly id: string;
  /** `FUNCTION:VERSION` of a function's layer, or null. */
  readonly of: string | null;
  /** Of the virtual machine. */
  readonly memoryMib: number;
  readonly parent: string | null;
  readonly createdMs: number;
  /** Made by another version of anything: made again when it is next needed. */
  readonly stale: boolean;
  /** Restores whose page accesses were recorded. */
  readonly recordedRuns: number;
  /** Pages that most restores touch, bytes. 0 while none was recorded. */
  readonly workingSetBytes: number;
}

export interface SnapshotReport {
  /** From the function's layer down to the OS layer. */
  readonly layers: readonly LayerReport[];
  /** How the working set of the first layer lies in its memory. Cells share the memory equally. */
  readonly pattern: { readonly cells: readonly PatternCell[]; readonly cellBytes: number };
}

export interface PatternCell {
  /** Part of the cell's pages in the working set, 0 to 1. */
  readonly touched: number;
  /** When they were first touched, on average: 0 first, 1 last. Null when none was. */
  readonly order: number | null;
}

/** Cells of a drawn pattern: 16 lines of 64. */
export const patternCells = 1_024;

/** How a working set (pages in order of access) lies in a memory of so many pages. */
export function accessPattern(workingSet: Uint32Array, pages: number): SnapshotReport['pattern'] {
  const pagesPerCell = Math.max(1, Math.ceil(pages / patternCells));
  const cells = Array.from({ length: Math.ceil(pages / pagesPerCell) }, () => ({ count: 0, places: 0 }));
  workingSet.forEach((page, place) => {
    const cell = cells[Math.floor(page / pagesPerCell)];
    if (cell === undefined) return;
    cell.count += 1;
    cell.places += place / Math.max(1, workingSet.length - 1);
  });
  return {
    cellBytes: pagesPerCell * pageBytes,
    cells: cells.map(({ count, places }) => ({
      touched: count / pagesPerCell,
      order: count === 0 ? null : places / count,
    })),
  };
}
