import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isLoop, longestLineage, withLineage } from './lineage.js';

const one = { functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:one' };
const other = { functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:other' };
const root = 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Parent=0102030405060708;Sampled=1';

test('the seventeenth invocation of one chain is stopped', () => {
  let header = withLineage(root, null, one);
  for (let count = 1; count <= 16; count += 1) {
    assert.equal(isLoop(header, one), false, `invocation ${count}`);
    // Another function in between changes nothing.
    header = withLineage(header, header, other);
    header = withLineage(header, header, one);
  }
  assert.equal(isLoop(header, one), true);
  assert.equal(isLoop(header, { ...one, recursiveLoop: 'Terminate' }), true);
  assert.equal(isLoop(header, { ...one, recursiveLoop: 'Allow' }), false);
  assert.equal(isLoop(header, other), false);
});

test('the trace itself is left alone, wherever the lineage stands in what a client sends', () => {
  const header = withLineage(root, null, one);
  assert.match(header, new RegExp(`^${root};Lineage=[0-9a-f]{8}:1$`));
  const hash = /Lineage=([0-9a-f]{8})/.exec(header)![1]!;
  assert.equal(withLineage(root, `Lineage=${hash}:3;Root=1-2-3`, one), `${root};Lineage=${hash}:4`);
  // A header made anew (active tracing) takes on what the client's said.
  assert.equal(withLineage(root, `${root};Lineage=${hash}:7`, one), `${root};Lineage=${hash}:8`);
});

test('the form with a number before the hash is understood, and nonsense is not', () => {
  const hash = /Lineage=([0-9a-f]{8})/.exec(withLineage(root, null, one))![1]!;
  assert.equal(withLineage(root, `${root};Lineage=1:${hash}:16`, one), `${root};Lineage=${hash}:17`);
  for (const text of ['', '|', `${hash}`, `${hash}:-1`, `${hash}:1e9`, 'x:1', ':::', `${hash}:999999`]) {
    assert.equal(withLineage(root, `${root};Lineage=${text}`, one), `${root};Lineage=${hash}:1`);
  }
});

test('a chain of many functions forgets the first of them, and stays short', () => {
  let header = root;
  for (let at = 0; at < 100; at += 1) header = withLineage(header, header, { functionArn: `arn:${at}` });
  assert.equal(header.split('|').length, 32);
  assert.ok(header.length < 512);
});

test('a batch goes on with the worst of its messages', () => {
  const far = Array.from({ length: 16 }).reduce((header: string) => withLineage(header, header, one), root);
  const near = withLineage(root, null, other);
  const batch = longestLineage([undefined, near, far, root]);
  assert.ok(batch !== null && isLoop(withLineage(root, batch, one), one));
  assert.equal(isLoop(withLineage(root, batch, other), other), false);
  assert.equal(longestLineage([undefined, root, '']), null);
});

test('property: whatever a client sends, a header comes out that counts this invocation', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      const header = withLineage(root, `Lineage=${text}`, one);
      assert.match(header, /^Root=[^;]+;Parent=[0-9a-f]+;Sampled=1;Lineage=([0-9a-f]{8}:\d{1,5}\|?)+$/);
      assert.equal(isLoop(header, { ...one, recursiveLoop: 'Allow' }), false);
    }),
  );
});
