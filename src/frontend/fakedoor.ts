import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AsyncEvent } from '../async/messages.js';
import type { UrlTarget } from '../config/urls/messages.js';
import { apiFailure } from '../kernel/errors.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { poolKey, versionKey } from '../kernel/ids.js';
import { fail, ok } from '../kernel/result.js';
import type { Caller } from '../wire/caller.js';
import { type FunctionSpec, textLogging } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import { SignedCodeUrls } from './codeurls.js';
import type { UrlDirectory } from './functionurl/endpoint.js';
import type { Bandwidth } from './pace.js';
import type { ResolvedFunction } from './ports.js';
import { FrontEnd, type ServerLimits } from './server.js';
import { CredentialStore } from './signature/credentials.js';

/** Only for tests: a front end over fakes. Function `echo` answers its payload; `missing` does not exist. */
export interface FakeDoor {
  readonly front: FrontEnd;
  readonly port: number;
  readonly endpoint: string;
  readonly credentials: CredentialStore;
  readonly urls: SignedCodeUrls;
  readonly invocations: Invocation[];
  readonly events: { event: AsyncEvent; payload: Buffer }[];
  readonly errors: unknown[];
  /** What the next invocations answer; null: an echo. */
  outcome: ((invocation: Invocation, done: (outcome: InvocationOutcome) => void) => void) | null;
  nowMs: (() => number) | null;
  /** Every well-formed URL id is this URL; null: there are none. */
  url: UrlTarget | null;
  allowsUrl: UrlDirectory['allowsUrl'];
}

export function fakeResolved(
  account: AccountId,
  region: Region,
  name: string,
  qualifier: string | null,
): ResolvedFunction {
  const key = versionKey(account, region, name, '$LATEST');
  const functionArn = `arn:aws:lambda:${region}:${account}:function:${name}`;
  const spec: FunctionSpec = {
    account,
    region,
    functionName: name,
    version: '$LATEST',
    versionKey: key,
    generation: 1,
    pool: poolKey(key, 1),
    functionArn,
    runtime: 'nodejs20.x',
    handler: 'index.handler',
    codeSha256Hex: '00',
    layers: [],
    environment: {},
    memoryMib: 128,
    timeoutMs: 3_000,
    ephemeralMib: 512,
    logGroup: `/aws/lambda/${name}`,
    logging: textLogging,
    tracing: 'PassThrough',
    snapshot: null,
    reservedConcurrency: null,
  };
  return {
    spec,
    invokedFunctionArn: qualifier ? `${functionArn}:${qualifier}` : functionArn,
    executedVersion: '$LATEST',
  };
}

export async function openFakeDoor(
  t: TestContext,
  limits: Partial<ServerLimits> = {},
  streamBandwidth: Bandwidth | null = null,
): Promise<FakeDoor> {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-door-'));
  const credentials = CredentialStore.open(folder);
  let port = 0;
  const urls = new SignedCodeUrls(
    credentials.urlSecret,
    () => `http://127.0.0.1:${port}`,
    () => door.nowMs?.() ?? Date.now(),
  );
  const invocations: Invocation[] = [];
  const events: { event: AsyncEvent; payload: Buffer }[] = [];
  const errors: unknown[] = [];
  const front = new FrontEnd({
    credentials,
    config: {
      getFunction: async (caller: Caller, input: { FunctionName: string }) =>
        input.FunctionName === 'missing'
          ? fail(apiFailure('ResourceNotFoundException', `Function not found: ${input.FunctionName}`))
          : ok({
              Configuration: { FunctionName: input.FunctionName, Role: caller.arn, Timeout: 3 },
              Code: { RepositoryType: 'S3', Location: urls.urlFor(`${caller.account}/abc`) },
            }),
      createFunction: async (_: Caller, input: { FunctionName: string; Code: { ZipFile: Buffer } }) =>
        ok({ FunctionName: input.FunctionName, CodeSize: input.Code.ZipFile.length }),
      listFunctions: async () => {
        throw new Error('a bug of ours');
      },
      deleteFunction: async () => ok({ StatusCode: 204 }),
    },
    iam: { handle: async () => ({ ok: true, action: 'GetRole', result: {} }) },
    urls: {
      functionUrl: () => door.url,
      allowsUrl: (target, caller) => door.allowsUrl(target, caller),
    },
    logs: {
      DescribeLogGroups: async (caller, input) => ok({ logGroups: [{ arn: caller.account, input }] }),
      GetLogEvents: async () =>
        fail({ code: 'ResourceNotFoundException', message: 'The specified log group does not exist.' }),
    },
    code: { read: async (path) => (path.endsWith('/abc') ? Buffer.from('zip bytes') : null) },
    codeUrls: urls,
    streamBandwidth,
    status: () => ({ up: true }),
    onError: (error) => errors.push(error),
    now: () => door.nowMs?.() ?? Date.now(),
    limits,
    resolver: {
      resolve: (account, region, name, qualifier) =>
        name === 'missing'
          ? fail(
              apiFailure(
                'ResourceNotFoundException',
                `Function not found: arn:aws:lambda:${region}:${account}:function:${name}:$LATEST`,
              ),
            )
          : ok(fakeResolved(account, region, name, qualifier)),
    },
    dispatcher: {
      invoke: (invocation, done) => {
        invocations.push(invocation);
        if (door.outcome) door.outcome(invocation, done);
        else
          done({ kind: 'success', payload: invocation.payload, logTail: invocation.tail ? Buffer.from('tail') : null });
      },
    },
    intake: {
      publish: async (event, payload) => {
        events.push({ event, payload });
        return ok(undefined);
      },
    },
  });
  port = await front.listen(0);
  t.after(async () => {
    await front.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const door: FakeDoor = {
    front,
    port,
    endpoint: `http://127.0.0.1:${port}`,
    credentials,
    urls,
    invocations,
    events,
    errors,
    outcome: null,
    nowMs: null,
    url: null,
    allowsUrl: () => true,
  };
  return door;
}

/** Sends the chunks one after the other and answers all bytes until the server closes (or `until` is in them). */
export function rawTalk(
  port: number,
  chunks: readonly (string | Buffer)[],
  until: RegExp | null = null,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      for (const chunk of chunks) socket.write(chunk);
    });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (until?.test(text)) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** For the official SDK's clients: first key of the door, no retries. */
export function clientSettings(door: FakeDoor, secret?: string) {
  const key = door.credentials.list()[0];
  assert.ok(key);
  return {
    endpoint: door.endpoint,
    region: 'eu-west-2',
    maxAttempts: 1,
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: secret ?? key.secretAccessKey },
  };
}

export interface SdkError {
  name: string;
  message: string;
  Type?: string;
  $metadata: { httpStatusCode: number; requestId: string };
}

/** The error of an SDK call that must fail. */
export async function rejected(promise: Promise<unknown>): Promise<SdkError> {
  return promise.then(
    () => assert.fail('must be rejected'),
    (error) => error as SdkError,
  );
}
