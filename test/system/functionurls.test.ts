import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionUrlConfigCommand,
  type FunctionUrlAuthType,
  GetFunctionUrlConfigCommand,
  type LambdaClient,
  ListFunctionUrlConfigsCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  RemovePermissionCommand,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Credential } from '../../src/frontend/signature/credentials.js';
import { eventually, Hearth, ownNode } from './hearth.js';

/** Answers the event; paths ask for other things. */
const web = `
export const handler = async (event) => {
  if (event.rawPath === '/throw') throw new Error('broken');
  if (event.rawPath === '/exit') process.exit(1);
  if (event.rawPath === '/plain') return { hello: 'world' };
  if (event.rawPath === '/binary') {
    return { statusCode: 200, headers: { 'content-type': 'image/png' }, body: event.body, isBase64Encoded: true };
  }
  return { statusCode: 201, headers: { 'x-made': 'here' }, cookies: ['a=1; Path=/', 'b=2'], body: JSON.stringify(event) };
};
`;

/** Streams a first piece, as much as nobody buffers, and a last one. */
const stream = `
const { once } = require('node:events');
exports.handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const { mib = '0', fail } = event.queryStringParameters ?? {};
  const metadata = { statusCode: 203, headers: { 'Content-Type': 'text/plain', 'x-made': 'here' }, cookies: ['c=3'] };
  const out = awslambda.HttpResponseStream.from(responseStream, metadata);
  out.write('first ');
  if (fail !== undefined) throw new Error('in the middle');
  const piece = Buffer.alloc(2 ** 16, '.');
  for (let i = 0; i < Number(mib) * 16; i++) if (!out.write(piece)) await once(out, 'drain');
  out.write('second');
  out.end();
});
`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly cut: boolean;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Called with the first piece; nothing more is read until it is done. */
  readonly onFirst?: (piece: string) => Promise<void>;
}

/** Not every resolver knows names below localhost: connects to the platform, and says the name. */
function ask(url: string, { method = 'GET', headers = {}, body, onFirst }: Asked = {}): Promise<Answer> {
  const { host, hostname, port, pathname, search } = new URL(url);
  const target = hostname.endsWith('.localhost') ? '127.0.0.1' : hostname;
  return new Promise((resolve, reject) => {
    const path = pathname + search;
    const req = httpRequest({ hostname: target, port, method, path, headers: { host, ...headers }, agent: false });
    req.on('error', reject);
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (chunks.length > 1 || onFirst === undefined) return;
        res.pause();
        onFirst(chunk.toString()).then(() => res.resume(), reject);
      });
      res.on('error', () => {});
      res.on('close', () => {
        const whole = Buffer.concat(chunks);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: whole, cut: !res.complete });
      });
    });
    req.end(body);
  });
}

async function permit(
  client: LambdaClient,
  name: string,
  authType: FunctionUrlAuthType,
  principal = '*',
  alias?: string,
) {
  const of = { FunctionName: name, Principal: principal, ...(alias === undefined ? {} : { Qualifier: alias }) };
  await client.send(
    new AddPermissionCommand({
      ...of,
      StatementId: `url-${authType}`,
      Action: 'lambda:InvokeFunctionUrl',
      FunctionUrlAuthType: authType,
    }),
  );
  await client.send(
    new AddPermissionCommand({
      ...of,
      StatementId: `invoke-${authType}`,
      Action: 'lambda:InvokeFunction',
      InvokedViaFunctionUrl: true,
    }),
  );
}

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: Error & { $metadata: { httpStatusCode: number } }) =>
      `${error.$metadata.httpStatusCode} ${error.name}: ${error.message}`,
  );
}

