import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { CloudWatchLogsClient, DescribeLogGroupsCommand, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  PublishLayerVersionCommand,
} from '@aws-sdk/client-lambda';
import { GetAccessKeyInfoCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import type { AccountId } from '../kernel/ids.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import { type FakeDoor, openFakeDoor, rawTalk } from './fakedoor.js';

function settings(door: FakeDoor, secret?: string) {
  const key = door.credentials.list()[0];
  assert.ok(key);
  return {
    endpoint: door.endpoint,
    region: 'eu-west-2',
    maxAttempts: 1,
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: secret ?? key.secretAccessKey },
  };
}

interface SdkError {
  name: string;
  message: string;
  Type?: string;
  $metadata: { httpStatusCode: number; requestId: string };
}

async function rejected(promise: Promise<unknown>): Promise<SdkError> {
  return promise.then(
    () => assert.fail('must be rejected'),
    (error) => error as SdkError,
  );
}

test('invoke through the official SDK', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());

  const plain = await client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.from('{"é":[1]}') }));
  assert.equal(plain.StatusCode, 200);
  assert.equal(plain.ExecutedVersion, '$LATEST');
  assert.equal(plain.Payload?.transformToString(), '{"é":[1]}');
  assert.equal(plain.$metadata.requestId, door.invocations[0]?.requestId);
  assert.match(
    door.invocations[0]?.traceHeader ?? '',
    /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/,
  );
  assert.equal(door.invocations[0]?.spec.region, 'eu-west-2');

  const tail = await client.send(
    new InvokeCommand({
      FunctionName: 'arn:aws:lambda:eu-west-2:123456789012:function:echo',
      Qualifier: 'prod',
      LogType: 'Tail',
      ClientContext: Buffer.from('{"custom":{"a":1}}').toString('base64'),
    }),
  );
  assert.equal(Buffer.from(tail.LogResult ?? '', 'base64').toString(), 'tail');
  assert.equal(tail.Payload?.transformToString(), '{}');
  assert.equal(door.invocations[1]?.clientContext, '{"custom":{"a":1}}');

  const event = await client.send(
    new InvokeCommand({ FunctionName: 'echo', Qualifier: 'v1', InvocationType: 'Event', Payload: Buffer.from('1') }),
  );
  assert.equal(event.StatusCode, 202);
  assert.equal(event.Payload?.length ?? 0, 0);
  assert.equal(door.events[0]?.event.requestId, event.$metadata.requestId);
  assert.equal(door.events[0]?.event.qualifier, 'v1');
  assert.equal(door.events[0]?.payload.toString(), '1');

  const dry = await client.send(new InvokeCommand({ FunctionName: 'echo', InvocationType: 'DryRun' }));
  assert.equal(dry.StatusCode, 204);
  assert.equal(door.invocations.length, 2);

  door.outcome = (_, done) =>
    done({
      kind: 'function-error',
      functionError: 'Unhandled',
      payload: Buffer.from('{"errorType":"E"}'),
      logTail: null,
    });
  const wrong = await client.send(new InvokeCommand({ FunctionName: 'echo' }));
  assert.equal(wrong.StatusCode, 200);
  assert.equal(wrong.FunctionError, 'Unhandled');
});

test('errors of invoke through the official SDK', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());
  const invoke = (more: object) => rejected(client.send(new InvokeCommand({ FunctionName: 'echo', ...more })));

  const json = await invoke({ Payload: Buffer.from('{"a":x}') });
  assert.equal(json.name, 'InvalidRequestContentException');
  assert.equal(json.$metadata.httpStatusCode, 400);
  assert.match(
    json.message,
    /^Could not parse request body into json: Could not parse payload into json: Unrecognized token 'x': was expecting/,
  );
  assert.match(json.$metadata.requestId, /^[0-9a-f-]{36}$/);

  const context = await invoke({ ClientContext: 'nonsense' });
  assert.equal(context.name, 'InvalidRequestContentException');
  assert.equal(context.message, 'Client context must be a valid Base64-encoded JSON object.');

  const missing = await invoke({ FunctionName: 'missing' });
  assert.equal(missing.name, 'ResourceNotFoundException');
  assert.equal(missing.Type, 'User');
  assert.equal(missing.message, 'Function not found: arn:aws:lambda:eu-west-2:123456789012:function:missing:$LATEST');

  const type = await invoke({ InvocationType: 'Sometimes' });
  assert.equal(type.name, 'ValidationException');
  assert.match(
    type.message,
    /^1 validation error detected: Value 'Sometimes' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: \[/,
  );

  const name = await invoke({ FunctionName: 'no spaces' });
  assert.match(name.message, /^1 validation error detected: Value 'no spaces' at 'functionName'/);

  const large = await invoke({ InvocationType: 'Event', Payload: Buffer.alloc(1_048_577, '1') });
  assert.equal(large.name, 'RequestEntityTooLargeException');
  assert.equal(large.message, '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)');

  const huge = await invoke({ Payload: Buffer.alloc(6_291_457, '1') });
  assert.equal(huge.name, 'RequestEntityTooLargeException');
  assert.equal(huge.$metadata.httpStatusCode, 413);
  assert.equal(huge.message, 'Request must be smaller than 6291456 bytes for the InvokeFunction operation');
  assert.equal(door.front.bodyBytes, 0);

  const most = await client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.alloc(6_291_456, '1') }));
  assert.equal(most.Payload?.length, 6_291_456);
  assert.equal(door.front.bodyBytes, 0);
});

