import assert from 'node:assert/strict';
import test from 'node:test';
import { accessPattern, patternCells } from './report.js';

test('a working set is drawn where it lies, in the order in which it was touched', () => {
  const pages = patternCells * 4;
  const { cells, cellBytes } = accessPattern(Uint32Array.of(4, 5, 6, 7, 0), pages);
  assert.equal(cells.length, patternCells);
  assert.equal(cellBytes, 4 * 4096);
  assert.deepEqual(cells[0], { touched: 0.25, order: 1 });
  assert.deepEqual(cells[1], { touched: 1, order: 0.375 });
  assert.deepEqual(cells[2], { touched: 0, order: null });
});

test('a small memory has a cell a page; pages beyond it are left out', () => {
  const { cells } = accessPattern(Uint32Array.of(0, 9), 2);
  assert.deepEqual(cells, [
    { touched: 1, order: 0 },
    { touched: 0, order: null },
  ]);
});
