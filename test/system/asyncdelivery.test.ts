import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  InvokeCommand,
  type LambdaClient,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  PutFunctionRecursionConfigCommand,
} from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { MessageServer } from './messageserver.js';

const code = {
  'index.mjs': `
    export const handler = async (event) => {
      console.log('ran ' + (event.mark ?? JSON.stringify(event)) + '.');
      if (event.fail) throw new Error('no ' + event.mark);
      return { seen: event.mark };
    };`,
};

const account = '123456789012';
const arnOf = (service: string, resource: string) => `arn:aws:${service}:us-east-1:${account}:${resource}`;

interface Settings {
  readonly retries?: number;
  readonly success?: string;
  readonly failure?: string;
}

async function configure(lambda: LambdaClient, name: string, { retries = 0, success, failure }: Settings) {
  await lambda.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: name,
      MaximumRetryAttempts: retries,
      DestinationConfig: {
        ...(success === undefined ? {} : { OnSuccess: { Destination: success } }),
        ...(failure === undefined ? {} : { OnFailure: { Destination: failure } }),
      },
    }),
  );
}

/** The request's id. */
async function send(lambda: LambdaClient, name: string, event: object): Promise<string> {
  const Payload = JSON.stringify(event);
  const answer = await lambda.send(new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload }));
  assert.equal(answer.StatusCode, 202);
  return answer.$metadata.requestId!;
}

/** Every event that the function has logged, in order. */
async function ran(hearth: Hearth, name: string): Promise<string[]> {
  const wanted = { logGroupName: `/aws/lambda/${name}`, filterPattern: '"ran "' };
  const { events = [] } = await hearth
    .logs()
    .send(new FilterLogEventsCommand(wanted))
    .catch(() => ({ events: [] }));
  return events.map(({ message = '' }) => /ran (.*)\./.exec(message)?.[1] ?? '');
}

function recordOf(name: string, requestId: string, mark: string, failed: boolean) {
  return {
    version: '1.0',
    requestContext: {
      requestId,
      functionArn: arnOf('lambda', `function:${name}:$LATEST`),
      condition: failed ? 'RetriesExhausted' : 'Success',
      approximateInvokeCount: 1,
    },
    requestPayload: failed ? { mark, fail: true } : { mark },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', ...(failed ? { functionError: 'Unhandled' } : {}) },
  };
}