test('configuration operations: parse, validate, serialize, refuse', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());
  const got = await client.send(new GetFunctionCommand({ FunctionName: 'f' }));
  assert.equal(got.Configuration?.FunctionName, 'f');
  const zip = await fetch(got.Code?.Location ?? '');
  assert.equal(await zip.text(), 'zip bytes');

  const missing = await rejected(client.send(new GetFunctionCommand({ FunctionName: 'missing' })));
  assert.equal(missing.name, 'ResourceNotFoundException');
  assert.equal(missing.$metadata.httpStatusCode, 404);

  const created = await client.send(
    new CreateFunctionCommand({
      FunctionName: 'f',
      Role: 'arn:aws:iam::123456789012:role/r',
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Code: { ZipFile: Buffer.alloc(8_000_000) },
    }),
  );
  assert.equal(created.CodeSize, 8_000_000);
  assert.equal(created.$metadata.httpStatusCode, 201);
  assert.equal((await client.send(new DeleteFunctionCommand({ FunctionName: 'f' }))).$metadata.httpStatusCode, 204);

  const bug = await rejected(client.send(new ListFunctionsCommand({})));
  assert.equal(bug.name, 'ServiceException');
  assert.equal(door.errors.length, 1);

  const absent = await rejected(
    client.send(new PublishLayerVersionCommand({ LayerName: 'l', Content: { ZipFile: Buffer.alloc(1) } })),
  );
  assert.equal(absent.name, 'UnknownOperationException');
  assert.equal(absent.message, 'The operation PublishLayerVersion is not available in this version of Hearth.');
});

test('STS and Logs through the official SDKs', async (t) => {
  const door = await openFakeDoor(t);
  const sts = new STSClient(settings(door));
  const logs = new CloudWatchLogsClient(settings(door));
  t.after(() => {
    sts.destroy();
    logs.destroy();
  });
  const me = await sts.send(new GetCallerIdentityCommand({}));
  assert.deepEqual([me.Account, me.UserId, me.Arn], ['123456789012', '123456789012', 'arn:aws:iam::123456789012:root']);
  const other = door.credentials.add('210987654321' as AccountId);
  const info = await sts.send(new GetAccessKeyInfoCommand({ AccessKeyId: other.accessKeyId }));
  assert.equal(info.Account, '210987654321');
  const second = new STSClient({ ...settings(door), credentials: other });
  assert.equal((await second.send(new GetCallerIdentityCommand({}))).Account, '210987654321');
  second.destroy();
  const theirs = new LambdaClient({ ...settings(door), credentials: other });
  await theirs.send(new InvokeCommand({ FunctionName: 'echo' }));
  theirs.destroy();
  assert.equal(door.invocations.pop()?.spec.account, '210987654321');

  const groups = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws' }));
  assert.equal(groups.logGroups?.[0]?.arn, '123456789012');
  const missing = await rejected(logs.send(new GetLogEventsCommand({ logGroupName: 'a', logStreamName: 'b' })));
  assert.equal(missing.name, 'ResourceNotFoundException');
  assert.equal(missing.message, 'The specified log group does not exist.');

  const wrongSts = new STSClient(settings(door, 'x'.repeat(40)));
  const stsError = await rejected(wrongSts.send(new GetCallerIdentityCommand({})));
  assert.equal(stsError.name, 'SignatureDoesNotMatch');
  assert.equal(stsError.$metadata.httpStatusCode, 403);
  const wrongLogs = new CloudWatchLogsClient(settings(door, 'x'.repeat(40)));
  const logsError = await rejected(wrongLogs.send(new DescribeLogGroupsCommand({})));
  assert.equal(logsError.name, 'InvalidSignatureException');
  assert.equal(logsError.$metadata.httpStatusCode, 400);
  const wrongLambda = new LambdaClient(settings(door, 'x'.repeat(40)));
  const lambdaError = await rejected(wrongLambda.send(new InvokeCommand({ FunctionName: 'echo' })));
  assert.equal(lambdaError.name, 'InvalidSignatureException');
  assert.equal(lambdaError.$metadata.httpStatusCode, 403);
  for (const client of [wrongSts, wrongLogs, wrongLambda]) client.destroy();
  assert.equal(door.invocations.length, 0);
});

