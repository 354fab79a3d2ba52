import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { type Manifest, type PageRun, pageBytes, pagesPerChunk } from '../chunks/layout.js';
import { packManifest } from '../chunks/packedmanifest.js';
import { InvariantError } from '../kernel/assert.js';
import { PageMap } from './pagemap.js';
import { AccessLog, PageSet } from './pageset.js';
import { testChunk } from './testchunks.js';

const deadline = { timeout: 60_000 };
const chunks = [0, 1, 2].map((index) => testChunk(index));

/** Runs in order, with gaps and without, and the size of a file that holds them. */
const manifests: fc.Arbitrary<Manifest> = fc
  .array(
    fc.record({
      gap: fc.nat(5),
      count: fc.integer({ min: 1, max: 9 }),
      chunk: fc.nat(2),
      slot: fc.nat(pagesPerChunk - 9),
    }),
    { maxLength: 20 },
  )
  .chain((parts) => fc.nat(5).map((behind) => ({ parts, behind })))
  .map(({ parts, behind }) => {
    let page = 0;
    const runs = parts.map(({ gap, count, chunk, slot }): PageRun => {
      const run = { page: page + gap, count, chunk, slot };
      page += gap + count;
      return run;
    });
    return { bytes: (page + behind + 1) * pageBytes, chunks, runs, parent: null };
  });

/** Where each page comes from: chunk and slot, or null for zero. */
function sources({ bytes, runs }: Manifest): (string | null)[] {
  const pages = new Array<string | null>(bytes / pageBytes).fill(null);
  for (const { page, count, chunk, slot } of runs) {
    for (let next = 0; next < count; next += 1) pages[page + next] = `${chunk}:${slot + next}`;
  }
  return pages;
}

it('finds every page, and how far its source goes', deadline, () => {
  fc.assert(
    fc.property(manifests, fc.integer({ min: 1, max: 12 }), (manifest, countMax) => {
      const map = new PageMap(packManifest(manifest));
      const pages = sources(manifest);
      for (let page = 0; page < pages.length; page += 1) {
        const { chunk, slot, count } = map.locate(page, Math.min(countMax, pages.length - page));
        assert.ok(count >= 1 && count <= countMax);
        for (let next = 0; next < count; next += 1) {
          assert.equal(pages[page + next], chunk < 0 ? null : `${chunk}:${slot + next}`);
        }
      }
    }),
  );
});

it('gives chunks as the manifest names them', deadline, () => {
  const map = new PageMap(packManifest({ bytes: pageBytes, chunks, runs: [], parent: null }));
  assert.equal(map.chunkCount, 3);
  assert.deepEqual(
    [0, 1, 2].map((index) => map.chunk(index)),
    chunks,
  );
});

it('refuses runs out of order, beyond their chunk, or beyond the file', deadline, () => {
  const run = (page: number, count: number, chunk = 0, slot = 0): PageRun => ({ page, count, chunk, slot });
  for (const runs of [
    [run(4, 1), run(3, 1)],
    [run(0, 2), run(1, 1)],
    [run(0, 1, 3)],
    [run(0, 2, 0, pagesPerChunk - 1)],
    [run(0, 0)],
    [run(15, 2)],
    [run(-1, 1)],
  ]) {
    assert.throws(() => packManifest({ bytes: 16 * pageBytes, chunks, runs, parent: null }), InvariantError);
  }
});

it('an access log has each page once, in order of its first access', deadline, () => {
  fc.assert(
    fc.property(fc.array(fc.nat(4_999), { maxLength: 4_000 }), (accesses) => {
      const log = new AccessLog(5_000);
      for (const page of accesses) log.add(page);
      assert.deepEqual([...log.pages()], [...new Set(accesses)]);
    }),
    { numRuns: 30 },
  );
});

it('a page set knows its bound', deadline, () => {
  const set = new PageSet(9);
  assert.ok(set.add(8));
  assert.ok(!set.add(8));
  assert.ok(!set.add(9));
  assert.ok(set.has(8));
  set.clear();
  assert.ok(!set.has(8));
});
