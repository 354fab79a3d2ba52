import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports/clock.js';
import { frameType } from '../wire/channel/frames.js';
import type { ResponseSink } from '../wire/responsesink.js';
import { type FakeBox, FakeDriver } from './fake/driver.js';
import { makeInvocation, makeSpec, realClock, World } from './fake/world.js';
import { WorkerMachine } from './machine.js';

const code = mkdtempSync(join(tmpdir(), 'hearth-stream-'));
writeFileSync(join(code, 'bootstrap'), '', { mode: 0o755 });
after(() => rmSync(code, { recursive: true, force: true }));

/** What the client has so far, as one line. */
class TextSink implements ResponseSink {
  started = false;
  onDrain: (() => void) | null = null;
  text = '';
  #heard: (() => void) | null = null;
  start(contentType: string): void {
    this.started = true;
    this.text = `${contentType}: `;
  }
  write(chunk: Buffer): boolean {
    this.text += chunk.toString();
    this.#heard?.();
    return true;
  }
  end(): void {
    this.text += ' (end)';
    this.#heard?.();
  }
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }
}

interface Runtime {
  readonly box: FakeBox;
  /** Opens the request that carries the response. */
  respond(requestId: string): ClientRequest;
}

/** A worker whose custom runtime does as `run` says with one invocation. */
async function custom(
  run: (runtime: Runtime, requestId: string) => void,
  { timeoutMs, clock }: { readonly timeoutMs: number; readonly clock: Clock } = { timeoutMs: 60_000, clock: realClock },
) {
  const driver = new FakeDriver({
    onStart(box) {
      const base = `http://${box.runtimeApiAddress}/2018-06-01/runtime/invocation`;
      const runtime: Runtime = {
        box,
        respond(requestId) {
          const headers = { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Content-Type': 'text/x' };
          const sent = request(`${base}/${requestId}/response`, { method: 'POST', headers });
          sent.on('error', () => {});
          return sent;
        },
      };
      const next = async () => {
        const answer = await fetch(`${base}/next`);
        await answer.arrayBuffer();
        run(runtime, answer.headers.get('lambda-runtime-aws-request-id')!);
      };
      next().catch(() => {});
    },
  });
  const spec = makeSpec({ runtime: 'provided.al2023', timeoutMs });
  const world = new World(driver, { clock }, code);
  return { world, spec, id: await world.start(spec) };
}

test('the client has the first bytes while the runtime still writes', async () => {
  const sent: ClientRequest[] = [];
  const { world, spec, id } = await custom((runtime, requestId) => {
    const response = runtime.respond(requestId);
    response.write('first ');
    sent.push(response);
  });
  const stream = new TextSink();
  const outcome = world.invoke(id, makeInvocation(spec, { stream, tail: true }));
  await stream.until('first');
  assert.equal(stream.text, 'text/x: first ');
  sent[0]!.end('last');
  const ended = await outcome;
  assert.ok(ended.kind === 'success');
  assert.equal(ended.payload.length, 0);
  assert.match(ended.logTail!.toString(), /REPORT/);
  assert.equal(stream.text, 'text/x: first last (end)');
  await world.worker.close();
});

test('a stream that its runtime cuts off, and lives on, is truncated', async () => {
  const { world, spec, id } = await custom((runtime, requestId) => {
    const response = runtime.respond(requestId);
    response.write('part', () => response.destroy());
  });
  const stream = new TextSink();
  const outcome = await world.invoke(id, makeInvocation(spec, { stream }));
  assert.ok(outcome.kind === 'function-error');
  assert.equal(outcome.errorType, 'Runtime.TruncatedResponse');
  assert.equal(stream.text, 'text/x: part');
  await world.worker.close();
});

test('the process ends, or time is over, inside a stream', async () => {
  // Time stands still until the client has something, however long that takes; then all of it is over at once.
  const timeoutMs = 100;
  const startedMs = performance.now();
  let heard = false;
  const clock = { ...realClock, monotonicMs: () => (heard ? performance.now() + timeoutMs : startedMs) };
  const run = (runtime: Runtime, requestId: string) => void runtime.respond(requestId).write('part');
  const { world, spec, id } = await custom(run, { timeoutMs, clock });
  const stream = new TextSink();
  const outcome = world.invoke(id, makeInvocation(spec, { stream }));
  await stream.until('part');
  heard = true;
  const late = await outcome;
  assert.ok(late.kind === 'function-error');
  assert.equal(late.errorType, 'Sandbox.Timedout');
  assert.equal(stream.text, 'text/x: part');
  await world.worker.close();

  const dies = await custom((runtime, requestId) => {
    runtime.respond(requestId).write('part', () => runtime.box.exit({ code: 1 }));
  });
  const cut = new TextSink();
  const died = await dies.world.invoke(dies.id, makeInvocation(dies.spec, { stream: cut }));
  assert.ok(died.kind === 'function-error');
  assert.equal(died.errorType, 'Runtime.TruncatedResponse');
  assert.match(died.payload.toString(), /Runtime exited with error: exit status 1/);
  await dies.world.worker.close();
});

test('a managed runtime’s invocation lasts until it says so, though its response has ended', async () => {
  let runtime: FakeBox | null = null;
  const driver = new FakeDriver({
    onInvoke(box, header) {
      runtime = box;
      const path = `/2018-06-01/runtime/invocation/${header[0]}/response`;
      const headers = { 'Lambda-Runtime-Function-Response-Mode': 'streaming' };
      request(`http://${box.runtimeApiAddress}${path}`, { method: 'POST', headers }).end('all');
    },
  });
  const world = new World(driver);
  const spec = makeSpec();
  const id = await world.start(spec);
  const stream = new TextSink();
  let over = false;
  const outcome = world.invoke(id, makeInvocation(spec, { stream })).finally(() => {
    over = true;
  });
  await stream.until('(end)');
  assert.equal(over, false);
  runtime!.say(frameType.response);
  assert.equal((await outcome).kind, 'success');
  await world.worker.close();
});

test('a mode that does not exist, and a stream for another invocation, are refused', async () => {
  const answers: number[] = [];
  const { world, spec, id } = await custom(async ({ box }, requestId) => {
    const post = async (target: string, mode: string) => {
      const url = `http://${box.runtimeApiAddress}/2018-06-01/runtime/invocation/${target}/response`;
      const sent = request(url, { method: 'POST', headers: { 'Lambda-Runtime-Function-Response-Mode': mode } });
      sent.end('x');
      const [answer] = await once(sent, 'response');
      answer.resume();
      return answer.statusCode as number;
    };
    answers.push(await post(requestId, 'sometimes'), await post('other', 'streaming'));
    await post(requestId, 'Streaming');
  });
  const stream = new TextSink();
  assert.equal((await world.invoke(id, makeInvocation(spec, { stream }))).kind, 'success');
  assert.deepEqual(answers, [400, 400]);
  assert.equal(stream.text, 'application/octet-stream: x (end)');
  await world.worker.close();
});

test('machine: a streamed response has a limit of its own', () => {
  const requestId = 'r' as RequestId;
  const end = (bytes: number, streamed: boolean) => {
    const machine = new WorkerMachine({ sandboxId: 's' as SandboxId, timeoutMs: 3_000 });
    machine.step({ kind: 'start', nowMs: 0 });
    machine.step({ kind: 'booted', nowMs: 0, boot: 1 });
    machine.step({ kind: 'init-done', nowMs: 1, boot: 1 });
    machine.step({ kind: 'invoke', nowMs: 2, requestId, epoch: 1 });
    const effects = machine.step({ kind: 'response', nowMs: 3, boot: 1, requestId, bytes, streamed });
    const complete = effects.find((effect) => effect.kind === 'complete');
    return complete?.end.kind === 'platform-error' ? complete.end.errorMessage : complete?.end.kind;
  };
  assert.equal(end(limits.streamedResponseBytesMax, true), 'response');
  assert.match(end(limits.streamedResponseBytesMax + 1, true) ?? '', /\(209715200 bytes\)/);
  assert.match(end(limits.streamedResponseBytesMax, false) ?? '', /\(6291556 bytes\)/);
});