test('code URLs expire and cannot be changed', async (t) => {
  const door = await openFakeDoor(t);
  const url = door.urls.urlFor('123456789012/abc');
  assert.equal((await fetch(url)).status, 200);
  assert.equal((await fetch(url, { method: 'HEAD' })).headers.get('content-length'), '9');
  assert.equal((await fetch(url.replace('123456789012', '210987654321'))).status, 403);
  assert.equal((await fetch(url.replace('expires=', 'expires=9'))).status, 403);
  assert.equal((await fetch(url.replace(/token=.*/, ''))).status, 403);
  const now = Date.now();
  door.nowMs = () => now + 601_000;
  const late = await fetch(url);
  assert.equal(late.status, 403);
  assert.equal(late.headers.get('x-amzn-errortype'), 'AccessDeniedException');
});

test('unsigned and unknown requests', async (t) => {
  const door = await openFakeDoor(t);
  const health = await fetch(`${door.endpoint}/_hearth/health`);
  assert.deepEqual(await health.json(), { status: 'ok' });
  assert.match(health.headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/);
  const cases: [string, string, number, string][] = [
    ['GET', '/_hearth/status', 403, 'MissingAuthenticationTokenException'],
    ['GET', '/_hearth/other', 404, 'UnknownOperationException'],
    ['GET', '/2015-03-31/functions', 403, 'MissingAuthenticationTokenException'],
    ['GET', '/2015-03-31/functions/', 403, 'MissingAuthenticationTokenException'],
    ['PATCH', '/2015-03-31/functions', 404, 'UnknownOperationException'],
    ['OPTIONS', '/2015-03-31/functions', 404, 'UnknownOperationException'],
    ['HEAD', '/nowhere', 404, 'UnknownOperationException'],
    ['GET', '/', 404, 'UnknownOperationException'],
    ['GET', `/${'x'.repeat(8_000)}`, 404, 'UnknownOperationException'],
    ['POST', '/2015-03-31/functions/%zz/invocations', 404, 'UnknownOperationException'],
    ['POST', '/', 403, 'MissingAuthenticationTokenException'],
  ];
  for (const [method, path, status, code] of cases) {
    const response = await fetch(`${door.endpoint}${path}`, { method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(response.headers.get('x-amzn-errortype'), code);
    assert.ok((await response.text()).length < 1_000);
  }
  const unsigned = await fetch(`${door.endpoint}/2015-03-31/functions`);
  assert.equal(await unsigned.text(), '{"message":"Missing Authentication Token"}');
});

test('malformed HTTP: an answer or a closed connection, and the door stays open', async (t) => {
  const door = await openFakeDoor(t);
  const head = (more: string) => `POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\n${more}\r\n\r\n`;
  const corpus: [string | Buffer, RegExp][] = [
    ['\r\n\r\nGARBAGE\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]), /^HTTP\/1\.1 400 /],
    [Buffer.alloc(100_000), /^HTTP\/1\.1 400 /],
    ['GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: x'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: -1'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: 1\r\nContent-Length: 2'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked'), /^HTTP\/1\.1 400 /],
    [head('Host: a\r\nNo colon'), /^HTTP\/1\.1 400 /],
    [head(`Host: a\r\nLong: ${'x'.repeat(20_000)}`), /^HTTP\/1\.1 431 /],
    [head(`Host: a\r\n${'A: b\r\n'.repeat(5_000)}`), /^HTTP\/1\.1 (431|403) /],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, /^HTTP\/1\.1 431 /],
    [`${head('Host: a\r\nTransfer-Encoding: chunked\r\nConnection: close')}zz\r\n`, /^HTTP\/1\.1 403 /],
    [head('Host: a\r\nExpect: 200-maybe\r\nConnection: close'), /^HTTP\/1\.1 417 /],
    [head('Host: a\r\nUpgrade: websocket\r\nConnection: upgrade, close'), /^HTTP\/1\.1 403 /],
    ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', /^$/],
  ];
  for (const [sent, expected] of corpus) {
    assert.match(await rawTalk(door.port, [sent], /\r\n\r\n/), expected, String(sent).slice(0, 120));
  }
  assert.equal((await fetch(`${door.endpoint}/_hearth/health`)).status, 200);
  assert.deepEqual(door.errors, []);
});

test('pipelined requests are answered in order', async (t) => {
  const door = await openFakeDoor(t);
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const text = await rawTalk(door.port, [
    get('/_hearth/health') + get('/nowhere') + get('/_hearth/health') + get('/_hearth/health', 'Connection: close\r\n'),
  ]);
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200', 'HTTP/1.1 200']);
});

test('slow and half-sent requests end by the time limits', async (t) => {
  const door = await openFakeDoor(t, { headersMsMax: 40, requestMsMax: 80, checkMs: 10 });
  const slowHeaders = await rawTalk(door.port, [
    'POST /2015-03-31/functions/echo/invocations HTTP/1.1\r\nHost: a\r\nX: ',
  ]);
  assert.match(slowHeaders, /^HTTP\/1\.1 408 /);
  const signed = await signedHead(door, 1_000);
  const half = await rawTalk(door.port, [signed, '{"half":']);
  assert.match(half, /^HTTP\/1\.1 408 /);
  while (door.front.bodyBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(door.invocations.length, 0);
});

test('a client that leaves half-way, or before the answer, costs nothing', async (t) => {
  const door = await openFakeDoor(t);
  const socket = connect(door.port, '127.0.0.1');
  socket.write(`${await signedHead(door, 1_000)}{"half":`);
  while (door.front.bodyBytes === 0) await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  while (door.front.bodyBytes > 0) await new Promise((resolve) => setImmediate(resolve));

  let finish: ((outcome: InvocationOutcome) => void) | null = null;
  door.outcome = (_, done) => {
    finish = done;
  };
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());
  const abort = new AbortController();
  const sent = rejected(
    client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.from('{"a":1}') }), {
      abortSignal: abort.signal,
    }),
  );
  while (finish === null) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(door.front.bodyBytes > 0);
  abort.abort();
  assert.equal((await sent).name, 'AbortError');
  await new Promise((resolve) => setImmediate(resolve));
  (finish as (outcome: InvocationOutcome) => void)({
    kind: 'success',
    payload: Buffer.alloc(100_000, '1'),
    logTail: null,
  });
  assert.equal(door.front.bodyBytes, 0);
  assert.equal((await fetch(`${door.endpoint}/_hearth/health`)).status, 200);
});

