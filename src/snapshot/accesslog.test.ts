import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeLog, emptyLog, encodeLog, runPagesMax, runsMax, withRun, workingSet } from './accesslog.js';

const run = (...pages: number[]) => Uint32Array.from(pages);

test('one run is taken as it was', () => {
  assert.deepEqual([...workingSet(withRun(emptyLog, run(9, 3, 7)))], [9, 3, 7]);
});

test('of three runs, pages that only one touched are left out, and order is that of most', () => {
  const log = [run(1, 2, 3, 4), run(2, 1, 3, 9), run(1, 2, 8, 3)].reduce(withRun, emptyLog);
  assert.deepEqual([...workingSet(log)], [1, 2, 3]);
});

test('a log holds a bounded number of runs of bounded length', () => {
  let log = emptyLog;
  for (let n = 0; n <= runsMax; n++) log = withRun(log, run(n));
  assert.equal(log.runs.length, runsMax);
  assert.deepEqual([...log.runs[0]!], [1]);
  assert.equal(withRun(emptyLog, new Uint32Array(runPagesMax + 5)).runs[0]!.length, runPagesMax);
});

test('what is stored reads back; anything else is no log', () => {
  const log = [run(1, 2), run(), run(5)].reduce(withRun, emptyLog);
  const bytes = encodeLog(log);
  assert.deepEqual(decodeLog(bytes), log);
  assert.equal(decodeLog(bytes.subarray(0, -1)), null);
  assert.equal(decodeLog(Buffer.concat([bytes, Buffer.alloc(1)])), null);
  assert.equal(decodeLog(Buffer.alloc(0)), null);
  assert.equal(decodeLog(Buffer.from([255, 255, 255, 255])), null);
});
