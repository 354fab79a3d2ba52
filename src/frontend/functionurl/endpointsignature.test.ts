import assert from 'node:assert/strict';
import test from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { FakeDoor } from '../fakedoor.js';
import { type Asked, answering, ask, host, opened } from './testurl.js';

async function signedHeaders(door: FakeDoor, asked: Asked, region = 'eu-west-2'): Promise<Record<string, string>> {
  const key = door.credentials.list()[0];
  assert.ok(key);
  const signer = new SignatureV4({ service: 'lambda', region, credentials: key, sha256: Sha256 });
  const { method = 'GET', path = '/', body } = asked;
  const [pathname = '/', query = ''] = path.split('?');
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname: host,
    path: pathname,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host },
    body,
  });
  return signed.headers;
}

test('AWS_IAM wants a signature over everything, and the function learns whose', async (t) => {
  const door = await opened(t, { authType: 'AWS_IAM' });
  const post = { method: 'POST', path: '/a/b?x=1&y=z', body: '{"a":1}' };
  const headers = await signedHeaders(door, post);
  answering(door, 'in');
  const answer = await ask(door, { ...post, headers });
  assert.equal(answer.text, 'in');
  const event = JSON.parse(door.invocations[0]?.payload.toString() ?? '');
  const key = door.credentials.list()[0];
  assert.equal(event.requestContext.authorizer.iam.accessKey, key?.accessKeyId);
  assert.equal(event.requestContext.accountId, key?.account);
  assert.ok(!('authorization' in event.headers));

  for (const [why, wrong, message] of [
    ['no signature', { ...post }, /^\{"Message":"Forbidden\./],
    ['another body', { ...post, headers, body: '{"a":2}' }, /signature we calculated does not match/],
    ['another path', { ...post, headers, path: '/a/c?x=1&y=z' }, /signature we calculated does not match/],
    ['another region', { ...post, headers: await signedHeaders(door, post, 'us-east-1') }, /scoped to a valid region/],
    [
      'no such key',
      { ...post, headers: { ...headers, authorization: headers.authorization?.replace('AKIA', 'AKIB') ?? '' } },
      /security token/,
    ],
  ] as const) {
    const refused = await ask(door, wrong);
    assert.equal(refused.status, 403, why);
    assert.match(refused.text, message, why);
  }
  assert.equal(door.invocations.length, 1);
});

test('AWS_IAM takes a presigned URL', async (t) => {
  const door = await opened(t, { authType: 'AWS_IAM' });
  const key = door.credentials.list()[0];
  assert.ok(key);
  const signer = new SignatureV4({ service: 'lambda', region: 'eu-west-2', credentials: key, sha256: Sha256 });
  const request = {
    method: 'GET',
    protocol: 'http:',
    hostname: host,
    path: '/p',
    query: { a: 'b' },
    headers: { host },
  };
  const signed = await signer.presign(request, { expiresIn: 60 });
  const query = new URLSearchParams(signed.query as Record<string, string>);
  answering(door, 'in');
  assert.equal((await ask(door, { path: `/p?${query}` })).text, 'in');
  query.set('a', 'c');
  assert.equal((await ask(door, { path: `/p?${query}` })).status, 403);
});
