import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { objectStoreOf } from './s3.js';

type Choice = Readonly<Record<`s3-${'endpoint' | 'access-key' | 'secret-key' | 'secret-key-file'}`, string>>;

const chosen = (choice: Partial<Choice>) => objectStoreOf({ 's3-region': 'us-east-1', ...choice });
const refused = (choice: Partial<Choice>, message: RegExp) => assert.throws(() => chosen(choice), { message });

test('a store is named by its endpoint, with both keys or without', () =>
  withFolder(async (folder) => {
    assert.equal(chosen({}), null);
    assert.equal(chosen({ 's3-endpoint': '' }), null);
    const endpoint = { 's3-endpoint': 'http://127.0.0.1:9000' };
    assert.notEqual(chosen(endpoint), null);
    const file = join(folder, 'secret');
    writeFileSync(file, 'secret\n');
    assert.notEqual(chosen({ ...endpoint, 's3-access-key': 'k', 's3-secret-key': 's' }), null);
    assert.notEqual(chosen({ ...endpoint, 's3-access-key': 'k', 's3-secret-key-file': file }), null);
    refused({ 's3-endpoint': 'localhost:9000' }, /takes a URL/);
    refused({ 's3-endpoint': 'nonsense' }, /takes a URL/);
    refused({ ...endpoint, 's3-access-key': 'k' }, /go together/);
    refused({ ...endpoint, 's3-secret-key-file': file }, /go together/);
    refused({ ...endpoint, 's3-secret-key-file': join(folder, 'none') }, /^--s3-secret-key-file: ENOENT/);
  }));
