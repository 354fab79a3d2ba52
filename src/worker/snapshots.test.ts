import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { frameType } from '../wire/channel/frames.js';
import { type FakeBox, FakeDriver, type FakeRuntime } from './fake/driver.js';
import { makeInvocation, makeSpec, World } from './fake/world.js';
import type { WorkerOptions } from './service.js';

const spec = makeSpec({ version: '1', snapshot: 'snap' });

function worldOf(runtime: FakeRuntime = {}, over: Partial<WorkerOptions> = {}) {
  const driver = new FakeDriver(runtime, true);
  const told: string[] = [];
  const snapshots = {
    used: () => void told.push('used'),
    lost: (_: unknown, problem: string) => void told.push(`lost: ${problem}`),
  };
  return { driver, told, world: new World(driver, { snapshots, ...over }) };
}

test('a publication initializes for a snapshot, saves, and leaves nothing behind', async () => {
  const inits: { snapStart: boolean; reseed: boolean; type: string | undefined }[] = [];
  const { driver, world } = worldOf({
    onInit(box, { snapStart, reseed, env }) {
      inits.push({ snapStart, reseed, type: env.AWS_LAMBDA_INITIALIZATION_TYPE });
      box.say(frameType.initDone);
    },
  });
  assert.deepEqual(await world.worker.capture(spec), { kind: 'captured' });
  assert.deepEqual(inits, [{ snapStart: true, reseed: true, type: 'snap-start' }]);
  assert.equal(driver.snapshots?.captures, 1);
  const [start, report] = world.logs.lines;
  assert.match(start!, /^INIT_START Runtime Version: nodejs20\.x:v1\t/);
  assert.match(report!, /^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\n$/);
  await world.worker.close();
  assert.ok(driver.boxes.every(({ killed }) => killed));
  assert.ok(driver.scratches.every(({ disposed }) => disposed));
  assert.deepEqual(world.events, [], 'the fleet hears nothing of it');
});

test('its sandboxes are restored, told to renew themselves, and report it', async () => {
  const bodies: object[] = [];
  const { driver, told, world } = worldOf({
    onRestore(box, body) {
      bodies.push(body);
      box.say(frameType.restoreDone);
    },
  });
  await world.worker.capture(spec);
  world.logs.lines.length = 0;
  const id = await world.start(spec);
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  assert.deepEqual(bodies, [{ reseed: true }]);
  assert.deepEqual(told, ['used']);
  assert.equal(driver.snapshots?.restores, 1);
  const shown = world.logs.lines.map((line) => line.replace(/\d+\.\d\d ms|\d+ ms/g, 'N ms'));
  assert.match(shown[0]!, /^RESTORE_START Runtime Version: nodejs20\.x:v1\tRuntime Version ARN: .*\n$/);
  assert.equal(shown[1], 'RESTORE_REPORT Restore Duration: N ms\n');
  assert.match(shown.at(-1)!, /\tMax Memory Used: 36 MB\tRestore Duration: N ms\tBilled Restore Duration: N ms\t\n$/);
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  assert.doesNotMatch(world.logs.lines.at(-1)!, /Restore/);
  await world.worker.close();
});

test('what was logged before the snapshot is not logged again by its clones', async () => {
  const logFrame = (text: string) => Buffer.concat([Buffer.from([2]), Buffer.alloc(8), Buffer.from(text)]);
  const { world } = worldOf({
    onClone(box) {
      box.say(frameType.log, logFrame('while it came to rest\n'));
      box.say(frameType.paused);
    },
    onRestore(box) {
      box.say(frameType.log, logFrame('of a hook\n'));
      box.say(frameType.restoreDone);
    },
  });
  await world.worker.capture(spec);
  await world.start(spec);
  assert.ok(world.logs.lines.includes('of a hook\n'));
  assert.ok(!world.logs.lines.includes('while it came to rest\n'));
  await world.worker.close();
});

test('a hook that fails is an error of the API, of one invocation; the next sandbox restores again', async () => {
  let fails = true;
  const { driver, world } = worldOf({
    onRestore(box) {
      if (!fails) {
        box.say(frameType.restoreDone);
        return;
      }
      box.say(frameType.restoreError, '{"errorType":"Runtime.AfterRestoreError","errorMessage":"no"}');
      box.exit({ code: 65 });
    },
  });
  await world.worker.capture(spec);
  const id = await world.start(spec);
  const failed = await world.invoke(id, makeInvocation(spec));
  assert.ok(failed.kind === 'refused' && failed.final === true);
  assert.equal(failed.failure.code, 'SnapStartException');
  const report = world.logs.lines.find((line) => line.startsWith('RESTORE_REPORT'));
  assert.match(
    report!,
    /^RESTORE_REPORT Restore Duration: \d+\.\d\d ms\tStatus: error\tError Type: Runtime\.AfterRestoreError\n$/,
  );
  fails = false;
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  assert.equal(driver.snapshots?.restores, 2);
  await world.worker.close();
});

test('without its snapshot a function starts from its code, and somebody hears of it', async () => {
  const inits: boolean[] = [];
  const { told, world } = worldOf({
    onInit(box, { snapStart }) {
      inits.push(snapStart);
      box.say(frameType.initDone);
    },
  });
  const id = await world.start(spec);
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  assert.deepEqual(told, ['lost: it is gone']);
  assert.deepEqual(inits, [false]);
  assert.match(world.logs.lines.at(-1)!, /Init Duration/);
  await world.worker.close();
});

