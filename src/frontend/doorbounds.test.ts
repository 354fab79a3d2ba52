import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { limits } from '../kernel/limits.js';
import { clientSettings, type FakeDoor, openFakeDoor, rawTalk, rejected } from './fakedoor.js';
import { amzDateOf } from './signature/authorization.js';

const health = 'GET /_hearth/health HTTP/1.1\r\nHost: a\r\n\r\n';

test('connections beyond the bound are closed at once; the others are served', async (t) => {
  const door = await openFakeDoor(t, { connectionsMax: 1 });
  const first = connect(door.port, '127.0.0.1');
  first.write(health);
  assert.match(String((await once(first, 'data'))[0]), /^HTTP\/1\.1 200 /);
  assert.equal(await rawTalk(door.port, [health]), '');
  first.write(health);
  assert.match(String((await once(first, 'data'))[0]), /^HTTP\/1\.1 200 /);
  first.destroy();
});

test('an unused connection is closed when its time is over', async (t) => {
  const door = await openFakeDoor(t, { keepAliveMs: 20 });
  assert.match(await rawTalk(door.port, [health]), /^HTTP\/1\.1 200 /);
});

test('closing cuts off what still runs when the grace is over', async (t) => {
  const door = await openFakeDoor(t);
  let arrived = () => {};
  const running = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  door.outcome = () => arrived();
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());
  const sent = rejected(client.send(new InvokeCommand({ FunctionName: 'echo' })));
  await running;
  await door.front.close(20);
  assert.equal((await sent).$metadata.httpStatusCode, undefined);
});

/** Head of a CreateFunction by a known key; its signature is looked at only after the body. */
function creationHead(door: FakeDoor, contentLength: number): string {
  const date = amzDateOf(Date.now());
  const scope = `${door.credentials.list()[0]?.accessKeyId}/${date.slice(0, 8)}/us-east-1/lambda/aws4_request`;
  return [
    'POST /2015-03-31/functions HTTP/1.1',
    'Host: a',
    `X-Amz-Date: ${date}`,
    `Authorization: AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    'Expect: 100-continue',
    `Content-Length: ${contentLength}`,
    '\r\n',
  ].join('\r\n');
}

test('the body of CreateFunction may have 70,167,211 bytes, and not one more', async (t) => {
  const door = await openFakeDoor(t);
  assert.equal(limits.codeRequestBytesMax, 70_167_211);
  assert.match(await rawTalk(door.port, [creationHead(door, 70_167_211)], /\r\n\r\n/), /^HTTP\/1\.1 100 Continue/);
  assert.match(
    await rawTalk(door.port, [creationHead(door, 70_167_212)], /\r\n\r\n\{.*\}/),
    /^HTTP\/1\.1 413 [\s\S]*Request must be smaller than 70167211 bytes for the CreateFunction operation/,
  );
});

test('client context: 3,583 bytes of base64; a trace header that is too long is replaced', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());
  // Without padding, every length but one in four exists: 2,687 bytes are 3,583 characters.
  const context = (bytes: number) => Buffer.from(`{"k":"${'x'.repeat(bytes - 8)}"}`).toString('base64url');
  assert.deepEqual([context(2_687).length, context(2_688).length], [3_583, 3_584]);
  await client.send(new InvokeCommand({ FunctionName: 'echo', ClientContext: context(2_687) }));
  const over = await rejected(client.send(new InvokeCommand({ FunctionName: 'echo', ClientContext: context(2_688) })));
  assert.match(over.message, /'clientContext' failed .* less than or equal to 3583/);
  const trace = async (text: string) => {
    client.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-amzn-trace-id'] = text;
        return next(args);
      },
      { step: 'build', name: 'trace', override: true },
    );
    await client.send(new InvokeCommand({ FunctionName: 'echo' }));
    return door.invocations.at(-1)?.traceHeader;
  };
  // What counts the invocations of a chain comes behind it.
  assert.match((await trace('R'.repeat(1_024))) ?? '', /^R{1024};Lineage=[^;]+$/);
  assert.match((await trace('R'.repeat(1_025))) ?? '', /^Root=1-/);
});