describe('what becomes of asynchronous invocations', () => {
  let server: MessageServer;
  let hearth: Hearth;
  let lambda: LambdaClient;
  before(async () => {
    server = await MessageServer.start();
    const { endpoint } = server;
    const services = ['--sqs-endpoint', endpoint, '--sns-endpoint', endpoint, '--destination-url', `${endpoint}/hooks`];
    // Without isolation a function reaches the loopback, on which the platform of a test listens.
    hearth = await Hearth.start('--spares', '1', '--isolation', 'none', '--retry-seconds', '0.1', ...services);
    lambda = hearth.lambda();
  });
  after(async () => {
    await hearth?.remove();
    await server?.stop();
  });

  /** One that succeeds and one that fails; what each of them was told, once both have been. */
  const both = async (name: string, texts: () => string[]) => {
    const ids = [await send(lambda, name, { mark: 'good' }), await send(lambda, name, { mark: 'bad', fail: true })];
    const parsed = () => texts().map((text) => JSON.parse(text));
    await eventually(async () => parsed().length === 2, `two records of ${name}`);
    const records = ids.map((id) => parsed().find(({ requestContext }) => requestContext.requestId === id));
    for (const [at, record] of records.entries()) {
      const { timestamp, responsePayload, ...rest } = record;
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual(rest, recordOf(name, ids[at]!, at === 0 ? 'good' : 'bad', at === 1));
      if (at === 0) assert.deepEqual(responsePayload, { seen: 'good' });
      else assert.deepEqual([responsePayload.errorType, responsePayload.errorMessage], ['Error', 'no bad']);
    }
  };

  it('records go to a queue, a topic, a URL and a file', async () => {
    const file = join(hearth.folder, 'destinations', account, 'us-east-1', 'sink.ndjson');
    const kinds: [string, string, () => string[]][] = [
      ['to-queue', arnOf('sqs', 'records'), () => server.to('records').map(({ body }) => body)],
      ['to-topic', arnOf('sns', 'topic'), () => server.to('topic').map(({ body }) => body)],
      [
        'to-url',
        arnOf('hearth', `http/${server.endpoint}/hooks/a`),
        () => server.to('/hooks/a').map(({ body }) => body),
      ],
      [
        'to-file',
        arnOf('hearth', 'file/sink'),
        // The last line may be on its way.
        () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []),
      ],
    ];
    for (const [name, destination, texts] of kinds) {
      await hearth.create(name, ownNode, 'index.handler', code);
      await configure(lambda, name, { success: destination, failure: destination });
      await both(name, texts);
    }
    // They go on with the chain of requests that the function was in.
    for (const to of ['records', 'topic', '/hooks/a']) {
      assert.match(server.to(to)[0]!.traceHeader, /^Root=1-.*;Lineage=[0-9a-f]{8}:1$/);
    }
  });

  it('records go to another function, which gets them as its event', async () => {
    await hearth.create('listener', ownNode, 'index.handler', code);
    await hearth.create('to-function', ownNode, 'index.handler', code);
    const destination = arnOf('lambda', 'function:listener');
    await configure(lambda, 'to-function', { success: destination });
    const id = await send(lambda, 'to-function', { mark: 'onwards' });
    const [text] = await eventually(async () => {
      const all = await ran(hearth, 'listener');
      return all.length > 0 && all;
    }, 'the listener to run');
    const { requestContext, responsePayload } = JSON.parse(text!);
    assert.deepEqual([requestContext.requestId, requestContext.condition], [id, 'Success']);
    assert.deepEqual(responsePayload, { seen: 'onwards' });
  });

  it('an error is tried again as often as configured, with one request id, then told to queue and dead-letter queue', async () => {
    const DeadLetterConfig = { TargetArn: arnOf('sqs', 'dead') };
    await hearth.create('failing', ownNode, 'index.handler', code, { DeadLetterConfig });
    await configure(lambda, 'failing', { retries: 2, failure: arnOf('sqs', 'failures') });
    const id = await send(lambda, 'failing', { mark: 'thrice', fail: true });
    const [letter] = await eventually(async () => server.to('dead').length > 0 && server.to('dead'), 'the dead letter');
    assert.deepEqual(await ran(hearth, 'failing'), ['thrice', 'thrice', 'thrice']);
    const [record] = server.to('failures');
    assert.deepEqual(JSON.parse(record!.body).requestContext, {
      requestId: id,
      functionArn: arnOf('lambda', 'function:failing:$LATEST'),
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    });
    assert.equal(letter!.body, '{"mark":"thrice","fail":true}');
    assert.deepEqual(letter!.attributes, {
      RequestID: `String:${id}`,
      ErrorCode: 'Number:200',
      ErrorMessage: 'String:no thrice',
    });
  });

  it('zero reserved concurrency fails events at once, and runs nothing', async () => {
    await hearth.create('reserved', ownNode, 'index.handler', code, {
      DeadLetterConfig: { TargetArn: arnOf('sns', 'letters') },
    });
    await configure(lambda, 'reserved', { failure: arnOf('sqs', 'refused') });
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName: 'reserved', ReservedConcurrentExecutions: 0 }));
    await send(lambda, 'reserved', { mark: 'never' });
    const [letter] = await eventually(
      async () => server.to('letters').length > 0 && server.to('letters'),
      'the letter',
    );
    assert.equal(letter!.body, '{"mark":"never"}');
    assert.deepEqual(Object.keys(letter!.attributes), ['RequestID', 'ErrorMessage']);
    const record = JSON.parse(server.to('refused')[0]!.body);
    assert.equal(record.requestContext.condition, 'ZeroReservedConcurrency');
    assert.equal(record.requestContext.approximateInvokeCount, 0);
    assert.equal('responseContext' in record, false);
    assert.deepEqual(await ran(hearth, 'reserved'), []);
  });

  it('a destination that is away for a moment is asked again; one that is not there is given up', async () => {
    await hearth.create('patient', ownNode, 'index.handler', code);
    await configure(lambda, 'patient', { success: arnOf('sqs', 'slow') });
    server.manner = ({ to }) => (to === 'slow' && server.to('slow').length < 3 ? 500 : 'take');
    await send(lambda, 'patient', { mark: 'x' });
    await eventually(async () => server.to('slow').length === 3, 'the third try');
    await configure(lambda, 'patient', { success: arnOf('sqs', 'missing') });
    await send(lambda, 'patient', { mark: 'y' });
    const undelivered = async () => {
      const { stdout } = await hearth.cli('status', '--json');
      return JSON.parse(stdout).asynchronous.undelivered === 1;
    };
    await eventually(undelivered, 'the record to be given up');
    assert.deepEqual(await ran(hearth, 'patient'), ['x', 'y']);
    server.manner = () => 'take';
  });

  /** As a function of a customer would: the official SDK inside, which passes the trace header on by itself. */
  const looping = {
    'index.mjs': `
      import sdk from '${join(projectRoot, 'node_modules/@aws-sdk/client-lambda/dist-cjs/index.js')}';
      const { InvokeCommand, LambdaClient } = sdk;
      const client = new LambdaClient({ endpoint: process.env.PLATFORM, maxAttempts: 1 });
      export const handler = async ({ left, type }) => {
        console.log('ran ' + left + '.');
        if (left === 0) return 'enough';
        const FunctionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
        const Payload = JSON.stringify({ left: left - 1, type });
        const answer = await client.send(new InvokeCommand({ FunctionName, InvocationType: type, Payload }));
        return answer.Payload?.transformToString();
      };`,
  };

  it('a function that invokes itself through the official SDK is stopped after 16 invocations', async () => {
    const Environment = { Variables: { PLATFORM: hearth.endpoint } };
    await hearth.create('loop', ownNode, 'index.handler', looping, { Environment, Timeout: 60, MemorySize: 128 });
    await configure(lambda, 'loop', { failure: arnOf('sqs', 'loops') });
    await send(lambda, 'loop', { left: 40, type: 'Event' });
    const [told] = await eventually(async () => server.to('loops').length > 0 && server.to('loops'), 'the loop to end');
    assert.equal((await ran(hearth, 'loop')).length, 16, told!.body);
    const record = JSON.parse(told!.body);
    assert.equal(record.requestContext.condition, 'RecursiveInvocation');
    assert.deepEqual(record.responseContext, { statusCode: 400 });
    assert.deepEqual(record.requestPayload, { left: 24, type: 'Event' });

    const RecursiveLoop = 'Allow';
    await lambda.send(new PutFunctionRecursionConfigCommand({ FunctionName: 'loop', RecursiveLoop }));
    await send(lambda, 'loop', { left: 20, type: 'Event' });
    await eventually(async () => (await ran(hearth, 'loop')).length === 16 + 21, 'the allowed loop to end');
    assert.equal(server.to('loops').length, 1);
  });

  it('a synchronous invocation that is one too many is refused', async () => {
    const hash = createHash('sha256').update(arnOf('lambda', 'function:to-queue')).digest('hex').slice(0, 8);
    const after = async (count: number) => {
      const command = new InvokeCommand({ FunctionName: 'to-queue', Payload: '{"mark":"sync"}' });
      command.middlewareStack.add(
        (next) => async (args) => {
          const { headers } = args.request as { headers: Record<string, string> };
          headers['X-Amzn-Trace-Id'] = `Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Lineage=${hash}:${count}`;
          return await next(args);
        },
        { step: 'build' },
      );
      return await lambda.send(command);
    };
    assert.equal((await after(15)).StatusCode, 200);
    await assert.rejects(after(16), (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
      assert.equal(error.name, 'RecursiveInvocationException');
      assert.equal(error.$metadata?.httpStatusCode, 400);
      assert.match(error.message, /^Lambda has detected your function being invoked in a recursive loop/);
      return true;
    });
  });
});

