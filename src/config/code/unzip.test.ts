import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { withFolder } from '../../../test/contract/folder.js';
import { makeZip, type ZipMember } from '../../../test/zip.js';
import { mib } from '../../kernel/units.js';
import { unzip } from './unzip.js';
import { ZipTree } from './ziptree.js';

const couldNot = 'Could not unzip uploaded file. Please check your file, then try to upload again.';
const tooLarge = 'Unzipped size must be smaller than 262144000 bytes';
const empty = 'Uploaded file must be a non-empty zip';
const link = (name: string, target: string): ZipMember => ({ name, data: target, mode: 0o120777 });

async function outcome(zip: Buffer): Promise<string> {
  return await withFolder(async (folder) => {
    const work = join(folder, 'work');
    mkdirSync(work);
    writeFileSync(join(folder, 'secret'), 'untouched');
    const result = await unzip(zip, work);
    assert.deepEqual(readdirSync(folder).sort(), ['secret', 'work']);
    assert.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'untouched');
    return result.ok ? `ok ${result.value.unzippedBytes}` : `${result.failure.code}: ${result.failure.message}`;
  });
}

describe('unzip', () => {
  it('keeps exec bits and links, makes everything readable, and gives every file the same time', async () =>
    await withFolder(async (folder) => {
      const zip = makeZip([
        { name: 'index.js', data: 'exports.handler = 1', mode: 0o100600 },
        { name: 'bin/run', data: '#!/bin/sh', mode: 0o104750, stored: true },
        { name: 'bin/', mode: 0o040700 },
        { name: './lib//a.js', data: 'a' },
        link('bin/again', '../index.js'),
      ]);
      const result = await unzip(zip, folder);
      assert.ok(result.ok);
      assert.equal(result.value.unzippedBytes, 19 + 9 + 1);
      assert.equal(statSync(join(folder, 'index.js')).mode & 0o7777, 0o644);
      assert.equal(statSync(join(folder, 'bin/run')).mode & 0o7777, 0o755);
      assert.equal(statSync(join(folder, 'bin')).mode & 0o7777, 0o755);
      assert.equal(readlinkSync(join(folder, 'bin/again')), '../index.js');
      assert.equal(readFileSync(join(folder, 'lib/a.js'), 'utf8'), 'a');
      assert.equal(lstatSync(join(folder, 'lib/a.js')).mtime.toISOString(), '2020-01-01T00:00:00.000Z');
    }));

  it('does not let the umask decide who can read the code', async () =>
    await withFolder(async (folder) => {
      const before = process.umask(0o077);
      try {
        assert.ok((await unzip(makeZip([{ name: 'a/b/c', data: 'x', mode: 0o100755 }]), folder)).ok);
      } finally {
        process.umask(before);
      }
      const modes = ['a', 'a/b', 'a/b/c'].map((path) => statSync(join(folder, path)).mode & 0o777);
      assert.deepEqual(modes, [0o755, 0o755, 0o755]);
    }));

  const good = { name: 'index.js', data: 'x' };
  const cases: Record<string, readonly ZipMember[]> = {
    'parent folder': [good, { name: '../secret', data: 'x' }],
    'parent folder in the middle': [good, { name: 'a/../../secret', data: 'x' }],
    'absolute path': [good, { name: '/tmp/x', data: 'x' }],
    'drive letter': [good, { name: 'C:/x', data: 'x' }],
    backslash: [good, { name: '..\\secret', data: 'x' }],
    'name with NUL': [good, { name: 'a\0b', data: 'x' }],
    'name too long': [good, { name: 'n'.repeat(256), data: 'x' }],
    'path too long': [good, { name: `${'n/'.repeat(1_100)}x`, data: 'x' }],
    'the same file twice': [good, good],
    'the same file by another spelling': [good, { name: './index.js', data: 'y' }],
    'file and folder': [good, { name: 'index.js/a', data: 'x' }],
    'folder and file': [
      { name: 'a/b', data: 'x' },
      { name: 'a', data: 'x' },
    ],
    encrypted: [{ ...good, flags: 0x801 }],
    'wrong checksum': [{ ...good, crc: 1 }],
    'declares too few bytes': [{ name: 'a', data: Buffer.alloc(1_000), declaredBytes: 10 }],
    'declares too many bytes': [{ name: 'a', data: Buffer.alloc(10), declaredBytes: 1_000 }],
    'device file': [good, { name: 'dev', mode: 0o020666 }],
    'link out': [good, link('a', '../secret')],
    'absolute link': [good, link('a', '/etc/passwd')],
    'link through a link': [good, { name: 'x/f', data: '' }, link('x/up', '..'), link('out', 'x/up/../secret')],
    'link loop': [good, link('a', 'b'), link('b', 'a')],
    'file below a link': [good, link('a', 'b'), { name: 'a/x', data: 'x' }],
    'empty link': [good, link('a', '')],
  };
  for (const [name, members] of Object.entries(cases)) {
    it(`refuses: ${name}`, async () =>
      assert.equal(await outcome(makeZip(members)), `InvalidParameterValueException: ${couldNot}`));
  }

  it('refuses what is not a zip, is cut off, or has nothing in it', async () => {
    const whole = makeZip([{ name: 'a', data: Buffer.alloc(5_000, 'abc') }]);
    assert.equal(
      await outcome(Buffer.from('not a zip, only some text')),
      `InvalidParameterValueException: ${couldNot}`,
    );
    for (let bytes = 0; bytes < whole.length; bytes += 7) {
      assert.equal(await outcome(whole.subarray(0, bytes)), `InvalidParameterValueException: ${couldNot}`);
    }
    assert.equal(await outcome(makeZip([])), `InvalidParameterValueException: ${empty}`);
    assert.equal(await outcome(makeZip([{ name: 'a/' }])), `InvalidParameterValueException: ${empty}`);
  });

  it('refuses bombs: by what they declare, by what they are, and overlapping ones', async () => {
    const zeros = Buffer.alloc(64 * mib);
    const one = { name: 'a', data: zeros };
    assert.equal(
      await outcome(makeZip([{ name: 'a', data: 'x', declaredBytes: 0xfffffff0 }])),
      `InvalidParameterValueException: ${tooLarge}`,
    );
    const shared = [one, ...['b', 'c', 'd'].map((name) => ({ name, sharesDataOf: 0 }))];
    assert.equal(await outcome(makeZip(shared)), `InvalidParameterValueException: ${tooLarge}`);
    const lying = { ...one, declaredBytes: 100 };
    assert.equal(await outcome(makeZip([lying])), `InvalidParameterValueException: ${couldNot}`);
  });

  it('never throws and never writes outside, whatever bytes are broken (property)', async () => {
    const zip = makeZip([good, { name: 'a/b', data: Buffer.alloc(3_000, 'xyz') }, link('l', 'a/b')]);
    const change = fc.record({ at: fc.nat(zip.length - 1), value: fc.integer({ min: 0, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const broken = Buffer.from(zip);
        for (const { at, value } of changes) broken[at] = value;
        await outcome(broken);
      }),
      { numRuns: 150 },
    );
  });

  it('follows links as Linux would', () => {
    const tree = new ZipTree();
    tree.add('d/e/f', { kind: 'file' });
    tree.add('d/l', { kind: 'link', target: 'e/../e/f' });
    assert.ok(tree.linksStayInside());
    tree.add('d/e/up', { kind: 'link', target: '../..' });
    assert.ok(tree.linksStayInside());
    tree.add('d/out', { kind: 'link', target: 'e/up/..' });
    assert.ok(!tree.linksStayInside());
  });
});
