import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { UpdateFunctionCodeCommand, waitUntilFunctionUpdatedV2 } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode, testIsolation } from './hearth.js';
import { zip } from './zip.js';

const requestId = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';

describe('the life cycle of execution environments', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  const node = (name: string, code: string, more = {}) =>
    hearth.create(name, ownNode, 'index.handler', { 'index.mjs': code }, more);

  it('keeps globals between invocations, with START, END and REPORT in the log tail', async () => {
    await node('warm', 'let n = 0; export const handler = async () => { console.log("n is", n); return ++n; };');
    const first = await hearth.invoke('warm');
    const second = await hearth.invoke('warm');
    assert.deepEqual([first.payload, second.payload], ['1', '2']);
    assert.match(
      first.log,
      new RegExp(
        `^START RequestId: (${requestId}) Version: \\$LATEST\\n` +
          `\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\\t\\1\\tINFO\\tn is 0\\n` +
          `END RequestId: \\1\\n` +
          `REPORT RequestId: \\1\\tDuration: [\\d.]+ ms\\tBilled Duration: \\d+ ms\\tMemory Size: 512 MB\\tMax Memory Used: \\d+ MB\\tInit Duration: [\\d.]+ ms\\t\\n$`,
      ),
    );
    assert.doesNotMatch(second.log, /Init Duration/);
  });

  it('reports a handler error as the runtime does, and stays warm', async () => {
    await node(
      'throws',
      'let n = 0; export const handler = async () => { n += 1; if (n === 1) throw new RangeError("too far"); return n; };',
    );
    const failed = await hearth.invoke('throws');
    assert.equal(failed.statusCode, 200);
    assert.equal(failed.functionError, 'Unhandled');
    const error = JSON.parse(failed.payload);
    assert.equal(error.errorType, 'RangeError');
    assert.equal(error.errorMessage, 'too far');
    assert.match(error.trace[0], /^RangeError: too far$/);
    assert.equal((await hearth.invoke('throws')).payload, '2');
  });

  it('times out: kills the runtime, resets globals, keeps /tmp', async () => {
    // The next invocation boots and initializes inside this time: an emulated processor needs more of it.
    const timeoutS = testIsolation().includes('microvm') ? 5 : 1;
    await node(
      'slow',
      `import { appendFileSync, readFileSync } from 'node:fs';
       let n = 0;
       export const handler = async (event) => {
         n += 1;
         appendFileSync('/tmp/trail', String(n));
         if (event.hang) await new Promise((resolve) => setTimeout(resolve, 60_000));
         return { n, trail: readFileSync('/tmp/trail', 'utf8') };
       };`,
      { Timeout: timeoutS },
    );
    assert.equal((await hearth.invoke('slow')).payload, '{"n":1,"trail":"1"}');
    const hung = await hearth.invoke('slow', { hang: true });
    assert.equal(hung.functionError, 'Unhandled');
    const error = JSON.parse(hung.payload);
    assert.equal(error.errorType, 'Sandbox.Timedout');
    assert.match(
      error.errorMessage,
      new RegExp(`^RequestId: ${requestId} Error: Task timed out after ${timeoutS}\\.00 seconds$`),
    );
    assert.match(hung.log, new RegExp(`Task timed out after ${timeoutS}\\.00 seconds`));
    assert.match(
      hung.log,
      new RegExp(`REPORT RequestId: .*Duration: ${timeoutS}000\\.00 ms\\tBilled Duration: \\d+ ms`),
    );
    assert.equal((await hearth.invoke('slow')).payload, '{"n":1,"trail":"121"}');
  });

  it('counts down to the deadline, which is the timeout after the start', async () => {
    await node(
      'deadline',
      `export const handler = async (_event, context) => {
         const first = context.getRemainingTimeInMillis();
         await new Promise((resolve) => setTimeout(resolve, 30));
         return [first, context.getRemainingTimeInMillis()];
       };`,
      { Timeout: 20 },
    );
    const [first, later] = JSON.parse((await hearth.invoke('deadline')).payload);
    assert.ok(first <= 20_000 && first > later && later > 0, `${first} ${later}`);
  });

  it('reports an exit, and starts afresh', async () => {
    await node(
      'exits',
      'let n = 0; export const handler = async (event) => { n += 1; if (event.code !== undefined) process.exit(event.code); return n; };',
    );
    await hearth.invoke('exits');
    const exited = await hearth.invoke('exits', { code: 3 });
    const error = JSON.parse(exited.payload);
    assert.equal(error.errorType, 'Runtime.ExitError');
    assert.match(
      error.errorMessage,
      new RegExp(`^RequestId: ${requestId} Error: Runtime exited with error: exit status 3$`),
    );
    const clean = JSON.parse((await hearth.invoke('exits', { code: 0 })).payload);
    assert.match(clean.errorMessage, /Error: Runtime exited without providing a reason$/);
    assert.equal((await hearth.invoke('exits')).payload, '1');
  });

  it('reports a crash by a signal', async () => {
    await node(
      'crashes',
      'export const handler = async (event) => { if (event.crash) process.kill(process.pid, "SIGSEGV"); return 1; };',
    );
    const error = JSON.parse((await hearth.invoke('crashes', { crash: true })).payload);
    assert.equal(error.errorType, 'Runtime.ExitError');
    assert.match(error.errorMessage, /Runtime exited with error: signal: segmentation fault/);
    assert.equal((await hearth.invoke('crashes')).payload, '1');
  });

  it('kills what takes more memory than configured, and only that', async (test) => {
    const { isolation } = JSON.parse((await hearth.cli('status', '--json')).stdout);
    const memory = isolation.protections.find(({ name }: { name: string }) => /memory/.test(name));
    if (!memory?.inForce) {
      test.skip(`no memory limit here: ${memory?.detail}`);
      return;
    }
    await node(
      'hungry',
      'export const handler = async (event) => { const all = []; while (event.eat) all.push(Buffer.alloc(8 << 20, 1)); return 1; };',
      { MemorySize: 128, Timeout: 30 },
    );
    const error = JSON.parse((await hearth.invoke('hungry', { eat: true })).payload);
    assert.equal(error.errorType, 'Runtime.OutOfMemory');
    assert.match(error.errorMessage, /Runtime exited with error: signal: killed/);
    assert.equal((await hearth.invoke('hungry')).payload, '1');
  });

  it('reports a failed init from inside the invocation, after INIT_REPORT lines', async () => {
    await node('broken', 'throw new TypeError("not today"); export const handler = async () => 1;');
    const failed = await hearth.invoke('broken');
    assert.equal(failed.functionError, 'Unhandled');
    const error = JSON.parse(failed.payload);
    assert.equal(error.errorType, 'TypeError');
    assert.equal(error.errorMessage, 'not today');
    const log = await eventually(async () => {
      const text = (await hearth.cli('logs', 'broken')).stdout;
      return text.includes('REPORT RequestId') && text;
    }, 'log of the failed init');
    assert.match(log, /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: \S+/);
    assert.match(log, /INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: \S+/);
  });

  it('runs an init that takes more than 10 s again inside the invocation', async () => {
    await node(
      'patient',
      'await new Promise((resolve) => setTimeout(resolve, 10_500)); export const handler = async () => "ready";',
      { Timeout: 30 },
    );
    const answer = await hearth.invoke('patient');
    assert.equal(answer.payload, '"ready"');
    const log = (await hearth.cli('logs', 'patient')).stdout;
    assert.match(log, /INIT_REPORT Init Duration: (9999|10\d\d\d)\.\d\d ms\tPhase: init\tStatus: timeout/);
  });

  it('lets work in flight finish on an update, and gives new invocations the new code', async () => {
    await node(
      'swap',
      'export const handler = async (event) => { console.log("begun"); await new Promise((resolve) => setTimeout(resolve, event.ms ?? 0)); return "old"; };',
      { Timeout: 60 },
    );
    const client = hearth.lambda();
    const inFlight = hearth.invoke('swap', { ms: 5_000 });
    await eventually(async () => (await hearth.cli('logs', 'swap')).stdout.includes('begun'), 'the first invocation');
    await client.send(
      new UpdateFunctionCodeCommand({
        FunctionName: 'swap',
        ZipFile: await zip({ 'index.mjs': 'export const handler = async () => "new";' }),
      }),
    );
    await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { FunctionName: 'swap' });
    assert.equal((await hearth.invoke('swap')).payload, '"new"');
    assert.equal((await inFlight).payload, '"old"');
    assert.equal((await hearth.invoke('swap')).payload, '"new"');
  });

  it('runs concurrent invocations in sandboxes of their own', async () => {
    await node(
      'parallel',
      `import { randomUUID } from 'node:crypto';
       const id = randomUUID();
       let busy = 0;
       export const handler = async () => {
         busy += 1;
         const seen = busy;
         const fromMs = Date.now();
         await new Promise((resolve) => setTimeout(resolve, 1_500));
         busy -= 1;
         return { id, seen, fromMs, toMs: Date.now() };
       };`,
      { Timeout: 60 },
    );
    const answers = (await Promise.all(Array.from({ length: 4 }, () => hearth.invoke('parallel')))).map(({ payload }) =>
      JSON.parse(payload),
    );
    assert.ok(answers.every(({ seen }) => seen === 1));
    // On a slow machine a sandbox may be free again before a late one has started: then it serves a second one.
    for (const one of answers) {
      for (const other of answers) {
        if (one === other || one.fromMs >= other.toMs || other.fromMs >= one.toMs) continue;
        assert.notEqual(one.id, other.id);
      }
    }
    assert.ok(new Set(answers.map(({ id }) => id)).size > 1);
  });
});
