import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import type { LayerSpec } from '../../wire/functionspec.js';
import { LayerTrees } from './layertrees.js';
import { SharedLibraries } from './sharedlibraries.js';

/** A tree of files given as text; `-> TARGET` makes a link. */
function grow(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), path);
    else writeFileSync(path, text);
  }
  return folder;
}

const layersOf = (...names: string[]): LayerSpec[] =>
  names.map((name) => ({ arn: `arn:${name}`, codeSha256Hex: name, codeBytes: 1 }));

interface Grove {
  readonly trees: LayerTrees;
  readonly folder: string;
  /** Trees that were asked for. */
  readonly asked: string[];
}

const within = (
  sources: Readonly<Record<string, Readonly<Record<string, string>>>>,
  body: (grove: Grove) => Promise<void>,
  idleMax?: number,
) =>
  withFolder(async (root) => {
    for (const [name, files] of Object.entries(sources)) grow(join(root, 'code', name), files);
    const asked: string[] = [];
    const folder = join(root, 'layers');
    const trees = new LayerTrees({
      folder,
      treeOf: async (name) => {
        asked.push(name);
        if (!existsSync(join(root, 'code', name))) throw new Error(`no ${name}`);
        return join(root, 'code', name);
      },
      ...(idleMax === undefined ? {} : { idleMax }),
    });
    await body({ trees, folder, asked });
    await trees.close();
  });

test('no layers, no folder; one layer is its own tree', () =>
  within({ a: { 'bin/tool': 'a' } }, async ({ trees, folder }) => {
    assert.equal((await trees.acquire([])).directory, null);
    const { directory } = await trees.acquire(layersOf('a'));
    assert.equal(readFileSync(join(directory!, 'bin/tool'), 'utf8'), 'a');
    assert.deepEqual(readdirSync(folder), []);
  }));

test('of files with the same path, the later layer has its way; links and folders take each other’s place', () =>
  within(
    {
      a: { 'lib/x': 'a', 'only/a': 'a', swap: 'a file', 'turn/inner': 'a', link: '-> lib/x', way: '-> only' },
      b: { 'lib/x': 'b', 'lib/y': 'b', 'swap/inner': 'b folder', turn: 'b file', 'way/b': 'b' },
    },
    async ({ trees }) => {
      const { directory, release } = await trees.acquire(layersOf('a', 'b'));
      const read = (path: string) => readFileSync(join(directory!, path), 'utf8');
      assert.deepEqual(['lib/x', 'lib/y', 'only/a', 'swap/inner', 'turn', 'link', 'way/b'].map(read), [
        'b',
        'b',
        'a',
        'b folder',
        'b file',
        'b',
        'b',
      ]);
      assert.equal(readlinkSync(join(directory!, 'link')), 'lib/x');
      // Nothing was written through the earlier layer's link.
      assert.deepEqual(readdirSync(join(directory!, 'only')), ['a']);
      assert.ok(statSync(join(directory!, 'lib/y')).nlink > 1, 'files are shared with the layer');
      release();
      const other = await trees.acquire(layersOf('b', 'a'));
      assert.equal(readFileSync(join(other.directory!, 'lib/x'), 'utf8'), 'a');
      other.release();
    },
  ));

test('sandboxes share a tree, also when they come at once; it is not made again while it is kept', () =>
  within({ a: { x: 'a' }, b: { y: 'b' } }, async ({ trees, folder, asked }) => {
    const held = await Promise.all([1, 2, 3].map(() => trees.acquire(layersOf('a', 'b'))));
    assert.equal(new Set(held.map(({ directory }) => directory)).size, 1);
    for (const { release } of held) release();
    (await trees.acquire(layersOf('a', 'b'))).release();
    assert.deepEqual(asked, ['a', 'b']);
    assert.equal(readdirSync(folder).length, 1);
  }));

test('unused trees beyond 16 go, the longest unused first; used ones stay', () =>
  within(
    Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`l${index}`, { [`f${index}`]: 'x' }])),
    async ({ trees, folder, asked }) => {
      const kept = await trees.acquire(layersOf('l0', 'l1'));
      for (let index = 1; index < 19; index++) (await trees.acquire(layersOf(`l${index}`, `l${index + 1}`))).release();
      await trees.close();
      assert.equal(readdirSync(folder).length, 17);
      assert.ok(existsSync(join(kept.directory!, 'f0')));
      asked.length = 0;
      (await trees.acquire(layersOf('l18', 'l19'))).release();
      assert.deepEqual(asked, []);
      const again = await trees.acquire(layersOf('l1', 'l2'));
      assert.deepEqual([asked, existsSync(join(again.directory!, 'f2'))], [['l1', 'l2'], true]);
    },
  ));

test('what a run before left is gone; trees may be made beforehand', () =>
  within({ a: { x: 'a' }, b: { y: 'b' } }, async ({ trees, folder, asked }) => {
    const { directory } = await trees.acquire(layersOf('a', 'b'));
    const again = new LayerTrees({ folder, treeOf: async (name) => join(dirname(folder), 'code', name) });
    assert.ok(!existsSync(directory!));
    await again.close();
    assert.deepEqual(readdirSync(dirname(folder)).sort(), ['code', 'layers']);
    asked.length = 0;
    trees.prepare(layersOf('b', 'a'));
    assert.deepEqual(readdirSync((await trees.acquire(layersOf('b', 'a'))).directory!).sort(), ['x', 'y']);
    assert.deepEqual(asked, ['b', 'a']);
    trees.prepare(layersOf('a', 'none'));
  }));

test('a layer whose code is gone fails the start, and the next one tries again', () =>
  within({ a: { x: 'a' } }, async ({ trees, folder }) => {
    await assert.rejects(trees.acquire(layersOf('a', 'none')), /no none/);
    await assert.rejects(trees.acquire(layersOf('a', 'none')), /no none/);
    assert.deepEqual(readdirSync(folder), []);
  }));

test('shared libraries count where LD_LIBRARY_PATH leads', () =>
  withFolder(async (root) => {
    const libraries = new SharedLibraries();
    const code = grow(join(root, 'code'), { 'lib/index.js': '', 'deep/lib/x.so': '', '_cffi.cpython-311.so': '' });
    const opt = grow(join(root, 'opt'), { 'x.so': '', 'bin/tool': '' });
    assert.equal(await libraries.among(code, null), false);
    assert.equal(await libraries.among(code, opt), false);
    assert.equal(await libraries.among(code, grow(join(root, 'o'), { 'lib/libx.so.1.2': '' })), true);
    assert.equal(await libraries.among(grow(join(root, 'c'), { 'lib/y.so': '' }), null), true);
    assert.equal(await libraries.among(grow(join(root, 'd'), { 'liby.so.1': '' }), null), true);
  }));