test('bodies: bounded in sum, refused early with their answer, chunked without a length', async (t) => {
  const door = await openFakeDoor(t, { bodyBytesMax: 100_000 });
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());
  const over = await rejected(
    client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.alloc(200_000, '1') })),
  );
  assert.equal(over.name, 'ServiceUnavailableException');
  assert.equal(over.$metadata.httpStatusCode, 503);
  assert.equal(door.front.bodyBytes, 0);

  // 413 by the announced length: not one byte of the body is needed for it, and 100-continue is not given.
  const early = await rawTalk(
    door.port,
    [await signedHead(door, 7_000_000, 'Expect: 100-continue\r\n')],
    /\r\n\r\n\{.*\}/,
  );
  assert.match(
    early,
    /^HTTP\/1\.1 413 [\s\S]*Request must be smaller than 6291456 bytes for the InvokeFunction operation/,
  );
  // An unknown key is refused before its body, too.
  const stranger = (await signedHead(door, 1_000)).replace(/Credential=AKIA\w+/, `Credential=AKIA${'A'.repeat(16)}`);
  assert.match(
    await rawTalk(door.port, [stranger], /\r\n\r\n\{.*\}/),
    /^HTTP\/1\.1 403 [\s\S]*UnrecognizedClientException/,
  );
  assert.equal(door.front.bodyBytes, 0);

  const endless = connect(door.port, '127.0.0.1');
  endless.on('error', () => {});
  endless.write(await signedHead(door, null));
  const answer = once(endless, 'data');
  for (let i = 0; i < 200 && !endless.destroyed; i++) endless.write(`400\r\n${'1'.repeat(1024)}\r\n`);
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 503 /);
  endless.destroy();
  assert.equal(door.front.bodyBytes, 0);

  const chunked = await rawTalk(
    door.port,
    [await signedHead(door, null), '3\r\n{"a\r\n', '4\r\n":1}\r\n0\r\n\r\n'],
    /\}$/,
  );
  // The signature covers an empty body, so the answer proves that the chunks were read and counted.
  assert.match(chunked, /^HTTP\/1\.1 403 [\s\S]*InvalidSignatureException/);
  const continued = await rawTalk(door.port, [await signedHead(door, 2, 'Expect: 100-continue\r\n'), '{}'], /\}$/);
  assert.match(continued, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 403 /);
});