test('a publication whose init fails, whose snapshot cannot be stored, or that is cut off', async () => {
  const failing = worldOf({
    onInit: (box) => box.say(frameType.initError, '{"errorType":"Runtime.BeforeSnapshotError","errorMessage":"no"}'),
  });
  const failed = await failing.world.worker.capture(spec);
  assert.deepEqual(failed, { kind: 'init-failed', status: 'error', errorType: 'Runtime.BeforeSnapshotError' });
  await failing.world.worker.close();

  const full = worldOf();
  full.driver.snapshots!.problem = 'the disk is full';
  assert.deepEqual(await full.world.worker.capture(spec), { kind: 'problem', message: 'the disk is full' });
  await full.world.worker.close();

  const hanging = worldOf({ onInit() {} });
  const captures = [1, 2, 3].map(() => hanging.world.worker.capture(spec));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(hanging.driver.boxes.length, 2, 'two at a time');
  await hanging.world.worker.close();
  assert.deepEqual(await Promise.all(captures), Array(3).fill({ kind: 'aborted' }));
});

test('a driver that saves nothing says so', async () => {
  const world = new World(new FakeDriver());
  assert.equal(await world.worker.capture(spec), null);
  await world.worker.close();
});

/** A request of the runtime inside the box; resolves with status and body. */
function ask(box: FakeBox, method: string, path: string, headers: Record<string, string> = {}, body = '') {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const [host, port] = box.runtimeApiAddress.split(':');
    const asked = request(
      { host, port, method, path: `/2018-06-01/runtime/${path}`, headers, agent: false },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => resolve({ status: answer.statusCode!, body: text }));
      },
    );
    asked.on('error', reject).end(body);
  });
}

const provided = makeSpec({ version: '1', snapshot: 'own', runtime: 'provided.al2023' });

/** A function with a bootstrap of its own is captured, and answers restored; `further` goes on with its worker. */
async function answersRestored(
  driver: FakeDriver,
  onInvoke: (requestId: string) => void,
  further: (world: World) => Promise<void> = async () => {},
): Promise<void> {
  const task = mkdtempSync(join(tmpdir(), 'hearth-snapshots-'));
  writeFileSync(join(task, 'bootstrap'), '#!/bin/sh\n', { mode: 0o755 });
  const world = new World(driver, {}, task);
  try {
    assert.deepEqual(await world.worker.capture(provided), { kind: 'captured' });
    const id = await world.start(provided);
    const invocation = makeInvocation(provided);
    onInvoke(invocation.requestId);
    const outcome = await world.invoke(id, invocation);
    assert.equal(outcome.kind === 'success' && outcome.payload.toString(), '"answer"');
    await further(world);
  } finally {
    await world.worker.close();
    rmSync(task, { recursive: true, force: true });
  }
}

test('a runtime of the Runtime API: restore/next before the snapshot, and again in every clone', async () => {
  const seen: string[] = [];
  let current = '';
  let hookFails = false;
  const goOn = async (box: FakeBox) => {
    seen.push(`restored ${(await ask(box, 'GET', 'restore/next')).status}`);
    if (hookFails) {
      const headers = { 'Lambda-Runtime-Function-Error-Type': 'Runtime.AfterRestoreError' };
      seen.push(`error ${(await ask(box, 'POST', 'restore/error', headers, '{}')).status}`);
      return;
    }
    seen.push(`next ${(await ask(box, 'GET', 'invocation/next')).status}`);
    await ask(box, 'POST', `invocation/${current}/response`, {}, '"answer"');
  };
  const driver = new FakeDriver(
    {
      // The runtime that is saved never gets an answer: its box goes.
      onStart: (box) => void ask(box, 'GET', 'restore/next').catch(() => seen.push('saved one cut off')),
      onClone: (box) => void goOn(box),
    },
    true,
  );
  await answersRestored(
    driver,
    (requestId) => (current = requestId),
    async (world) => {
      hookFails = true;
      const other = await world.start(provided);
      const failed = await world.invoke(other, makeInvocation(provided));
      assert.equal(failed.kind === 'refused' && failed.failure.code, 'SnapStartException');
      assert.deepEqual(seen, ['saved one cut off', 'restored 200', 'next 200', 'restored 200', 'error 202']);
    },
  );
});

test('a runtime that knows nothing of snapshots is saved where it waits for its first invocation', async () => {
  let current = '';
  const serve = async (box: FakeBox) => {
    await ask(box, 'GET', 'invocation/next');
    await ask(box, 'POST', `invocation/${current}/response`, {}, '"answer"');
  };
  const driver = new FakeDriver(
    { onStart: (box) => void serve(box).catch(() => {}), onClone: (box) => void serve(box) },
    true,
  );
  await answersRestored(driver, (requestId) => (current = requestId));
});

test('code that cannot be had is the platform’s problem; a function with extensions is not saved', async () => {
  const driver = new FakeDriver({}, true);
  const broken = new World(driver, { code: { acquire: () => Promise.reject(new Error('no such tree')) } });
  assert.deepEqual(await broken.worker.capture(spec), { kind: 'problem', message: 'no such tree' });
  await broken.worker.close();
  const layers = mkdtempSync(join(tmpdir(), 'hearth-snapshots-'));
  mkdirSync(join(layers, 'extensions'));
  writeFileSync(join(layers, 'extensions', 'one'), '#!/bin/sh\n', { mode: 0o755 });
  const released: string[] = [];
  const acquire = async () => ({
    ...{ codeDirectory: '/nowhere', layersDirectory: layers, libraries: false },
    release: () => void released.push('released'),
  });
  const extended = new World(driver, { code: { acquire } });
  try {
    assert.equal(await extended.worker.capture(spec), null);
    assert.deepEqual(released, ['released']);
    assert.equal(driver.boxes.length, 0);
  } finally {
    await extended.worker.close();
    rmSync(layers, { recursive: true, force: true });
  }
});
