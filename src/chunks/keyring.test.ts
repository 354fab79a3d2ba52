import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileKeyStore, Keyring, platformScope } from './keyring.js';
import { temporaryFolder } from './testchunks.js';

test('salts and keys differ by scope and purpose, and are the same after a restart', async (t) => {
  const store = fileKeyStore(join(temporaryFolder(t), 'keyring.json'));
  const keyring = await Keyring.open(store);
  const values = [
    keyring.salt(platformScope),
    keyring.salt('123456789012'),
    keyring.manifestKey(platformScope),
    keyring.manifestKey('123456789012'),
  ];
  assert.equal(new Set(values.map((value) => value.toString('hex'))).size, values.length);
  for (const value of values) assert.equal(value.length, 32);
  const again = await Keyring.open(store);
  assert.deepEqual(again.salt('123456789012'), values[1]);
  assert.deepEqual(again.manifestKey('123456789012'), values[3]);
});

test('a rotated salt is new, stays after a restart, and is of one scope', async (t) => {
  const store = fileKeyStore(join(temporaryFolder(t), 'keyring.json'));
  const keyring = await Keyring.open(store);
  const before = keyring.salt('a');
  const key = keyring.manifestKey('a');
  const other = keyring.salt('b');
  await keyring.rotateSalt('a');
  assert.notDeepEqual(keyring.salt('a'), before);
  const again = await Keyring.open(store);
  assert.deepEqual(again.salt('a'), keyring.salt('a'));
  assert.deepEqual(again.salt('b'), other);
  assert.deepEqual(again.manifestKey('a'), key, 'manifests stay readable');
});

test('the file is its owner’s alone; one that is damaged is refused, not replaced', async (t) => {
  const path = join(temporaryFolder(t), 'keyring.json');
  await Keyring.open(fileKeyStore(path));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, '{"version":1,"secret":"dG9vIHNob3J0","saltGenerations":{}}');
  await assert.rejects(Keyring.open(fileKeyStore(path)), /32 bytes/);
  writeFileSync(path, '{');
  await assert.rejects(Keyring.open(fileKeyStore(path)));
  assert.equal(readFileSync(path, 'utf8'), '{');
});
