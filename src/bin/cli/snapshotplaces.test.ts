import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sharedCacheOf } from './cachemembers.js';
import { snapshotBucketOf } from './snapshotbucket.js';

const s3 = { 's3-endpoint': 'http://127.0.0.1:9000', 's3-region': 'eu-west-1' };

test('a bucket with or without prefix, of the store that is named', () => {
  const of = (bucket: string) => {
    const { prefix, region, endpoint, ...rest } = snapshotBucketOf({ ...s3, 'snapshot-bucket': bucket })!;
    return [rest.bucket, prefix, region, endpoint.href];
  };
  assert.deepEqual(of('snapshots'), ['snapshots', '', 'eu-west-1', 'http://127.0.0.1:9000/']);
  assert.deepEqual(of('snap.shots/one'), ['snap.shots', 'one/', 'eu-west-1', 'http://127.0.0.1:9000/']);
  assert.deepEqual(of('snapshots/one/'), ['snapshots', 'one/', 'eu-west-1', 'http://127.0.0.1:9000/']);
  assert.equal(snapshotBucketOf(s3), null);
  for (const wrong of ['S', 'Bucket', 's3://bucket', 'bucket/a/b', 'bucket/../x']) {
    assert.throws(() => snapshotBucketOf({ ...s3, 'snapshot-bucket': wrong }), /--snapshot-bucket takes/, wrong);
  }
  assert.throws(() => snapshotBucketOf({ 's3-region': 'x', 'snapshot-bucket': 'bucket' }), /--s3-endpoint/);
});

test('members of a shared cache: given, or in a file that is read again', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-places-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const secret = join(folder, 'secret');
  const list = join(folder, 'members');
  writeFileSync(secret, 'a secret of more than 16 characters\n');
  writeFileSync(list, 'a http://10.0.0.1:7400\nb http://10.0.0.2:7400\n');
  const of = (members: string) => {
    const cache = sharedCacheOf({ 'cache-members': members, 'cache-secret-file': secret })!;
    return [cache.members.map(({ id }) => id).join(), cache.file, cache.secret.length];
  };
  assert.deepEqual(of('http://h:1,http://h:2'), ['http://h:1,http://h:2', null, 35]);
  assert.deepEqual(of(list), ['a,b', list, 35]);
  assert.equal(sharedCacheOf({}), null);
  assert.throws(() => of('h:1'), /--cache-members: not a member/);
  assert.throws(() => sharedCacheOf({ 'cache-members': 'http://h:1' }), /--cache-secret-file/);
});
