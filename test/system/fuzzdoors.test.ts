import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import * as logsSdk from '@aws-sdk/client-cloudwatch-logs';
import { AddPermissionCommand, CreateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import { iamOperations } from '../../src/iam/operations.js';
import { Hearth, ownNode } from './hearth.js';
import { type Answer, signedFetch } from './signedfetch.js';
import { StoredState } from './storedstate.js';

/** `npm run fuzz` asks for many, and for another seed each time. */
const runs = Number(process.env.HEARTH_FUZZ_RUNS ?? 8);
const seed = Number(process.env.HEARTH_FUZZ_SEED ?? 20_260_101);
const settings = { numRuns: runs, seed, endOnFailure: true, includeErrorInReport: true };

/** Answers what it is sent, so that the tests choose what a function URL has to make of it. */
const code = {
  'index.mjs': `
    export const handler = async (event) => JSON.parse(event.body);
    export const streaming = awslambda.streamifyResponse(async (event, out) => {
      const wrapped = awslambda.HttpResponseStream.from(out, JSON.parse(event.body));
      wrapped.write('x');
      wrapped.end();
    });`,
};

const hostile = fc.oneof(
  fc.constantFrom<unknown[]>(
    null,
    true,
    0,
    -1,
    2 ** 53,
    '',
    '\0',
    '*',
    '../..',
    '[[[',
    '{ $.a = ',
    '(a+)+$',
    'x'.repeat(5_000),
  ),
  fc.string(),
  fc.integer(),
  fc.jsonValue(),
);

/** Names that every object has, and no table of operations must. */
const inherited = ['toString', 'constructor', '__proto__', 'hasOwnProperty'];

describe('the doors beside the Lambda API', () => {
  let hearth: Hearth;
  let state: StoredState;
  const urls: string[] = [];
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
    for (const name of ['handler', 'streaming']) {
      await hearth.create(name, ownNode, `index.${name}`, code);
      const InvokeMode = name === 'streaming' ? 'RESPONSE_STREAM' : 'BUFFERED';
      const config = { FunctionName: name, AuthType: 'NONE', InvokeMode } as const;
      const { FunctionUrl } = await hearth.lambda().send(new CreateFunctionUrlConfigCommand(config));
      const right = { FunctionName: name, Principal: '*' };
      const open = {
        ...right,
        StatementId: 'url',
        Action: 'lambda:InvokeFunctionUrl',
        FunctionUrlAuthType: 'NONE',
      } as const;
      const invoke = { ...right, StatementId: 'invoke', Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true };
      for (const one of [open, invoke]) await hearth.lambda().send(new AddPermissionCommand(one));
      urls.push(`/_hearth/url/${new URL(FunctionUrl!).hostname.split('.')[0]}`);
    }
    state = new StoredState(hearth.folder);
  });
  after(async () => {
    await state?.close();
    await hearth?.remove();
  });

  const below500 = ({ status, text }: Answer, what: string) => {
    assert.ok(status < 500, `${what}: ${status} ${text}`);
    assert.doesNotMatch(text, /node:internal|\.js:\d+:\d+/);
  };

  it('CloudWatch Logs: every operation of the SDK, with whatever input, is answered below 500', async () => {
    const names = Object.keys(logsSdk)
      .filter((name) => name.endsWith('Command') && name !== '$Command')
      .map((name) => name.slice(0, -'Command'.length))
      .concat(inherited);
    assert.ok(names.length > 50);
    const group = '/aws/lambda/handler';
    const pools: Readonly<Record<string, readonly unknown[]>> = {
      logGroupName: [group, '/fresh', 'no*good'],
      logGroupIdentifier: [group, `arn:aws:logs:us-east-1:123456789012:log-group:${group}:*`],
      logStreamName: ['s', '2026/01/01/[$LATEST]0'],
      logStreamNames: [['s'], []],
      logStreamNamePrefix: ['2'],
      logGroupNamePrefix: ['/aws'],
      filterPattern: [
        'ERROR',
        '"a b" -c',
        '?x ?y',
        '{ $.a = 1 }',
        '{ $.a.b[0] = "x*" && $.c > 1 }',
        '[a, b=1*, ...]',
        '%(a+)+b%',
      ],
      startTime: [0, 1_700_000_000_000, -1],
      endTime: [1_900_000_000_000, 0],
      limit: [1, 0, 10_001],
      nextToken: ['f/1', 'x'],
      retentionInDays: [1, 2, 3_653],
      resourceArn: [`arn:aws:logs:us-east-1:123456789012:log-group:${group}`],
      tags: [{ a: 'b' }, {}],
      tagKeys: [['a']],
      orderBy: ['LastEventTime', 'LogStreamName', 'x'],
      logEvents: [[{ timestamp: Date.now(), message: 'm' }], [{ timestamp: 0, message: '' }], []],
    };
    const members = Object.fromEntries(
      Object.entries(pools).map(([name, pool]) => [
        name,
        fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: hostile }),
      ]),
    );
    const bodies = fc.oneof(
      { weight: 6, arbitrary: fc.record(members, { requiredKeys: [] }).map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: fc.json() },
      { weight: 1, arbitrary: fc.string() },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...names), bodies), { minLength: 20, maxLength: 40 }),
        async (all) => {
          for (const [name, body] of all) {
            const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Logs_20140328.${name}` };
            const answer = await signedFetch(hearth, { method: 'POST', path: '/', service: 'logs', headers, body });
            below500(answer, `${name} ${body}`);
            if (answer.status >= 400) assert.match(JSON.parse(answer.text).__type, /./);
          }
        },
      ),
      settings,
    );
  });

  it('IAM: forms of any content are answered below 500, and refused ones change nothing', async () => {
    const names = Object.keys(iamOperations(null as never, null as never));
    assert.ok(names.length > 5);
    const fields = [
      'RoleName',
      'PolicyName',
      'PolicyArn',
      'AssumeRolePolicyDocument',
      'PolicyDocument',
      'Path',
      'Marker',
      'MaxItems',
      'Tags.member.1.Key',
      'Tags.member.1.Value',
      'Tags.member.x',
      'TagKeys.member.1',
    ];
    const values = fc.oneof(
      fc.constantFrom(
        'r',
        'p',
        '/',
        '{"Version":"2012-10-17","Statement":[]}',
        'arn:aws:iam::123456789012:policy/p',
        '0',
        '1001',
        '%zz',
        '\0',
      ),
      fc.string({ maxLength: 200 }),
    );
    const forms = fc.tuple(
      fc.constantFrom(...names, ...inherited, 'Nothing', ''),
      fc.dictionary(fc.constantFrom(...fields), values, { noNullPrototype: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(forms, { minLength: 10, maxLength: 20 }), async (all) => {
        for (const [Action, form] of all) {
          const before = await state.settled();
          const body = new URLSearchParams({ Action, Version: '2010-05-08', ...form }).toString();
          const headers = { 'content-type': 'application/x-www-form-urlencoded' };
          const answer = await signedFetch(hearth, { method: 'POST', path: '/', service: 'iam', headers, body });
          below500(answer, body);
          if (answer.status >= 400) assert.ok(await state.becomes(before), body);
        }
      }),
      settings,
    );
  });

  it('function URLs: whatever a function answers becomes an answer, or 502', async () => {
    const shapes = fc.oneof(
      hostile,
      fc.record(
        {
          statusCode: fc.oneof(
            fc.constantFrom<unknown[]>(200, 204, 304, 100, 99, 600, 1e9, '201', null, 'x', 1.5),
            hostile,
          ),
          headers: fc.oneof(
            hostile,
            fc.dictionary(
              fc.oneof(
                fc.constantFrom('content-type', 'transfer-encoding', 'content-length', 'connection', 'x'),
                fc.string(),
              ),
              hostile,
              { noNullPrototype: true },
            ),
          ),
          cookies: fc.oneof(hostile, fc.array(fc.oneof(fc.constantFrom('a=1', 'a=\r\nb: c', ''), fc.string()))),
          body: fc.oneof(fc.constantFrom<unknown[]>('text', 'AAEC', '!!', 1, null), hostile),
          isBase64Encoded: fc.oneof(fc.boolean(), hostile),
        },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...urls), shapes), { minLength: 5, maxLength: 10 }),
        async (all) => {
          for (const [url, shape] of all) {
            const body = JSON.stringify(shape) ?? 'null';
            const status = await statusOf(url, body);
            assert.ok(
              (status === 'closed' ? url === urls[1] : status < 500) ||
                status === 502 ||
                isAsked(shape, Number(status)),
              `${status} for ${body}`,
            );
          }
        },
      ),
      settings,
    );
    assert.equal(await statusOf(urls[0]!, '{"statusCode":207,"body":"still here"}'), 207);
  });

  /** Status of the answer; a stream that fails after its beginning is cut. */
  function statusOf(path: string, body: string): Promise<number | 'closed'> {
    const { hostname, port } = new URL(hearth.endpoint);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          hostname,
          port,
          path: `${path}/x`,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        },
        (res) => {
          res.on('error', () => resolve('closed'));
          res.on('close', () => resolve(res.statusCode!));
          res.resume();
        },
      );
      sent.setTimeout(30_000, () => reject(new Error(`no answer to ${body}`)));
      sent.on('error', () => resolve('closed'));
      sent.end(body);
    });
  }
});

/** The function itself wanted a status of 500 or more. */
function isAsked(shape: unknown, status: number): boolean {
  return (
    typeof shape === 'object' && shape !== null && Number((shape as { statusCode?: unknown }).statusCode) === status
  );
}
