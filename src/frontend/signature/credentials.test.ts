import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AccountId } from '../../kernel/ids.js';
import { CredentialStore } from './credentials.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'hearth-credentials-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('first use makes one key; it stays', (t) => {
  const path = folder(t);
  const store = CredentialStore.open(path);
  const [key, ...others] = store.list();
  assert.ok(key);
  assert.deepEqual(others, []);
  assert.equal(key.account, '123456789012');
  assert.match(key.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.match(key.secretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  assert.equal(store.defaultRegion, 'us-east-1');
  assert.equal(store.urlSecret.length, 32);
  assert.equal(statSync(join(path, 'credentials.json')).mode & 0o777, 0o600);
  assert.deepEqual(CredentialStore.open(path).list(), [key]);
  assert.deepEqual(readdirSync(path), ['credentials.json']);
});

test('several accounts, several keys; a running platform sees keys that another process adds', (t) => {
  const path = folder(t);
  const running = CredentialStore.open(path);
  assert.equal(running.lookup('AKIAUNKNOWN'), undefined);
  const other = CredentialStore.open(path);
  const added = other.add('210987654321' as AccountId);
  const second = other.add('210987654321' as AccountId);
  assert.notEqual(added.accessKeyId, second.accessKeyId);
  const { generation } = running;
  assert.deepEqual(running.lookup(added.accessKeyId), added);
  assert.notEqual(running.generation, generation);
  assert.deepEqual(running.lookup(second.accessKeyId), second);
  assert.equal(running.list().length, 3);
  assert.throws(() => other.add('12' as AccountId), /12 digits/);
});

test('a file damaged while the platform runs changes nothing for the keys it knows', (t) => {
  const path = folder(t);
  const running = CredentialStore.open(path);
  const [key] = running.list();
  writeFileSync(join(path, 'credentials.json'), '{');
  assert.equal(running.lookup('AKIAUNKNOWN'), undefined);
  assert.equal(running.lookup('AKIAUNKNOWN'), undefined);
  assert.deepEqual(running.lookup(key!.accessKeyId), key);
});

test('a damaged file is refused by name, not replaced', (t) => {
  const path = folder(t);
  for (const text of ['{', '{}', '{"version":1,"defaultRegion":"r","urlSecret":"","credentials":[]}', 'null']) {
    writeFileSync(join(path, 'credentials.json'), text);
    assert.throws(() => CredentialStore.open(path), /credentials\.json (cannot be read|is damaged)/);
  }
});
