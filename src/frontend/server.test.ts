import assert from 'node:assert/strict';
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
import type { AccountId } from '../kernel/ids.js';
import { clientSettings, type FakeDoor, openFakeDoor, rejected } from './fakedoor.js';

test('invoke through the official SDK', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(clientSettings(door));
  t.after(() => client.destroy());

  const plain = await client.send(new InvokeCommand({ FunctionName: 'echo', Payload: Buffer.from('{"é":[1]}') }));
  assert.equal(plain.StatusCode, 200);
  assert.equal(plain.ExecutedVersion, '$LATEST');
  assert.equal(plain.Payload?.transformToString(), '{"é":[1]}');
  assert.equal(plain.$metadata.requestId, door.invocations[0]?.requestId);
  assert.match(
    door.invocations[0]?.traceHeader ?? '',
    /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=[0-9a-f]{8}:1$/,
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
      errorType: 'E',
      payload: Buffer.from('{"errorType":"E"}'),
      logTail: null,
    });
  const wrong = await client.send(new InvokeCommand({ FunctionName: 'echo' }));
  assert.equal(wrong.StatusCode, 200);
  assert.equal(wrong.FunctionError, 'Unhandled');
});

test('errors of invoke through the official SDK', async (t) => {
  const door = await openFakeDoor(t);
  const client = new LambdaClient(clientSettings(door));
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
  const client = new LambdaClient(clientSettings(door));
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
  const sts = new STSClient(clientSettings(door));
  const logs = new CloudWatchLogsClient(clientSettings(door));
  t.after(() => {
    sts.destroy();
    logs.destroy();
  });
  const me = await sts.send(new GetCallerIdentityCommand({}));
  assert.deepEqual([me.Account, me.UserId, me.Arn], ['123456789012', '123456789012', 'arn:aws:iam::123456789012:root']);
  const other = door.credentials.add('210987654321' as AccountId);
  const info = await sts.send(new GetAccessKeyInfoCommand({ AccessKeyId: other.accessKeyId }));
  assert.equal(info.Account, '210987654321');
  const second = new STSClient({ ...clientSettings(door), credentials: other });
  assert.equal((await second.send(new GetCallerIdentityCommand({}))).Account, '210987654321');
  second.destroy();
  const theirs = new LambdaClient({ ...clientSettings(door), credentials: other });
  await theirs.send(new InvokeCommand({ FunctionName: 'echo' }));
  theirs.destroy();
  assert.equal(door.invocations.pop()?.spec.account, '210987654321');

  const groups = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws' }));
  assert.equal(groups.logGroups?.[0]?.arn, '123456789012');
  const missing = await rejected(logs.send(new GetLogEventsCommand({ logGroupName: 'a', logStreamName: 'b' })));
  assert.equal(missing.name, 'ResourceNotFoundException');
  assert.equal(missing.message, 'The specified log group does not exist.');

  const wrongSts = new STSClient(clientSettings(door, 'x'.repeat(40)));
  const stsError = await rejected(wrongSts.send(new GetCallerIdentityCommand({})));
  assert.equal(stsError.name, 'SignatureDoesNotMatch');
  assert.equal(stsError.$metadata.httpStatusCode, 403);
  const wrongLogs = new CloudWatchLogsClient(clientSettings(door, 'x'.repeat(40)));
  const logsError = await rejected(wrongLogs.send(new DescribeLogGroupsCommand({})));
  assert.equal(logsError.name, 'InvalidSignatureException');
  assert.equal(logsError.$metadata.httpStatusCode, 400);
  const wrongLambda = new LambdaClient(clientSettings(door, 'x'.repeat(40)));
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
    credentials: clientSettings(door).credentials,
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