describe('function URLs', () => {
  let hearth: Hearth;
  let client: LambdaClient;
  let url = '';
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    client = hearth.lambda();
    await hearth.create('web', ownNode, 'index.handler', { 'index.mjs': web });
    const made = await client.send(new CreateFunctionUrlConfigCommand({ FunctionName: 'web', AuthType: 'NONE' }));
    url = made.FunctionUrl ?? '';
  });
  after(() => hearth.remove());

  it('are configured as the service does it', async () => {
    const port = new URL(hearth.endpoint).port;
    assert.match(url, new RegExp(`^http://[a-z0-9]{32}\\.lambda-url\\.us-east-1\\.localhost:${port}/$`));
    const FunctionName = 'web';
    const got = await client.send(new GetFunctionUrlConfigCommand({ FunctionName }));
    assert.equal(got.FunctionUrl, url);
    assert.equal(got.AuthType, 'NONE');
    assert.equal(got.FunctionArn, 'arn:aws:lambda:us-east-1:123456789012:function:web');
    assert.match(String(got.CreationTime), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.equal(got.InvokeMode, undefined);
    assert.equal(got.Cors, undefined);
    const again = client.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' }));
    assert.equal(
      await code(again),
      `409 ResourceConflictException: Failed to create function url config for [functionArn = ${got.FunctionArn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    );
    const none = { FunctionName: 'nothing' };
    const missing = '404 ResourceNotFoundException: ';
    const gone = `${missing}The resource you requested does not exist.`;
    const unmade = `${missing}Function does not exist`;
    assert.equal(await code(client.send(new CreateFunctionUrlConfigCommand({ ...none, AuthType: 'NONE' }))), unmade);
    assert.equal(await code(client.send(new ListFunctionUrlConfigsCommand(none))), unmade);
    assert.equal(await code(client.send(new GetFunctionUrlConfigCommand(none))), gone);
    assert.equal(await code(client.send(new DeleteFunctionUrlConfigCommand(none))), gone);
    for (const Qualifier of ['1', '$LATEST']) {
      const refused = await code(client.send(new GetFunctionUrlConfigCommand({ FunctionName, Qualifier })));
      assert.match(refused, /^400 ValidationException: .*at 'qualifier' failed to satisfy constraint/, Qualifier);
    }
    const wrong = { FunctionName, AuthType: 'NONE', InvokeMode: 'LATER' } as never;
    assert.match(
      await code(client.send(new CreateFunctionUrlConfigCommand(wrong))),
      /^400 ValidationException: .*invokeMode/,
    );
  });

  it('need a policy that lets everybody in, for both actions', async () => {
    const forbidden = async () => {
      const answer = await ask(url);
      return answer.status === 403 && answer.body.toString().startsWith('{"Message":"Forbidden. For troubleshooting');
    };
    assert.ok(await forbidden());
    await permit(client, 'web', 'NONE');
    assert.equal((await ask(url)).status, 201);
    await client.send(new RemovePermissionCommand({ FunctionName: 'web', StatementId: 'invoke-NONE' }));
    assert.ok(await forbidden());
    await client.send(new RemovePermissionCommand({ FunctionName: 'web', StatementId: 'url-NONE' }));
    await permit(client, 'web', 'NONE');
    assert.equal((await ask(url)).status, 201);
  });

  it('carry requests and answers both ways', async () => {
    const answer = await ask(`${url}a%20b?x=1&x=2`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: 'c=d; e=f' },
      body: '{"grüße":1}',
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['x-made'], 'here');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1; Path=/', 'b=2']);
    const event = JSON.parse(answer.body.toString());
    assert.equal(event.rawPath, '/a%20b');
    assert.deepEqual(event.queryStringParameters, { x: '1,2' });
    assert.deepEqual(event.cookies, ['c=d', 'e=f']);
    assert.equal(event.body, '{"grüße":1}');
    assert.equal(event.requestContext.requestId, answer.headers['x-amzn-requestid']);
    const log = await hearth.logs().send(
      new FilterLogEventsCommand({
        logGroupName: '/aws/lambda/web',
        filterPattern: `"REPORT" "${event.requestContext.requestId}"`,
      }),
    );
    assert.equal(log.events?.length, 1);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    const binary = await ask(`${url}binary`, { method: 'PUT', body: bytes });
    assert.deepEqual(binary.body, bytes);
    assert.equal(binary.headers['content-type'], 'image/png');
    const plain = await ask(`${url}plain`);
    assert.deepEqual([plain.status, plain.body.toString()], [200, '{"hello":"world"}']);
  });

  it('are served by path, too, and to curl as they are', async () => {
    const { hostname } = new URL(url);
    const byPath = await fetch(`${hearth.endpoint}/_hearth/url/${hostname.split('.')[0]}/there?q=1`);
    assert.equal(byPath.status, 201);
    const event = (await byPath.json()) as { rawPath: string; requestContext: { domainName: string } };
    assert.equal(event.rawPath, '/there');
    assert.equal(event.requestContext.domainName, hostname);
    // The URL as the AWS CLI says it; curl knows that names below localhost are this machine.
    const { stdout } = await hearth.aws('lambda', 'list-function-url-configs', '--function-name', 'web');
    assert.equal(JSON.parse(stdout).FunctionUrlConfigs[0].FunctionUrl, url);
    const args = ['-s', '--http1.0', '-o', '-', '-w', '\n%{http_code}', '-X', 'PATCH', '-d', 'a=b', `${url}there`];
    const output = await new Promise<string>((resolve, reject) => {
      execFile('curl', args, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
    });
    const [body = '', status] = output.split('\n');
    assert.equal(status, '201');
    const seen = JSON.parse(body);
    assert.deepEqual([seen.requestContext.http.method, seen.isBase64Encoded, seen.body], ['PATCH', true, 'YT1i']);
  });

  it('answer 502 for errors of the function and 429 when it is throttled', async () => {
    for (const path of ['throw', 'exit']) {
      const answer = await ask(`${url}${path}`);
      assert.deepEqual([answer.status, answer.body.toString()], [502, 'Internal Server Error'], path);
    }
    const reserve = new PutFunctionConcurrencyCommand({ FunctionName: 'web', ReservedConcurrentExecutions: 0 });
    await client.send(reserve);
    const answer = await ask(url);
    assert.equal(answer.status, 429);
    assert.equal(JSON.parse(answer.body.toString()).Reason, 'ReservedFunctionConcurrentInvocationLimitExceeded');
    await client.send(new PutFunctionConcurrencyCommand({ FunctionName: 'web', ReservedConcurrentExecutions: 10 }));
    assert.equal((await ask(url)).status, 201);
  });

  it('let in who signs with AWS_IAM: the own account, and others by policy', async () => {
    const signed = async (credential: Credential, path: string): Promise<Answer> => {
      const { host, pathname } = new URL(`${url}${path}`);
      const signer = new SignatureV4({
        service: 'lambda',
        region: 'us-east-1',
        credentials: credential,
        sha256: Sha256,
      });
      const request = {
        method: 'POST',
        protocol: 'http:',
        hostname: host,
        path: pathname,
        headers: { host },
        body: 'b',
      };
      const { headers } = await signer.sign(request);
      return await ask(`${url}${path}`, { method: 'POST', headers, body: 'b' });
    };
    const FunctionName = 'web';
    await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName, AuthType: 'AWS_IAM' }));
    const unsigned = await ask(url);
    assert.equal(unsigned.status, 403);
    assert.match(unsigned.body.toString(), /^\{"Message":"Forbidden\./);
    const own = await signed(hearth.credential, 'x');
    assert.equal(own.status, 201, own.body.toString());
    assert.equal(JSON.parse(own.body.toString()).requestContext.authorizer.iam.accountId, '123456789012');
    const other = hearth.credentials.add('210987654321' as Credential['account']);
    assert.equal((await signed(other, 'x')).status, 403);
    await permit(client, FunctionName, 'AWS_IAM', '210987654321');
    const admitted = await signed(other, 'x');
    assert.equal(admitted.status, 201);
    assert.equal(JSON.parse(admitted.body.toString()).requestContext.accountId, '210987654321');
    await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' }));
  });

  it('answer browsers themselves', async () => {
    const Cors = { AllowOrigins: ['https://a.example'], AllowMethods: ['PUT'], AllowHeaders: ['x-a'], MaxAge: 5 };
    const updated = await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'web', Cors }));
    assert.deepEqual(updated.Cors, Cors);
    const question = { origin: 'https://a.example', 'access-control-request-method': 'PUT' };
    const preflight = await ask(`${url}throw`, { method: 'OPTIONS', headers: question });
    assert.equal(preflight.status, 200);
    assert.equal(preflight.headers['access-control-allow-headers'], 'x-a');
    assert.equal(preflight.headers['access-control-max-age'], '5');
    const answer = await ask(url, { headers: { origin: 'https://a.example' } });
    assert.equal(answer.headers['access-control-allow-origin'], 'https://a.example');
    const ended = await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'web', Cors: {} }));
    assert.equal(ended.Cors, undefined);
  });

  it('belong to an alias, too, run its version, and go with it', async () => {
    const FunctionName = 'web';
    const { Version: FunctionVersion } = await client.send(new PublishVersionCommand({ FunctionName }));
    const unknown = new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier: 'live', AuthType: 'NONE' });
    assert.equal(await code(client.send(unknown)), '404 ResourceNotFoundException: Function does not exist');
    await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion }));
    const made = await client.send(
      new CreateFunctionUrlConfigCommand({ FunctionName, Qualifier: 'live', AuthType: 'NONE', InvokeMode: 'BUFFERED' }),
    );
    assert.equal(made.FunctionArn, 'arn:aws:lambda:us-east-1:123456789012:function:web:live');
    assert.equal(made.InvokeMode, 'BUFFERED');
    const aliasUrl = made.FunctionUrl ?? '';
    assert.notEqual(aliasUrl, url);
    assert.equal((await ask(aliasUrl)).status, 403, 'the policy of the function is not that of the alias');
    await permit(client, FunctionName, 'NONE', '*', 'live');
    assert.equal((await ask(aliasUrl)).status, 201);
    const listed = await client.send(new ListFunctionUrlConfigsCommand({ FunctionName, MaxItems: 1 }));
    assert.equal(listed.FunctionUrlConfigs?.[0]?.FunctionUrl, url);
    const rest = await client.send(new ListFunctionUrlConfigsCommand({ FunctionName, Marker: listed.NextMarker }));
    assert.deepEqual(
      rest.FunctionUrlConfigs?.map(({ FunctionUrl }) => FunctionUrl),
      [aliasUrl],
    );
    await client.send(new DeleteAliasCommand({ FunctionName, Name: 'live' }));
    assert.deepEqual((await ask(aliasUrl)).body.toString(), '{"Message":null}');
  });

  it('stream what the function writes, when it writes it', async () => {
    // 48 MiB take an emulated machine some five seconds.
    await hearth.create('stream', ownNode, 'index.handler', { 'index.js': stream }, { Timeout: 60 });
    const made = await client.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: 'stream', AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM' }),
    );
    assert.equal(made.InvokeMode, 'RESPONSE_STREAM');
    await permit(client, 'stream', 'NONE');
    const streamUrl = made.FunctionUrl ?? '';
    const reserve = { FunctionName: 'stream', ReservedConcurrentExecutions: 1 };
    await client.send(new PutFunctionConcurrencyCommand(reserve));
    const answer = await ask(`${streamUrl}?mib=48`, {
      onFirst: async (piece) => {
        assert.match(piece, /^first /);
        // The one invocation that may run still does: its function waits for us.
        assert.equal((await ask(streamUrl)).status, 429);
      },
    });
    assert.equal(answer.status, 203);
    assert.equal(answer.body.length, 'first second'.length + 48 * 2 ** 20);
    assert.ok(answer.body.subarray(-6).equals(Buffer.from('second')));
    assert.equal(answer.headers['x-made'], 'here');
    assert.deepEqual(answer.headers['set-cookie'], ['c=3']);
    assert.equal(answer.headers['transfer-encoding'], 'chunked');
    // A response may be there a moment before its invocation is over.
    const next = (to: string) =>
      eventually(async () => {
        const answered = await ask(to);
        return answered.status !== 429 && answered;
      }, 'the invocation before to be over');
    const cut = await next(`${streamUrl}?fail=1`);
    assert.deepEqual([cut.status, cut.body.toString(), cut.cut], [203, 'first ', true]);
    // Buffered, the same function answers whole.
    await client.send(new UpdateFunctionUrlConfigCommand({ FunctionName: 'stream', InvokeMode: 'BUFFERED' }));
    const whole = await next(streamUrl);
    assert.deepEqual([whole.status, whole.body.toString()], [203, 'first second']);
    assert.equal(whole.headers['content-length'], '12');
  });

  it('stay what they are when the platform is killed, and end with their function', async () => {
    const { hostname } = new URL(url);
    await hearth.stop('SIGKILL');
    await hearth.start();
    client = hearth.lambda();
    const { FunctionUrl = '' } = await client.send(new GetFunctionUrlConfigCommand({ FunctionName: 'web' }));
    assert.equal(new URL(FunctionUrl).hostname, hostname);
    assert.equal((await ask(FunctionUrl)).status, 201);
    const { stdout } = await hearth.cli('functions', 'web');
    assert.match(stdout, new RegExp(hostname));
    await client.send(new DeleteFunctionUrlConfigCommand({ FunctionName: 'web' }));
    assert.equal((await ask(FunctionUrl)).status, 403);
  });
});
