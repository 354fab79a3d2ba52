import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'node:test';
import { promisify } from 'node:util';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import { inlineBundle, localBundle } from './bundle.js';

async function entriesOf(zip: Buffer): Promise<Map<string, { text: string; mode: number }>> {
  const file = (await promisify(fromBuffer as never)(
    zip as never,
    { lazyEntries: true } as never,
  )) as unknown as ZipFile;
  const found = new Map<string, { text: string; mode: number }>();
  return await new Promise((resolve, reject) => {
    file.on('error', reject);
    file.on('end', () => resolve(found));
    file.on('entry', (entry: Entry) => {
      file.openReadStream(entry, (error, stream) => {
        if (error) return reject(error);
        buffer(stream).then((content) => {
          found.set(entry.fileName, { text: content.toString(), mode: (entry.externalFileAttributes >>> 16) & 0o777 });
          file.readEntry();
        }, reject);
      });
    });
    file.readEntry();
  });
}

async function inFolder(action: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-bundle-'));
  try {
    await action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the same files give the same bytes, whatever their times', () =>
  inFolder(async (folder) => {
    mkdirSync(join(folder, 'lib'));
    writeFileSync(join(folder, 'lib', 'b.js'), 'b');
    writeFileSync(join(folder, 'a.js'), 'a');
    const first = await localBundle(folder, 'test');
    utimesSync(join(folder, 'a.js'), 1, 1);
    const second = await localBundle(folder, 'test');
    assert.equal(first.codeSha256, second.codeSha256);
    assert.deepEqual([...(await entriesOf(first.zip)).keys()], ['a.js', 'lib/b.js']);
    writeFileSync(join(folder, 'a.js'), 'c');
    assert.notEqual((await localBundle(folder, 'test')).codeSha256, first.codeSha256);
  }));

test('executables stay so, links are followed, broken ones and .git are left out', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'bootstrap'), '#!/bin/sh\n');
    chmodSync(join(folder, 'bootstrap'), 0o755);
    mkdirSync(join(folder, '.git'));
    writeFileSync(join(folder, '.git', 'HEAD'), 'x');
    symlinkSync('bootstrap', join(folder, 'link'));
    symlinkSync('nowhere', join(folder, 'broken'));
    symlinkSync(folder, join(folder, 'self'));
    const entries = await entriesOf((await localBundle(folder, 'test')).zip);
    assert.deepEqual([...entries.keys()], ['bootstrap', 'link']);
    assert.equal(entries.get('bootstrap')!.mode, 0o755);
  }));

test('a link to a folder above is not followed, however it is written; one to a folder beside is', () =>
  inFolder(async (folder) => {
    mkdirSync(join(folder, 'code', 'deep'), { recursive: true });
    mkdirSync(join(folder, 'code-shared'));
    writeFileSync(join(folder, 'code', 'a.js'), 'a');
    writeFileSync(join(folder, 'code-shared', 'b.js'), 'b');
    symlinkSync('..', join(folder, 'code', 'up'));
    symlinkSync('../../code', join(folder, 'code', 'deep', 'again'));
    symlinkSync('.', join(folder, 'code', 'deep', 'here'));
    symlinkSync('/', join(folder, 'code', 'all'));
    symlinkSync('../code-shared', join(folder, 'code', 'shared'));
    symlinkSync(join(folder, 'code-shared'), join(folder, 'code', 'deep', 'shared'));
    const entries = await entriesOf((await localBundle(join(folder, 'code'), 'test')).zip);
    assert.deepEqual([...entries.keys()], ['a.js', 'deep/shared/b.js', 'shared/b.js']);
  }));

test('the last pattern that matches decides', () =>
  inFolder(async (folder) => {
    for (const name of ['a.js', 'b.js', 'c.md']) writeFileSync(join(folder, name), name);
    const names = async (...patterns: string[]) =>
      [...(await entriesOf((await localBundle(folder, 'test', patterns)).zip)).keys()].join(' ');
    assert.equal(await names(), 'a.js b.js c.md');
    assert.equal(await names('!**', '*.js', '!b.js'), 'a.js');
    assert.equal(await names('!./c.md'), 'a.js b.js');
    await assert.rejects(names('!**'), /holds no files/);
  }));

test('a zip goes as it is, a file alone, and code in a template as index', async () => {
  const inline = await inlineBundle('x', 'python3.11');
  assert.deepEqual([...(await entriesOf(inline.zip)).keys()], ['index.py']);
  await inFolder(async (folder) => {
    const zip = join(folder, 'code.zip');
    writeFileSync(zip, inline.zip);
    assert.deepEqual((await localBundle(zip, 'test')).zip, inline.zip);
    writeFileSync(join(folder, 'one.js'), 'x');
    assert.deepEqual(
      [...(await entriesOf((await localBundle(join(folder, 'one.js'), 'test')).zip)).keys()],
      ['one.js'],
    );
    await assert.rejects(localBundle(join(folder, 'none'), 'Code'), /Code: .* does not exist/);
  });
});