describe('asynchronous invocations survive kill -9', () => {
  let server: MessageServer;
  let hearth: Hearth;
  before(async () => {
    server = await MessageServer.start();
    hearth = await Hearth.start('--spares', '1', '--retry-seconds', '0.5', '--sqs-endpoint', server.endpoint);
    await hearth.create('worker', ownNode, 'index.handler', {
      'index.mjs': `
        export const handler = async ({ mark, fail, waitMs = 0 }) => {
          console.log('ran ' + mark + '.');
          await new Promise((resolve) => setTimeout(resolve, waitMs));
          if (fail) throw new Error('no');
          return mark;
        };`,
    });
    const destination = arnOf('sqs', 'records');
    await configure(hearth.lambda(), 'worker', { retries: 1, success: destination, failure: destination });
  });
  after(async () => {
    await hearth?.remove();
    await server?.stop();
  });

  const restart = async () => {
    await hearth.stop('SIGKILL');
    await hearth.start();
  };
  const told = (mark: string) =>
    server
      .to('records')
      .map(({ body }) => JSON.parse(body))
      .filter(({ requestPayload }) => requestPayload.mark === mark);
  const runs = async (mark: string) => (await ran(hearth, 'worker')).filter((one) => one === mark).length;

  it('right after the 202: the event runs, and is told', async () => {
    const id = await send(hearth.lambda(), 'worker', { mark: 'accepted' });
    await restart();
    const [record] = await eventually(async () => told('accepted').length > 0 && told('accepted'), 'the record');
    assert.deepEqual([record.requestContext.requestId, record.responsePayload], [id, 'accepted']);
  });

  it('while the function runs: it runs again', async () => {
    await send(hearth.lambda(), 'worker', { mark: 'running', waitMs: 1_000 });
    await eventually(async () => (await runs('running')) === 1, 'the function to run');
    await restart();
    await eventually(async () => told('running').length > 0, 'the record');
    assert.equal(told('running')[0].requestContext.condition, 'Success');
  });

  it('before a retry: what was tried counts', async () => {
    await send(hearth.lambda(), 'worker', { mark: 'failing', fail: true });
    await eventually(async () => (await runs('failing')) === 1, 'the first run');
    // Time for the end of the run to be written; without it the run is repeated, as Lambda may.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await restart();
    const [record] = await eventually(async () => told('failing').length > 0 && told('failing'), 'the record');
    assert.equal(record.requestContext.condition, 'RetriesExhausted');
    assert.equal(record.requestContext.approximateInvokeCount, 2);
  });

  it('while a destination is told: only the telling is repeated, the function never runs again', async () => {
    let arrived: () => void = () => {};
    const first = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    server.manner = () => {
      arrived();
      return 'hang';
    };
    await send(hearth.lambda(), 'worker', { mark: 'telling' });
    await first;
    await hearth.stop('SIGKILL');
    server.manner = () => 'take';
    const before = told('telling').length;
    await hearth.start();
    await eventually(async () => told('telling').length === before + 1, 'the record to come again');
    const [one, again] = told('telling');
    assert.deepEqual(again, one, 'the very same record');
    const queued = async () => JSON.parse((await hearth.cli('status', '--json')).stdout).queuedEvents === 0;
    await eventually(queued, 'the queue to be empty');
    assert.equal(told('telling').length, before + 1);
    assert.equal(await runs('telling'), 1);
  });

  it('between two destinations: only the second is told', async () => {
    const DeadLetterConfig = { TargetArn: arnOf('sqs', 'letters') };
    await hearth.create('pair', ownNode, 'index.handler', code, { DeadLetterConfig });
    await configure(hearth.lambda(), 'pair', { failure: arnOf('sqs', 'failures') });
    let arrived: () => void = () => {};
    const second = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    server.manner = ({ to }) => {
      if (to !== 'letters') return 'take';
      arrived();
      return 'hang';
    };
    await send(hearth.lambda(), 'pair', { mark: 'pair', fail: true });
    await second;
    await hearth.stop('SIGKILL');
    server.manner = () => 'take';
    await hearth.start();
    await eventually(async () => server.to('letters').length === 2, 'the dead letter to come again');
    const queued = async () => JSON.parse((await hearth.cli('status', '--json')).stdout).queuedEvents === 0;
    await eventually(queued, 'the queue to be empty');
    assert.equal(server.to('failures').length, 1);
    assert.deepEqual(await ran(hearth, 'pair'), ['pair']);
  });

  it('a platform that is asked to stop finishes what is under way: nothing comes twice', async () => {
    await send(hearth.lambda(), 'worker', { mark: 'stopping', waitMs: 500 });
    await eventually(async () => (await runs('stopping')) === 1, 'the function to run');
    await hearth.stop();
    assert.equal(told('stopping').length, 1);
    await hearth.start();
    const queued = async () => JSON.parse((await hearth.cli('status', '--json')).stdout).queuedEvents === 0;
    await eventually(queued, 'the queue to be empty');
    assert.deepEqual([told('stopping').length, await runs('stopping')], [1, 1]);
  });

  it('over and over, with events coming in: none is lost', async (t) => {
    const accepted: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const lambda = hearth.lambda();
      let killed = false;
      const clients = Array.from({ length: 4 }, async (_, client) => {
        for (let n = 0; !killed; n += 1) {
          const mark = `storm-${round}-${client}-${n}`;
          // Whatever the kill leaves unanswered was not promised.
          const answered = await send(lambda, 'worker', { mark }).catch(() => null);
          if (answered !== null) accepted.push(mark);
          else if (!killed) assert.fail('refused while it was alive');
        }
      });
      const enough = accepted.length + 60;
      await eventually(async () => accepted.length >= enough, 'sixty more events');
      killed = true;
      await hearth.stop('SIGKILL');
      await Promise.all(clients);
      await hearth.start();
    }
    const heard = () => new Set(server.to('records').map(({ body }) => JSON.parse(body).requestPayload.mark));
    const missing = () => accepted.filter((mark) => !heard().has(mark));
    await eventually(async () => missing().length === 0, 'all records', 60_000).catch(() => {});
    assert.deepEqual(missing(), []);
    const storm = server.to('records').filter(({ body }) => body.includes('"storm-')).length;
    t.diagnostic(`${accepted.length} events accepted under three kills, ${storm} records told, none lost`);
  });
});
