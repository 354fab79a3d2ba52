import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { InvokeCommand, PublishLayerVersionCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { nodeExtension, pythonExtension, shellBootstrap, shellExtension } from './extensionprograms.js';
import { eventually, Hearth, ownNode, testIsolation } from './hearth.js';
import { zip } from './zip.js';

const handler = {
  'index.js': `
    process.on('SIGTERM', () => { process.stdout.write('runtime SIGTERM\\n'); process.exit(0); });
    // The parent is the sandbox's agent, which holds a channel to the worker: it must be out of reach.
    const agent = () => { try { return require('node:fs').readdirSync('/proc/' + process.ppid + '/fd'); } catch ({ code }) { return code; } };
    exports.handler = async (event, context) => ({ id: context.awsRequestId, agent: agent() });`,
};

/** Processes of the machine that have this text in their environment. */
function marked(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`marker=${text}`);
    } catch {
      return false; // It ended meanwhile, or is not ours.
    }
  });
}

describe('extensions', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  async function layer(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const Content = { ZipFile: await zip(files) };
    const published = await hearth.lambda().send(new PublishLayerVersionCommand({ LayerName: name, Content }));
    return published.LayerVersionArn!;
  }

  async function log(name: string): Promise<string[]> {
    const found = await hearth.logs().send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` }));
    return (found.events ?? []).map(({ message }) => (message ?? '').trimEnd());
  }

  /** Its sandboxes are superseded: they end when they have nothing to do. */
  async function change(name: string): Promise<void> {
    await hearth
      .lambda()
      .send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Description: `${Math.random()}` }));
  }

  it('run beside a managed runtime, get every invocation, and SHUTDOWN after the runtime has SIGTERM', async () => {
    const variables = `say('has ' + ['MINE', 'AWS_REGION', '_HANDLER', 'LAMBDA_TASK_ROOT'].filter((one) => one in process.env));`;
    const arn = await layer('spinner', { 'extensions/spinner': nodeExtension({ ready: variables }) });
    await hearth.create('managed', ownNode, 'index.handler', handler, {
      Layers: [arn],
      Environment: { Variables: { MINE: '1' } },
    });
    const first = await hearth.invoke('managed');
    assert.equal(first.functionError, undefined, first.payload);
    const second = await hearth.invoke('managed', {}, { LogType: 'None' });
    assert.equal(second.functionError, undefined, second.payload);
    // In a virtual machine the agent is outside of what the function sees at all.
    assert.equal(JSON.parse(second.payload).agent, testIsolation().includes('microvm') ? 'ENOENT' : 'EACCES');
    await change('managed');
    await eventually(async () => (await log('managed')).includes('spinner SHUTDOWN spindown'), 'the shutdown');
    const lines = await log('managed');
    const ids = [first, second].map(({ payload }) => JSON.parse(payload).id);
    const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
    const order = [
      at(/^INIT_START /),
      at(
        /^spinner registered 200 \{"functionName":"managed","functionVersion":"\$LATEST","handler":"index.handler","accountId":"\d{12}"\}$/,
      ),
      at(/^spinner has MINE,AWS_REGION$/),
      at(/^EXTENSION\tName: spinner\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]$/),
      at(new RegExp(`^START RequestId: ${ids[0]} `)),
      at(new RegExp(`^spinner INVOKE ${ids[0]}$`)),
      at(new RegExp(`^REPORT RequestId: ${ids[0]}`)),
      at(new RegExp(`^spinner INVOKE ${ids[1]}$`)),
      at(new RegExp(`^REPORT RequestId: ${ids[1]}`)),
      at(/^runtime SIGTERM$/),
      at(/^spinner SHUTDOWN spindown$/),
    ];
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      lines.join('\n'),
    );
    assert.ok(!order.includes(-1), lines.join('\n'));
  });

  it('in Python and shell, beside a custom runtime', async (context) => {
    if (!existsSync('/usr/bin/curl') || !existsSync('/usr/bin/python3')) {
      context.skip('needs /usr/bin/curl and /usr/bin/python3');
      return;
    }
    const arn = await layer('scripts', { 'extensions/shelly': shellExtension, 'extensions/monty': pythonExtension });
    await hearth.create('custom', 'provided.al2023', 'any', { bootstrap: shellBootstrap }, { Layers: [arn] });
    for (const value of [1, 2]) {
      const { functionError, payload } = await hearth.invoke('custom', { value });
      assert.equal(functionError, undefined, payload);
      assert.deepEqual(JSON.parse(payload), { value });
    }
    await change('custom');
    const lines = await eventually(async () => {
      const now = await log('custom');
      const ended = (name: string) => now.some((line) => line.startsWith(name) && line.includes('SHUTDOWN'));
      return ended('monty') && ended('shelly') ? now : null;
    }, 'the end of both');
    for (const name of ['monty', 'shelly']) {
      assert.equal(
        lines.filter((line) => line.startsWith(name) && line.includes('INVOKE')).length,
        2,
        lines.join('\n'),
      );
      assert.ok(lines.includes(`EXTENSION\tName: ${name}\tState: Ready\tEvents: [INVOKE, SHUTDOWN]`), lines.join('\n'));
    }
    assert.ok(lines.includes('monty registered custom'));
    assert.ok(lines.includes('monty SHUTDOWN spindown'));
  });

  it('that are slow hold the sandbox, not the answer', async () => {
    const arn = await layer('slow', {
      'extensions/slow': nodeExtension({
        on: `if (event.eventType === 'INVOKE') while (!fs.existsSync('/tmp/go')) await new Promise((wake) => setTimeout(wake, 5));`,
      }),
    });
    await hearth.create('slow', ownNode, 'index.handler', handler, { Layers: [arn], Timeout: 2 });
    const answer = await hearth.lambda().send(new InvokeCommand({ FunctionName: 'slow' }));
    assert.equal(answer.FunctionError, undefined);
    const { id } = JSON.parse(Buffer.from(answer.Payload!).toString());
    // The extension never asks for the next event: the invocation ends with its timeout.
    const report = await eventually(
      async () => (await log('slow')).find((line) => line.startsWith(`REPORT RequestId: ${id}`)),
      'the report',
    );
    assert.match(report, /\tDuration: 2000\.00 ms\t.*\tStatus: timeout$/);
    await eventually(async () => (await log('slow')).includes('runtime SIGTERM'), 'SIGTERM');
  });

  it('are told why the sandbox goes, and have their time', async () => {
    const arn = await layer('told', { 'extensions/told': nodeExtension() });
    const code = {
      'index.js': `exports.handler = (event) => (event.exit ? process.exit(7) : new Promise(() => setTimeout(() => {}, 60000)));`,
    };
    // The second invocation boots and initializes inside it: an emulated processor needs more of it.
    const timeoutS = testIsolation().includes('microvm') ? 10 : 1;
    await hearth.create('told', ownNode, 'index.handler', code, { Layers: [arn], Timeout: timeoutS });
    assert.match((await hearth.invoke('told')).payload, /Sandbox\.Timedout/);
    assert.match((await hearth.invoke('told', { exit: true })).payload, /Runtime\.ExitError.*exit status 7/);
    for (const reason of ['timeout', 'failure'])
      await eventually(async () => (await log('told')).includes(`told SHUTDOWN ${reason}`), reason);
  });

  it('that end fail the invocation and the init', async () => {
    const arn = await layer('crashing', {
      'extensions/crashing': nodeExtension({ on: `if (event.eventType === 'INVOKE') process.exit(3);` }),
    });
    const code = { 'index.js': `exports.handler = () => new Promise((done) => setTimeout(done, 60000));` };
    await hearth.create('crashing', ownNode, 'index.handler', code, { Layers: [arn], Timeout: 30 });
    const { functionError, payload } = await hearth.invoke('crashing');
    assert.equal(functionError, 'Unhandled');
    const { errorType, errorMessage } = JSON.parse(payload);
    assert.equal(errorType, 'Extension.Crash');
    assert.match(errorMessage, /^RequestId: [0-9a-f-]{36} Error: exit status 3$/);

    const early = await layer('early', {
      'extensions/early': nodeExtension({
        ready: `const told = await call('POST', base + '/init/error',
          { ...mine, 'Lambda-Extension-Function-Error-Type': 'Extension.Config' }, '{}');
          say('init error ' + told.status + ' ' + told.text);
          process.exit(1);`,
      }),
    });
    // The init runs again inside the invocation's time.
    await hearth.create('early', ownNode, 'index.handler', handler, { Layers: [early], Timeout: 30 });
    const failed = await hearth.invoke('early');
    assert.equal(failed.functionError, 'Unhandled');
    assert.equal(JSON.parse(failed.payload).errorType, 'Extension.InitError', failed.payload);
    const lines = await log('early');
    assert.ok(lines.includes('early init error 202 {"status":"OK"}'), lines.join('\n'));
    assert.ok(
      lines.includes(
        'EXTENSION\tName: early\tState: InitError\tEvents: [INVOKE, SHUTDOWN]\tError Type: Extension.Config',
      ),
      lines.join('\n'),
    );
  });

  it('have their shutdown when the platform stops, and are gone when it is killed', async (test) => {
    if (testIsolation().includes('microvm')) {
      return test.skip(
        'processes of a virtual machine are not among those of the host, where this test looks for them',
      );
    }
    const marker = `marked-${process.pid}`;
    const arn = await layer('stopped', { 'extensions/stopped': nodeExtension() });
    const code = { 'index.js': `exports.handler = async () => null;` };
    await hearth.create('stopped', ownNode, 'index.handler', code, {
      Layers: [arn],
      Environment: { Variables: { marker } },
    });
    assert.equal((await hearth.invoke('stopped')).functionError, undefined);
    await hearth.stop();
    await hearth.start();
    assert.ok((await log('stopped')).includes('stopped SHUTDOWN spindown'));
    assert.equal((await hearth.invoke('stopped')).functionError, undefined);
    assert.equal(marked(marker).length >= 2, true, 'the runtime and its extension run');
    await hearth.stop('SIGKILL');
    await eventually(async () => marked(marker).length === 0, 'nothing of it');
    await hearth.start();
  });

  it('register from inside the runtime, too', async () => {
    const code = {
      'index.mjs': `
        import http from 'node:http';
        const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
        const call = (method, path, headers, body) => new Promise((resolve) => {
          http.request({ host, port, method, path: '/2020-01-01/extension/' + path, headers, agent: false }, (answer) => {
            let text = '';
            answer.on('data', (piece) => { text += piece; }).on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
          }).end(body);
        });
        process.on('SIGTERM', () => { process.stdout.write('runtime SIGTERM\\n'); process.exit(0); });
        const name = { 'Lambda-Extension-Name': 'inner' };
        export const refused = await call('POST', 'register', name, JSON.stringify({ events: ['SHUTDOWN'] }));
        const registered = await call('POST', 'register', name, JSON.stringify({ events: ['INVOKE'] }));
        const seen = [];
        (async () => {
          for (;;) {
            const id = { 'Lambda-Extension-Identifier': registered.headers['lambda-extension-identifier'] };
            const { text } = await call('GET', 'event/next', id);
            seen.push(JSON.parse(text).requestId);
            console.log('inner ' + text);
          }
        })();
        export const handler = async (_event, { awsRequestId }) => {
          while (!seen.includes(awsRequestId)) await new Promise((wake) => setTimeout(wake, 1));
          const late = await call('POST', 'register', { 'Lambda-Extension-Name': 'late' }, '{"events":[]}');
          return { refused: JSON.parse(refused.text), late: JSON.parse(late.text), status: [refused.status, late.status] };
        };`,
    };
    await hearth.create('inner', ownNode, 'index.handler', code);
    const { functionError, payload } = await hearth.invoke('inner');
    assert.equal(functionError, undefined, payload);
    assert.deepEqual(JSON.parse(payload), {
      refused: {
        errorMessage: 'SHUTDOWN: ShutdownEventNotSupportedForInternalExtension',
        errorType: 'Extension.InvalidEventType',
      },
      late: { errorMessage: 'Extension registration closed already', errorType: 'Extension.RegistrationClosed' },
      status: [403, 403],
    });
    await change('inner');
    await eventually(async () => (await log('inner')).includes('runtime SIGTERM'), 'SIGTERM');
    assert.ok((await log('inner')).includes('EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]'));
  });
});
