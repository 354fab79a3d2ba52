import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { peerServiceOf } from './peerservice.js';
import { CommandError } from './terminal.js';

const example = 'http://127.0.0.1:9324';
const serviceOf = (choice: object) => peerServiceOf('sqs', choice, example);

test('a service beside Hearth: none, unsigned, signed, with the secret from a file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-peer-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'secret');
  writeFileSync(file, 'hush\n');
  assert.equal(serviceOf({}), null);
  assert.equal(serviceOf({ 'sqs-endpoint': '' }), null);
  const endpoint = { 'sqs-endpoint': 'https://queues.example/path' };
  assert.equal(serviceOf(endpoint)?.endpoint.href, 'https://queues.example/path');
  assert.equal(serviceOf(endpoint)?.credentials, null);
  const key = { ...endpoint, 'sqs-access-key': 'AK' };
  const signed = { accessKeyId: 'AK', secretAccessKey: 'hush' };
  assert.deepEqual(serviceOf({ ...key, 'sqs-secret-key': 'hush' })?.credentials, signed);
  assert.deepEqual(serviceOf({ ...key, 'sqs-secret-key-file': file })?.credentials, signed);
});

test('what cannot be is refused with what to say instead', () => {
  const endpoint = { 'sqs-endpoint': example };
  const cases: [object, RegExp][] = [
    [{ 'sqs-endpoint': 'queues' }, /^--sqs-endpoint takes a URL, such as http:\/\/127\.0\.0\.1:9324$/],
    [{ 'sqs-endpoint': 'ftp://queues' }, /takes a URL/],
    [{ ...endpoint, 'sqs-access-key': 'AK' }, /^--sqs-access-key and --sqs-secret-key \(or --sqs-secret-key-file\) go/],
    [{ ...endpoint, 'sqs-secret-key': 's' }, /go together$/],
    [{ ...endpoint, 'sqs-access-key': 'AK', 'sqs-secret-key-file': '/no/where' }, /^--sqs-secret-key-file: ENOENT/],
  ];
  for (const [choice, text] of cases) {
    assert.throws(
      () => serviceOf(choice),
      (error) => error instanceof CommandError && text.test(error.message) && error.exitCode === 64,
      JSON.stringify(choice),
    );
  }
});
