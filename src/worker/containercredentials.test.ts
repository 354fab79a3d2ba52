import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveCredentials } from './containercredentials.js';
import { makeSpec } from './fake/world.js';
import type { HttpConnection } from './runtimeapi/httpconnection.js';
import type { HttpRequest } from './runtimeapi/httprequest.js';
import { MachineRuntimes } from './runtimes/catalog.js';

const keys = { accessKeyId: 'ASIA1', secretAccessKey: 's', sessionToken: 't' };
const tokenSecret = Buffer.alloc(32, 1);
const runtimes = new MachineRuntimes({ dataDirectory: '/nowhere', credentials: () => keys, tokenSecret });

function ask(
  path: string,
  authorization: string | null,
  method = 'GET',
  offered = runtimes.containerCredentials(spec),
) {
  let answer = '';
  const connection = {
    answer: (status: number, _head: string, body: string) => {
      answer = `${status} ${body}`;
    },
  } as unknown as HttpConnection;
  const text = `${method} ${path} HTTP/1.1\r\nHost: x${authorization === null ? '' : `\r\nAuthorization: ${authorization}`}`;
  const served = serveCredentials({ method, path, text } as HttpRequest, connection, offered);
  return served ? answer : null;
}

const spec = makeSpec({ version: '1', snapshot: 's' });
const path = '/2021-04-23/credentials';

test('whoever has the function’s token gets fresh credentials, in the words that SDKs read', () => {
  const { token } = runtimes.containerCredentials(spec)!;
  const [, body] = /^200 (.*)$/.exec(ask(path, token)!)!;
  const { Expiration, ...rest } = JSON.parse(body!);
  assert.deepEqual(rest, { AccessKeyId: 'ASIA1', SecretAccessKey: 's', Token: 't' });
  const leftMs = Date.parse(Expiration) - Date.now();
  assert.ok(leftMs > 59 * 60_000 && leftMs <= 60 * 60_000);
});

test('nobody else', () => {
  for (const wrong of [
    null,
    '',
    'x',
    runtimes.containerCredentials(makeSpec({ snapshot: 's' }))?.token.slice(1) ?? '',
  ]) {
    assert.match(ask(path, wrong)!, /^403 /);
  }
  assert.match(ask(path, runtimes.containerCredentials(spec)!.token, 'POST')!, /^405 /);
  assert.equal(ask('/2021-04-23/other', 'x'), null);
  assert.equal(ask(path, 'x', 'GET', null), null, 'functions without SnapStart have theirs in the environment');
});

test('the token is the same in another life of the platform, and of no other function', () => {
  const again = new MachineRuntimes({ dataDirectory: '/nowhere', credentials: () => keys, tokenSecret });
  const tokenOf = (catalog: MachineRuntimes, pool: string) =>
    catalog.containerCredentials({ ...spec, pool: pool as typeof spec.pool })?.token;
  assert.equal(tokenOf(again, 'a'), tokenOf(runtimes, 'a'));
  assert.notEqual(tokenOf(runtimes, 'a'), tokenOf(runtimes, 'b'));
});
