import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { CreateFunctionCommand, GetFunctionCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import type { Credential } from '../../src/frontend/signature/credentials.js';
import { Hearth, ownNode } from './hearth.js';
import { send, sign, signedFetch } from './signedfetch.js';
import { zip } from './zip.js';

const minuteMs = 60_000;
const list = { path: '/2015-03-31/functions/' };
const echo = { 'index.mjs': 'export const handler = async (event) => event;' };

describe('who may come in', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    await hearth.create('echo', ownNode, 'index.handler', echo);
  });
  after(() => hearth.remove());

  it('lets a signed request in', async () => {
    const answer = await signedFetch(hearth, list);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(JSON.parse(answer.text).Functions.length, 1);
  });

  it('refuses an unknown key', async () => {
    const answer = await signedFetch(hearth, { ...list, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' });
    assert.deepEqual([answer.status, answer.errorType], [403, 'UnrecognizedClientException']);
    assert.match(answer.text, /The security token included in the request is invalid\./);
  });

  it('refuses a wrong secret, and what was changed after it was signed', async () => {
    const invoke = { method: 'POST', path: '/2015-03-31/functions/echo/invocations', body: '{"a":1}' };
    const wrong = await signedFetch(hearth, { ...list, secretAccessKey: 'x'.repeat(40) });
    const otherBody = await sign(hearth, invoke);
    const otherPath = await sign(hearth, list);
    const otherHeader = await sign(hearth, { ...invoke, headers: { 'x-amz-log-type': 'None' } });
    otherHeader.init.headers['x-amz-log-type'] = 'Tail';
    const answers = [
      wrong,
      await send({ url: otherBody.url, init: { ...otherBody.init, body: '{"a":2}' } }),
      await send({ url: `${otherPath.url}?MaxItems=1`, init: otherPath.init }),
      await send(otherHeader),
    ];
    for (const answer of answers) {
      assert.deepEqual([answer.status, answer.errorType], [403, 'InvalidSignatureException']);
      assert.match(answer.text, /The request signature we calculated does not match the signature you provided\./);
    }
  });

  it('refuses signatures that are too old or from the future, and takes those within five minutes', async () => {
    const at = (shiftMs: number) => signedFetch(hearth, { ...list, date: new Date(Date.now() + shiftMs) });
    const [old, early, late, soon] = await Promise.all([
      at(-6 * minuteMs),
      at(7 * minuteMs),
      at(-3 * minuteMs),
      at(4 * minuteMs),
    ]);
    assert.deepEqual([old.status, old.errorType], [403, 'InvalidSignatureException']);
    assert.match(
      old.text,
      /Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)/,
    );
    assert.deepEqual([early.status, early.errorType], [403, 'InvalidSignatureException']);
    assert.match(early.text, /Signature not yet current: /);
    assert.deepEqual([late.status, soon.status], [200, 200]);
  });

  it('refuses missing and incomplete signatures', async () => {
    const missing = await send({ url: `${hearth.endpoint}${list.path}`, init: { method: 'GET', headers: {} } });
    assert.deepEqual([missing.status, missing.errorType], [403, 'MissingAuthenticationTokenException']);
    assert.match(missing.text, /Missing Authentication Token/);
    const whole = (await sign(hearth, list)).init.headers;
    for (const part of ['Credential', 'SignedHeaders', 'Signature']) {
      const authorization = whole.authorization!.replace(new RegExp(`(, )?${part}=[^,]*`), '').replace('256 ,', '256');
      const answer = await send({
        url: `${hearth.endpoint}${list.path}`,
        init: { method: 'GET', headers: { ...whole, authorization } },
      });
      assert.deepEqual([answer.status, answer.errorType], [403, 'IncompleteSignatureException'], part);
      assert.match(answer.text, new RegExp(`Authorization header requires '${part}' parameter`));
    }
  });

  it('refuses a credential for another service or of a wrong scope', async () => {
    for (const service of ['s3', 'logs', 'sts']) {
      const answer = await signedFetch(hearth, { ...list, service });
      assert.deepEqual([answer.status, answer.errorType], [403, 'InvalidSignatureException'], service);
    }
    const yesterday = await sign(hearth, list);
    yesterday.init.headers.authorization = yesterday.init.headers.authorization!.replace(/\/\d{8}\//, '/20200101/');
    assert.equal((await send(yesterday)).errorType, 'InvalidSignatureException');
  });

  it('takes a presigned Invoke, as long as it holds', async () => {
    const invoke = { method: 'POST', path: '/2015-03-31/functions/echo/invocations', presignedSeconds: 60, body: '7' };
    const good = await sign(hearth, invoke);
    const answer = await send(good);
    assert.deepEqual([answer.status, answer.text], [200, '7']);
    const expired = await signedFetch(hearth, { ...invoke, date: new Date(Date.now() - 2 * minuteMs) });
    assert.deepEqual([expired.status, expired.errorType], [403, 'InvalidSignatureException']);
    assert.match(expired.text, /Signature expired: /);
    const longer = good.url.replace('X-Amz-Expires=60', 'X-Amz-Expires=600');
    assert.notEqual(longer, good.url);
    assert.equal((await send({ url: longer, init: good.init })).errorType, 'InvalidSignatureException');
  });

  it('shows the functions of one account never to another', async () => {
    const added = await hearth.cli('accounts', 'add', '210987654321', '--json');
    assert.equal(added.status, 0, added.stderr);
    const [other] = JSON.parse(added.stdout) as [Credential];
    const theirs = hearth.lambda(other);
    const ours = hearth.lambda();
    assert.deepEqual((await theirs.send(new ListFunctionsCommand({}))).Functions, []);
    await assert.rejects(theirs.send(new GetFunctionCommand({ FunctionName: 'echo' })), {
      name: 'ResourceNotFoundException',
      message: 'Function not found: arn:aws:lambda:us-east-1:210987654321:function:echo',
    });
    const ourArn = `arn:aws:lambda:us-east-1:${hearth.credential.account}:function:echo`;
    await assert.rejects(theirs.send(new GetFunctionCommand({ FunctionName: ourArn })), (error: Error) =>
      ['AccessDeniedException', 'ResourceNotFoundException'].includes(error.name),
    );
    const created = await theirs.send(
      new CreateFunctionCommand({
        FunctionName: 'echo',
        Runtime: ownNode,
        Handler: 'index.handler',
        Role: 'arn:aws:iam::210987654321:role/test',
        Code: { ZipFile: await zip({ 'index.mjs': 'export const handler = async () => "theirs";' }) },
      }),
    );
    assert.equal(created.FunctionArn, 'arn:aws:lambda:us-east-1:210987654321:function:echo');
    assert.equal((await ours.send(new ListFunctionsCommand({}))).Functions?.length, 1);
    assert.equal((await hearth.invoke('echo', { mine: true })).payload, '{"mine":true}');
    const elsewhere = await signedFetch(hearth, { ...list, region: 'eu-west-1' });
    assert.deepEqual(JSON.parse(elsewhere.text).Functions, []);
  });

  it('lets code be downloaded without credentials, by its genuine URL only', async () => {
    const { Code, Configuration } = await hearth.lambda().send(new GetFunctionCommand({ FunctionName: 'echo' }));
    const url = new URL(Code?.Location ?? '');
    const get = (changed: URL) => send({ url: changed.href, init: { method: 'GET', headers: {} } });
    const good = await fetch(url);
    assert.equal(good.status, 200);
    const bytes = Buffer.from(await good.arrayBuffer());
    assert.equal(createHash('sha256').update(bytes).digest('base64'), Configuration?.CodeSha256);
    const spoil = (change: (url: URL) => void) => {
      const changed = new URL(url);
      change(changed);
      assert.notEqual(changed.href, url.href);
      return get(changed);
    };
    const refused = await Promise.all([
      spoil((one) => one.searchParams.set('expires', String(Number(one.searchParams.get('expires')) + 600))),
      spoil((one) => one.searchParams.set('expires', '1')),
      spoil((one) => one.searchParams.set('token', 'a'.repeat(64))),
      spoil((one) => one.searchParams.delete('token')),
      spoil((one) => {
        one.pathname = one.pathname.replace(hearth.credential.account, '210987654321');
      }),
      spoil((one) => {
        one.pathname = '/_hearth/code/../../credentials.json';
      }),
    ]);
    for (const { status } of refused) assert.ok(status === 403 || status === 404, String(status));
  });

  it('answers its own paths to signed requests only', async () => {
    const bare = await send({ url: `${hearth.endpoint}/_hearth/status`, init: { method: 'GET', headers: {} } });
    assert.equal(bare.status, 403);
    assert.doesNotMatch(bare.text, /dataFolder/);
    assert.equal((await signedFetch(hearth, { path: '/_hearth/status' })).status, 200);
  });

  it('listens nowhere but on loopback', () => {
    const inodes = new Set<string>();
    for (const descriptor of readdirSync(`/proc/${hearth.pid}/fd`)) {
      try {
        const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${hearth.pid}/fd/${descriptor}`));
        if (match) inodes.add(match[1]!);
      } catch {
        // Closed since the folder was read.
      }
    }
    const listening: string[] = [];
    for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
      for (const line of readFileSync(`/proc/${hearth.pid}/net/${table}`, 'utf8').split('\n').slice(1)) {
        const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
        // 0A is LISTEN, 07 an unconnected UDP socket.
        if (inodes.has(inode ?? '') && (state === '0A' || state === '07')) listening.push(`${table} ${local}`);
      }
    }
    const port = Number(new URL(hearth.endpoint).port).toString(16).toUpperCase().padStart(4, '0');
    assert.deepEqual(listening, [`tcp 0100007F:${port}`]);
  });
});
