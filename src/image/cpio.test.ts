import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { findProgram } from '../worker/sandbox/programs.js';
import { cpioArchive, directoryMode, fileMode } from './cpio.js';

const entries = [
  { path: 'dev', mode: directoryMode },
  { path: 'dev/order', mode: fileMode, data: Buffer.from('abcde') },
];

test('an archive looks as the kernel documents it', () => {
  const field = (value: number) => value.toString(16).padStart(8, '0');
  const head = (values: readonly number[]) => `070701${values.map(field).join('')}`;
  const expected = Buffer.concat([
    Buffer.from(`${head([1, 0o40755, 0, 0, 2, 0, 0, 0, 0, 0, 0, 4, 0])}dev\0\0\0`),
    Buffer.from(`${head([2, 0o100644, 0, 0, 1, 0, 5, 0, 0, 0, 0, 10, 0])}dev/order\0abcde\0\0\0`),
    Buffer.from(`${head([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0])}TRAILER!!!\0\0\0\0`),
  ]);
  assert.equal(cpioArchive(entries).toString('latin1'), expected.toString('latin1'));
  assert.equal(cpioArchive(entries).length % 4, 0);
});

test('other programs read it', (context) => {
  if (findProgram('cpio') === null) return context.skip('cpio is not installed');
  const listed = spawnSync('cpio', ['-it', '--quiet'], { input: cpioArchive(entries), encoding: 'utf8' });
  assert.equal(listed.stdout, 'dev\ndev/order\n');
});