/** Head of an Invoke signed for an empty body; `length` null: chunked. */
async function signedHead(door: FakeDoor, length: number | null, more = ''): Promise<string> {
  const client = new LambdaClient({ ...settings(door) });
  let head = '';
  client.middlewareStack.add(
    () => async (args) => {
      const { headers, path } = args.request as { headers: Record<string, string>; path: string };
      head = `POST ${path} HTTP/1.1\r\n`;
      for (const [name, value] of Object.entries(headers)) {
        if (name.toLowerCase() !== 'content-length') head += `${name}: ${value}\r\n`;
      }
      return { response: {}, output: { $metadata: {} } } as never;
    },
    { step: 'finalizeRequest', priority: 'low', name: 'keepHead' },
  );
  await client.send(new InvokeCommand({ FunctionName: 'echo' }));
  client.destroy();
  assert.match(head, /Signature=/i);
  return `${head}${more}${length === null ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n`;
}

test('presigned requests run without any header of their own', async (t) => {
  const door = await openFakeDoor(t);
  const url = new URL(`${door.endpoint}/2015-03-31/functions/echo/invocations?Qualifier=v%2B`);
  const presigned = await presign(door, 'lambda', 'POST', url);
  const invalid = await fetch(presigned, { method: 'POST' });
  // The signature is right (`v+` came through), the qualifier is not.
  assert.equal(invalid.status, 400);
  assert.match(await invalid.text(), /Value 'v\+' at 'qualifier' failed to satisfy constraint/);
  const identity = new URL(`${door.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15`);
  const me = await fetch(await presign(door, 'sts', 'GET', identity));
  assert.equal(me.status, 200);
  assert.match(await me.text(), /<Account>123456789012<\/Account>/);
  assert.equal((await fetch(await presign(door, 'logs', 'GET', identity))).status, 403);
  const now = Date.now();
  door.nowMs = () => now + 3_601_000;
  const late = await fetch(presigned, { method: 'POST' });
  assert.match(await late.text(), /Signature expired: \d{8}T\d{6}Z is now earlier than .* - 60 min\.\)/);
});

async function presign(door: FakeDoor, service: string, method: string, url: URL): Promise<URL> {
  const signer = new SignatureV4({
    service,
    region: 'us-east-1',
    credentials: settings(door).credentials,
    sha256: Sha256,
  });
  const signed = await signer.presign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host },
    },
    { expiresIn: 3_600 },
  );
  const result = new URL(url.pathname, url);
  for (const [name, value] of Object.entries(signed.query ?? {})) result.searchParams.set(name, String(value));
  result.search = result.search.replaceAll('+', '%20');
  return result;
}

test('random bytes on the socket never hurt', async (t) => {
  const door = await openFakeDoor(t, { headersMsMax: 30, requestMsMax: 30, checkMs: 10 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.constantFrom(
            'GET / HTTP/1.1\r\n',
            'Host: a\r\n',
            '\r\n',
            'Content-Length: 3\r\n',
            'Transfer-Encoding: chunked\r\n',
            '3\r\nabc\r\n',
            '0\r\n\r\n',
            'Authorization: AWS4-HMAC-SHA256 Credential=',
            'Expect: 100-continue\r\n',
          ),
          fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        ),
        { minLength: 1, maxLength: 8 },
      ),
      async (chunks) => {
        await rawTalk(door.port, chunks, /\r\n\r\n/);
      },
    ),
    { numRuns: 60 },
  );
  assert.equal((await fetch(`${door.endpoint}/_hearth/health`)).status, 200);
  assert.equal(door.front.bodyBytes, 0);
  assert.deepEqual(door.errors, []);
});

test('closing waits for running invocations, then is quick', async (t) => {
  const door = await openFakeDoor(t);
  let finish: ((outcome: InvocationOutcome) => void) | null = null;
  door.outcome = (_, done) => {
    finish = done;
  };
  const client = new LambdaClient(settings(door));
  t.after(() => client.destroy());
  const sent = client.send(new InvokeCommand({ FunctionName: 'echo' }));
  while (finish === null) await new Promise((resolve) => setImmediate(resolve));
  const closed = door.front.close(60_000);
  (finish as (outcome: InvocationOutcome) => void)({ kind: 'success', payload: Buffer.from('7'), logTail: null });
  assert.equal((await sent).Payload?.transformToString(), '7');
  await closed;
});
