import assert from 'node:assert/strict';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import {
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  GetFunctionCommand,
  ListEventSourceMappingsCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { errorKinds } from '../../src/kernel/errors.js';
import { type OperationName, operationNames, operations } from '../../src/wire/lambda/operations.js';
import { escaped, type FuzzRequest, type Pools, requestsOf } from './fuzzrequest.js';
import { Hearth, ownNode } from './hearth.js';
import { StoredState } from './storedstate.js';
import { zip } from './zip.js';

/** `npm run fuzz` asks for many, and for another seed each time. */
const runs = Number(process.env.HEARTH_FUZZ_RUNS ?? 20);
const seed = Number(process.env.HEARTH_FUZZ_SEED ?? 20_260_101);
/** Far above what anything takes; a hang is what takes longer. */
const answerMsMax = 30_000;

const code = { 'index.mjs': 'export const handler = async (event) => event;' };
const functionArn = 'arn:aws:lambda:us-east-1:123456789012:function:target';
const kinesis = 'arn:aws:kinesis:us-east-1:123456789012:stream/s';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

describe('fuzzing every operation against the model', () => {
  let hearth: Hearth;
  let state: StoredState;
  let signer: SignatureV4;
  let pools: Pools;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });

  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    const { accessKeyId, secretAccessKey } = hearth.credential;
    const credentials = { accessKeyId, secretAccessKey };
    signer = new SignatureV4({ service: 'lambda', region: 'us-east-1', credentials, sha256: Sha256 });
    pools = await makeWorld();
    state = new StoredState(hearth.folder);
  });
  after(async () => {
    agent.destroy();
    await state?.close();
    await hearth?.remove();
  });

  /** A function with version, alias, layer and mapping; made again when a request has deleted it. */
  async function makeWorld(): Promise<Pools> {
    const lambda = hearth.lambda();
    await hearth.create('target', ownNode, 'index.handler', code);
    await lambda.send(new PublishVersionCommand({ FunctionName: 'target' }));
    await lambda.send(new CreateAliasCommand({ FunctionName: 'target', Name: 'live', FunctionVersion: '1' }));
    const good = await zip(code);
    await lambda.send(new PublishLayerVersionCommand({ LayerName: 'lib', Content: { ZipFile: good } }));
    const given = { FunctionName: 'target', EventSourceArn: kinesis };
    const listed = await lambda.send(new ListEventSourceMappingsCommand(given));
    const [mapping] = listed.EventSourceMappings ?? [];
    const made = { ...given, StartingPosition: 'LATEST', Enabled: false } as const;
    const uuid = mapping?.UUID ?? (await lambda.send(new CreateEventSourceMappingCommand(made))).UUID!;
    return {
      FunctionName: [
        'target',
        'target',
        'target:live',
        functionArn,
        '123456789012:function:target',
        'missing',
        'fresh',
        'constructor',
      ],
      Qualifier: ['live', '1', '$LATEST', 'missing', 'constructor'],
      Name: ['live', 'fresh', 'toString'],
      FunctionVersion: ['1', '$LATEST', '9'],
      UUID: [uuid, uuid, '00000000-0000-4000-8000-000000000001'],
      LayerName: ['lib', 'fresh', 'missing', 'constructor'],
      VersionNumber: [1, 2, 99],
      Resource: [functionArn, `arn:aws:lambda:us-east-1:123456789012:event-source-mapping:${uuid}`],
      EventSourceArn: [kinesis, 'arn:aws:sqs:us-east-1:123456789012:q', 'arn:aws:sqs:us-east-1:123456789012:q.fifo'],
      Runtime: [ownNode],
      Role: ['arn:aws:iam::123456789012:role/test'],
      Handler: ['index.handler'],
      ZipFile: [good, good, good, Buffer.from('no zip'), good.subarray(0, 40)],
      Layers: [['arn:aws:lambda:us-east-1:123456789012:layer:lib:1'], []],
      Principal: ['*', '123456789012', 's3.amazonaws.com'],
      StatementId: ['one', 'two', 'toString'],
      Action: ['lambda:InvokeFunction', 'lambda:GetLayerVersion'],
      // Most members that name what is not there end a request too early.
      VpcConfig: [{}],
      FileSystemConfigs: [[]],
      KMSKeyArn: [''],
      ImageConfig: [{}],
      PackageType: ['Zip'],
      Enabled: [false, false, true],
      StartingPosition: ['LATEST', undefined],
      CodeSha256: [undefined, ''],
      DryRun: [undefined, true],
      S3ObjectStorageMode: [undefined],
      Architectures: [undefined],
      PublishTo: [undefined],
      TenancyConfig: [undefined],
      CapacityProviderConfig: [undefined],
      DurableConfig: [undefined],
      CodeSigningConfigArn: [undefined],
      S3Bucket: [undefined],
      S3Key: [undefined],
      S3ObjectVersion: [undefined],
      ImageUri: [undefined],
      SourceKMSKeyArn: [undefined],
      RevisionId: [undefined, undefined, '00000000-0000-4000-8000-000000000002'],
    };
  }

  async function send(wanted: FuzzRequest): Promise<Answer> {
    const { hostname, port, host } = new URL(hearth.endpoint);
    const { method, path, query, headers, body } = wanted;
    const plain = { method, protocol: 'http:', hostname, path, query: query as Record<string, string[]>, body };
    const signed = await signer.sign({
      ...plain,
      headers: { ...headers, host, 'content-length': String(body.length) },
    });
    const search = Object.entries(query).flatMap(([name, values]) =>
      values.map((one) => `${escaped(name)}=${escaped(one)}`),
    );
    const target = search.length === 0 ? path : `${path}?${search.join('&')}`;
    return await new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method, path: target, headers: signed.headers, agent }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('error', reject);
        res.on('end', () =>
          resolve({ status: res.statusCode!, headers: res.headers, text: Buffer.concat(chunks).toString() }),
        );
      });
      sent.setTimeout(answerMsMax, () => sent.destroy(new Error('no answer in time')));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async function check(operation: OperationName, wanted: FuzzRequest): Promise<void> {
    const before = await state.settled();
    const { status, headers, text } = sane(await send(wanted));
    if (status < 400) return;
    const error = JSON.parse(text) as { readonly message?: string; readonly Message?: string };
    const type = String(headers['x-amzn-errortype']).split(':')[0]!;
    assert.ok(type in errorKinds, `${type} is no error of the table`);
    // Another account's resources are refused without a word, as the service does it.
    if (type !== 'AccessDeniedException') assert.match(error.message ?? error.Message ?? '', /./, text);
    // What the caller may not do, or asked for wrongly, has changed nothing, not even in what comes later.
    assert.ok(await state.becomes(before), `${status} ${type}, and the state changed: ${operation}`);
  }

  /** What holds of every answer. */
  function sane(answer: Answer): Answer {
    const { status, headers, text } = answer;
    assert.ok(status < 500, `status ${status}: ${text}`);
    assert.match(String(headers['x-amzn-requestid']), /^[0-9a-f-]{36}$/);
    assert.doesNotMatch(text, /node:internal|\.js:\d+:\d+|\.ts:\d+/);
    return answer;
  }

  /** The world may have lost what the pools name. */
  async function restore(): Promise<void> {
    const target = new GetFunctionCommand({ FunctionName: 'target' });
    const found = await hearth
      .lambda()
      .send(target)
      .catch(() => null);
    if (found === null) pools = await makeWorld();
  }

  for (const operation of operationNames) {
    it(`${operation}: never a 5xx, never a hang, never a changed state on a refused request`, async () => {
      await restore();
      await fc.assert(
        fc.asyncProperty(requestsOf(operation, pools), (wanted) => check(operation, wanted)),
        { numRuns: runs, seed, endOnFailure: runs < 50, includeErrorInReport: true },
      );
    });
  }

  it('many clients at once: never a 5xx, and the next run finds what this one stored', async () => {
    await restore();
    // Those that change functions and what belongs to them: they meet each other.
    const changing = operationNames.filter((name) =>
      /^(Create|Update|Put|Delete|Publish|Add|Remove|Tag|Untag)/.test(name),
    );
    const requests = fc.oneof(...changing.map((name) => requestsOf(name, pools)));
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 16, maxLength: 48 }), async (all) => {
        for (const answer of await Promise.all(all.map(send))) sane(answer);
      }),
      { numRuns: runs, seed, endOnFailure: true, includeErrorInReport: true },
    );
    await state.settled();
    const before = state.records();
    await hearth.stop('SIGKILL');
    await hearth.start();
    await state.settled();
    assert.deepEqual(state.records(), before);
    // A start collects what nothing names.
    const text = before.join('\n');
    const orphans = state.objects().filter((name) => !text.includes(/[0-9a-f]{64}/.exec(name)?.[0] ?? 'no zip'));
    assert.deepEqual(orphans, []);
  });

  it('serves as before afterwards', async () => {
    await hearth.create('afterwards', ownNode, 'index.handler', code);
    assert.equal((await hearth.invoke('afterwards', { a: 1 })).payload, '{"a":1}');
    assert.ok(Object.keys(operations).length > 80);
  });
});
