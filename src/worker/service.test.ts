import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { SandboxId, WorkerId } from '../kernel/ids.js';
import { frameType } from '../wire/channel/frames.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import { FakeDriver } from './fake/driver.js';
import { makeInvocation, makeSpec, World } from './fake/world.js';

const spec = makeSpec();
const textOf = (outcome: { kind: string; payload?: Buffer }) => outcome.payload?.toString();

function logFrame(kind: number, text: string): Buffer {
  const head = Buffer.alloc(9);
  head[0] = kind;
  head.writeDoubleLE(1_700_000_000_000, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

test('cold start, log lines in order, tail without INIT_START, warm invocation, stop', async () => {
  const world = new World(
    new FakeDriver({
      onInvoke(box, header, payload) {
        box.say(frameType.log, logFrame(0, 'one\ntw'));
        box.say(frameType.log, logFrame(0, 'o\nthree'));
        box.say(frameType.log, logFrame(2, `event of\n${header[0]}\n`));
        box.say(frameType.response, payload);
      },
    }),
  );
  const id = await world.start(spec);
  const invocation = makeInvocation(spec, { tail: true });
  const outcome = await world.invoke(id, invocation);
  assert.equal(outcome.kind, 'success');
  assert.equal(textOf(outcome), '{"a":1}');
  assert.equal(world.logs.flushed, world.logs.lines.length, 'logs are flushed before the answer');
  const { requestId } = invocation;
  const patterns = [
    /^INIT_START Runtime Version: nodejs20\.x:v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:x\n$/,
    new RegExp(`^START RequestId: ${requestId} Version: \\$LATEST\n$`),
    /^one\n$/,
    /^two\n$/,
    new RegExp(`^event of\n${requestId}\n$`),
    /^three$/,
    new RegExp(`^END RequestId: ${requestId}\n$`),
    new RegExp(
      `^REPORT RequestId: ${requestId}\tDuration: \\d+\\.\\d\\d ms\tBilled Duration: \\d+ ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: \\d+\\.\\d\\d ms\t\n$`,
    ),
  ];
  assert.equal(world.logs.lines.length, patterns.length);
  for (const [index, pattern] of patterns.entries()) assert.match(world.logs.lines[index]!, pattern);
  assert.ok(outcome.kind === 'success' && outcome.logTail !== null);
  const tail = outcome.logTail.toString();
  assert.match(tail, /^START /);
  assert.match(tail, /three\nEND RequestId/);
  assert.match(tail, /\t\n$/);
  const warm = await world.invoke(id, makeInvocation(spec));
  assert.ok(warm.kind === 'success' && warm.logTail === null);
  assert.doesNotMatch(world.logs.lines.at(-1)!, /Init Duration/);
  assert.match(world.logs.streams[0]!, /^\/aws\/lambda\/f \d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  await world.stop(id);
  assert.deepEqual(world.events, ['ready', 'idle 1', 'idle 2', 'gone null']);
  assert.deepEqual(world.released, ['f']);
  await world.worker.close();
});

test('the tail is the last 4 KiB', async () => {
  const world = new World(
    new FakeDriver({
      onInvoke(box) {
        for (let index = 0; index < 200; index += 1) box.say(frameType.log, logFrame(2, `${'é'.repeat(50)}${index}\n`));
        box.say(frameType.response, 'null');
      },
    }),
  );
  const outcome = await world.invoke(await world.start(spec), makeInvocation(spec, { tail: true }));
  assert.ok(outcome.kind === 'success');
  assert.equal(outcome.logTail!.length, 4096);
  assert.match(outcome.logTail!.toString(), /199\nEND .*\nREPORT /);
  await world.worker.close();
});

test('a timeout answers as the service does; the next invocation has a fresh box and the same scratch', async () => {
  let boots = 0;
  const driver = new FakeDriver({
    onBoot(box) {
      boots += 1;
      box.say(frameType.hello);
    },
    onInvoke(box) {
      if (boots > 1) box.say(frameType.response, '"again"');
    },
  });
  const world = new World(driver);
  const short = makeSpec({ timeoutMs: 500 });
  const id = await world.start(short);
  const invocation = makeInvocation(short);
  const outcome = await world.invoke(id, invocation);
  assert.equal(outcome.kind, 'function-error');
  assert.equal(
    textOf(outcome),
    `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ${invocation.requestId} Error: Task timed out after 0.50 seconds"}`,
  );
  const [timedOut, end, report] = world.logs.lines.slice(-3);
  assert.match(timedOut!, /^\d{4}-.*Z [0-9a-f-]{36} Task timed out after 0\.50 seconds\n\n$/);
  assert.match(end!, /^END /);
  assert.match(report!, /\tDuration: 500\.00 ms\t.*\tStatus: timeout\n$/);
  assert.equal(textOf(await world.invoke(id, makeInvocation(short))), '"again"');
  assert.equal(driver.boxes.length, 2);
  assert.equal(driver.boxes[0]!.killed, true);
  assert.equal(driver.scratches.length, 1);
  assert.equal(driver.boxes[1]!.binding!.scratch.mib, 512);
  await world.worker.close();
  assert.equal(driver.scratches[0]!.disposed, true);
});

test('exit in the midst, out of memory, and a channel that speaks nonsense', async () => {
  for (const [act, expected] of [
    [(box: FakeDriver['boxes'][0]) => box.exit({ code: 0 }), 'Runtime exited without providing a reason'],
    [(box: FakeDriver['boxes'][0]) => box.exit({ code: 127 }), 'Runtime exited with error: exit status 127'],
    [
      (box: FakeDriver['boxes'][0]) => box.exit({ signal: 'SIGKILL', outOfMemory: true }),
      'Runtime exited with error: signal: killed',
    ],
    [(box: FakeDriver['boxes'][0]) => box.guest.write(Buffer.alloc(16)), 'Runtime exited with error: signal: killed'],
    [(box: FakeDriver['boxes'][0]) => box.say(0x42 as never, 'x'), 'Runtime exited with error: signal: killed'],
  ] as const) {
    const world = new World(
      new FakeDriver({
        onInvoke(box) {
          box.say(frameType.log, logFrame(0, 'last words'));
          act(box);
        },
      }),
    );
    const id = await world.start(spec);
    const invocation = makeInvocation(spec);
    const outcome = await world.invoke(id, invocation);
    assert.equal(outcome.kind, 'function-error');
    const error = JSON.parse(textOf(outcome)!);
    assert.equal(error.errorMessage, `RequestId: ${invocation.requestId} Error: ${expected}`);
    const [words, failure] = world.logs.lines.slice(-4);
    assert.equal(words, 'last words');
    assert.equal(failure, `RequestId: ${invocation.requestId} Error: ${expected}\n${error.errorType}\n`);
    assert.match(world.logs.lines.at(-1)!, new RegExp(`\tStatus: error\tError Type: ${error.errorType}\n$`));
    await world.worker.close();
  }
});

test('init that fails is repeated in the first invocation, whose answer is the runtime’s own error', async () => {
  const error = '{"errorType":"Runtime.ImportModuleError","errorMessage":"no","requestId":"","stackTrace":[]}';
  const world = new World(
    new FakeDriver({
      onInit(box) {
        box.say(frameType.initError, error);
        setImmediate(() => box.exit({ code: 1 }));
      },
    }),
  );
  const id = await world.start(spec);
  const outcome = await world.invoke(id, makeInvocation(spec));
  assert.equal(outcome.kind, 'function-error');
  assert.equal(textOf(outcome), error);
  assert.deepEqual(
    world.logs.lines.map((line) => line.split(/[ \t]/)[0]),
    ['INIT_START', 'INIT_REPORT', 'INIT_REPORT', 'START', 'END', 'REPORT'],
  );
  assert.match(world.logs.lines[1]!, /\tPhase: init\tStatus: error\tError Type: Runtime\.ImportModuleError\n$/);
  assert.match(world.logs.lines[2]!, /\tPhase: invoke\tStatus: error\tError Type: Runtime\.ImportModuleError\n$/);
  await world.worker.close();
});

test('idle sandboxes freeze after the grace and thaw before work', async () => {
  const driver = new FakeDriver();
  const world = new World(driver, { freezeAfterMs: 1 });
  const id = await world.start(spec);
  const box = driver.boxes[0]!;
  while (!box.frozen) await turn();
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  while (!box.frozen) await turn();
  assert.equal(box.freezes, 2);
  await world.worker.close();
});

test('spares: booted, frozen, taken, refilled, not for start variables, dropped for memory', async () => {
  const driver = new FakeDriver();
  const world = new World(driver, { sparesPerRuntime: 2, memoryMib: 300 });
  world.worker.prewarm('nodejs20.x', '123456789012');
  await world.worker.spared();
  assert.equal(driver.boxes.length, 2);
  assert.ok(driver.boxes.every((box) => box.frozen));
  assert.equal(world.worker.capacity().memoryUsedMib, 128);
  const id = await world.start(spec);
  await world.worker.spared();
  assert.equal(driver.boxes[0]!.binding !== null, true, 'the oldest spare was taken');
  assert.equal(world.worker.capacity().spares['nodejs20.x'], 2);
  await world.start(makeSpec({ environment: { NODE_OPTIONS: '--enable-source-maps' } }));
  assert.equal(driver.boxes.at(-1)!.binding !== null, true, 'start variables need a box of their own');
  assert.ok(world.worker.capacity().memoryUsedMib <= 300);
  await assert.rejects(world.start(spec), /no 128 MiB left/);
  await world.stop(id);
  await world.worker.close();
  assert.ok(driver.boxes.every((box) => box.killed));
});

test("a sandbox's life is told with its invocations", async () => {
  const runOf = (outcome: InvocationOutcome) =>
    outcome.kind === 'refused' || outcome.run === undefined ? assert.fail(outcome.kind) : outcome.run;
  const types: (string | undefined)[] = [];
  let inits = 0;
  const driver = new FakeDriver({
    onInit(box, { env }) {
      types.push(env.AWS_LAMBDA_INITIALIZATION_TYPE);
      inits += 1;
      if (inits === 2) box.say(frameType.initError, '{"errorType":"Runtime.Unhappy"}');
      else box.say(frameType.initDone);
    },
    onInvoke(box, _header, payload) {
      if (payload.length > 2) box.say(frameType.response, payload);
      else if (payload.length > 0) box.say(frameType.error, '{"errorType":"RangeError"}');
      else box.exit({ code: 1 });
    },
  });
  const world = new World(driver, { sparesPerRuntime: 1, workerId: 'w' as WorkerId });
  const fromMs = Date.now();
  const id = await world.start(spec, 'provisioned');
  const first = runOf(await world.invoke(id, makeInvocation(spec)));
  const { life } = first;
  const { workerId, sandboxId, origin, box, initStatus, tierBytes, logStream } = life;
  assert.deepEqual(
    { workerId, sandboxId, origin, box, initStatus, tierBytes },
    { workerId: 'w', sandboxId: id, origin: 'provisioned', box: 'boot', initStatus: 'success', tierBytes: null },
  );
  assert.ok(world.logs.streams[0]!.endsWith(` ${logStream}`));
  const times = [fromMs, life.startedMs, life.boxedMs!, life.initializedMs!, first.startedMs, Date.now()];
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  assert.ok(first.initMs! >= 0 && first.durationMs >= 0);
  assert.deepEqual([first.status, first.errorType, first.restoreMs, first.memoryPeakMib], ['success', null, null, 36]);
  const failed = runOf(await world.invoke(id, makeInvocation(spec, { payload: Buffer.from('{}') })));
  assert.equal(failed.life, life, 'one object per sandbox');
  assert.deepEqual([failed.status, failed.errorType, failed.initMs], ['error', 'RangeError', null]);
  const ended = runOf(await world.invoke(id, makeInvocation(spec, { payload: Buffer.alloc(0) })));
  assert.deepEqual([ended.status, ended.errorType, life.invocations], ['error', 'Runtime.ExitError', 3]);

  await world.worker.spared();
  const again = await world.start(spec);
  const inside = runOf(await world.invoke(again, makeInvocation(spec)));
  assert.ok(inside.initInsideMs! >= 0 && inside.initInsideMs! <= inside.durationMs);
  assert.deepEqual([inside.initMs, inside.life.box, inside.life.origin], [null, 'spare', 'demand']);
  assert.deepEqual([inside.life.initStatus, inside.life.invocations], ['success', 1]);
  assert.ok(inside.life.initializedMs! <= inside.startedMs, 'inside the invocation, at last');
  assert.deepEqual(types, ['provisioned-concurrency', 'on-demand', 'on-demand']);
  assert.ok(world.events.includes('ready to initialize'));
  assert.deepEqual((await world.invoke('none' as SandboxId, makeInvocation(spec))).kind, 'refused');
  await world.worker.close();
});

test('refusals: unknown, busy, old epoch; shutdown cuts off what runs', async () => {
  const world = new World(new FakeDriver({ onInvoke() {} }));
  assert.equal((await world.invoke('none' as SandboxId, makeInvocation(spec))).kind, 'refused');
  const id = await world.start(spec);
  const first = world.invoke(id, makeInvocation(spec), 7);
  assert.equal((await world.invoke(id, makeInvocation(spec), 8)).kind, 'refused');
  await world.worker.close();
  const outcome = await first;
  assert.ok(outcome.kind === 'refused' && outcome.failure.code === 'ServiceUnavailableException');
});

test('a sandbox stopped while it boots or initializes leaves nothing, and is never ready', async () => {
  const driver = new FakeDriver({ onInit() {} });
  const world = new World(driver);
  void world.start(spec).catch(() => {});
  await world.stop('s1' as SandboxId);
  void world.start(spec).catch(() => {});
  while (driver.boxes.length < 2 || driver.boxes[1]!.binding === null) await turn();
  await world.stop('s2' as SandboxId);
  assert.deepEqual(world.events, ['gone null', 'gone null']);
  assert.ok(driver.boxes.every((box) => box.killed));
  assert.ok(driver.scratches.every((scratch) => scratch.disposed));
  await world.worker.close();
});

test('a box that does not boot ends the sandbox with the reason', async () => {
  const driver = new FakeDriver();
  driver.bootProblem = 'bwrap: not found';
  const world = new World(driver);
  await assert.rejects(world.start(spec), /bwrap: not found/);
  assert.equal(world.worker.capacity().sandboxes, 0);
  await world.worker.close();
});

test('a box is not left alone when there is no scratch for it, nor a scratch when there is no box', async () => {
  const driver = new FakeDriver();
  driver.scratchProblem = 'no space left';
  const world = new World(driver);
  await assert.rejects(world.start(spec), /no space left/);
  assert.deepEqual(
    driver.boxes.map(({ killed }) => killed),
    [true],
  );
  driver.scratchProblem = null;
  driver.bootProblem = 'bwrap: not found';
  await assert.rejects(world.start(spec), /bwrap: not found/);
  assert.deepEqual(
    driver.scratches.map(({ disposed }) => disposed),
    [true],
  );
  await world.worker.close();
});

test('provided.al2023: bootstrap started with its environment, raw output before the response is in the log', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-worker-'));
  writeFileSync(join(directory, 'bootstrap'), '#!/bin/sh\n', { mode: 0o755 });
  const api = async (address: string, method: string, path: string, body = '') => {
    const [host, port] = address.split(':');
    const outgoing = request({ host, port, method, path: `/2018-06-01/runtime/${path}`, agent: false });
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode as number, headers: response.headers, text };
  };
  const driver = new FakeDriver({
    async onStart(box) {
      for (;;) {
        const next = await api(box.runtimeApiAddress, 'GET', 'invocation/next').catch(() => null);
        if (next === null || next.status !== 200) return;
        box.stdout.write('said raw\n');
        await api(
          box.runtimeApiAddress,
          'POST',
          `invocation/${next.headers['lambda-runtime-aws-request-id']}/response`,
          next.text,
        );
      }
    },
  });
  const world = new World(driver, {}, directory);
  const custom = makeSpec({ runtime: 'provided.al2023' });
  const id = await world.start(custom);
  assert.deepEqual(driver.boxes[0]!.started?.command, ['/var/task/bootstrap']);
  assert.equal(driver.boxes[0]!.started?.environment.AWS_LAMBDA_RUNTIME_API, driver.boxes[0]!.runtimeApiAddress);
  for (let round = 0; round < 3; round += 1) {
    assert.equal(textOf(await world.invoke(id, makeInvocation(custom))), '{"a":1}');
    assert.deepEqual(
      world.logs.lines.slice(-4).map((line) => line.split(' ')[0]),
      ['START', 'said', 'END', 'REPORT'],
    );
  }
  await world.worker.close();
  rmSync(directory, { recursive: true });
});

test('provided.al2023 without bootstrap: the service’s words', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-worker-'));
  const world = new World(new FakeDriver(), {}, directory);
  const custom = makeSpec({ runtime: 'provided.al2023' });
  const id = await world.start(custom);
  const invocation = makeInvocation(custom);
  assert.deepEqual(JSON.parse(textOf(await world.invoke(id, invocation))!), {
    errorType: 'Runtime.InvalidEntrypoint',
    errorMessage: `RequestId: ${invocation.requestId} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]`,
  });
  await world.worker.close();
  rmSync(directory, { recursive: true });
});
