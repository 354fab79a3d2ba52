import assert from 'node:assert/strict';
import test from 'node:test';
import type { SandboxId } from '../kernel/ids.js';
import { frameType } from '../wire/channel/frames.js';
import { type FakeBox, FakeDriver, type FakeRuntime } from './fake/driver.js';
import { makeInvocation, makeSpec, World } from './fake/world.js';
import type { WorkerOptions } from './service.js';

const deadline = { timeout: 30_000 };
const spec = makeSpec({ version: '1', snapshot: 'snap' });

/** A function with a snapshot, started once and gone again: clones of it are wanted from then on. */
async function started(runtime: FakeRuntime = {}, over: Partial<WorkerOptions> = {}) {
  const driver = new FakeDriver(runtime, true);
  const world = new World(driver, { sparesPerRuntime: 1, ...over });
  await world.worker.capture(spec);
  await world.stop(await world.start(spec));
  world.logs.lines.length = 0;
  world.events.length = 0;
  const waiting = () => driver.boxes.filter(({ killed, frozen }) => !killed && frozen);
  return { driver, world, waiting, restores: () => driver.snapshots!.restores };
}

test('two are restored ahead, and a start takes one that has said all of it already', deadline, async () => {
  const { world, waiting, restores } = await started();
  await world.worker.spared();
  // One box is the runtime's spare.
  assert.equal(waiting().length, 3);
  assert.equal(restores(), 3);
  assert.deepEqual(world.worker.capacity().spares, { 'nodejs20.x': 1, 'f:1': 2 });
  assert.equal(world.worker.capacity().memoryUsedMib, 2 * spec.memoryMib + 64);
  assert.deepEqual(world.events, [], 'the fleet hears nothing of it');
  const said = world.logs.lines.map((line) => line.split(' ')[0]);
  assert.deepEqual(said, ['RESTORE_START', 'RESTORE_REPORT', 'RESTORE_START', 'RESTORE_REPORT']);
  const takenMs = Date.now();
  const id = await world.start(spec);
  assert.equal(restores(), 3, 'it was there');
  const outcome = await world.invoke(id, makeInvocation(spec));
  assert.match(world.logs.lines.at(-1)!, /Restore Duration: /);
  assert.ok(outcome.kind === 'success' && outcome.run !== undefined);
  const { life, restoreMs } = outcome.run;
  assert.deepEqual([life.sandboxId, life.box, life.initStatus, life.invocations], [id, 'restore', 'success', 1]);
  assert.ok(life.startedMs <= life.initializedMs! && life.initializedMs! <= takenMs, 'before anybody wanted it');
  assert.ok(restoreMs! >= 0);
  assert.equal(world.worker.capacity().sandboxes, 1);
  await world.stop(id);
  assert.equal(world.worker.capacity().sandboxes, 0);
  assert.equal(world.events.at(-1), 'gone null');
  await world.worker.close();
});

test('they rehearse where the driver wants it, before they are frozen', deadline, async () => {
  const rehearsed: FakeBox[] = [];
  const onRehearse = (box: FakeBox) => {
    assert.ok(!box.frozen);
    rehearsed.push(box);
    box.say(frameType.rehearsed);
  };
  const { driver, world, waiting } = await started({ onRehearse });
  driver.rehearses = true;
  await world.worker.spared();
  assert.equal(waiting().length, 3);
  assert.ok(waiting().filter((box) => rehearsed.includes(box)).length >= 2);
  await world.worker.close();
});

test(
  'one whose hooks fail, or that ends in its rehearsal, is none; the next start finds out by itself',
  deadline,
  async () => {
    for (const how of ['hooks', 'rehearsal'] as const) {
      let broken = false;
      const { driver, world } = await started({
        onRestore(box) {
          if (broken && how === 'hooks') box.say(frameType.restoreError, '{"errorType":"Runtime.AfterRestoreError"}');
          else box.say(frameType.restoreDone);
        },
        onRehearse: (box) => (broken ? box.exit({ code: 1 }) : box.say(frameType.rehearsed)),
      });
      driver.rehearses = true;
      broken = true;
      await world.worker.spared();
      assert.equal(world.worker.capacity().spares['f:1'], undefined, how);
      const id = await world.start(spec);
      const { kind } = await world.invoke(id, makeInvocation(spec));
      assert.equal(kind, how === 'hooks' ? 'refused' : 'success');
      await world.worker.close();
      assert.ok(driver.boxes.every(({ killed }) => killed));
    }
  },
);

test('one that does not say that it has rehearsed is none', deadline, async (context) => {
  const { driver, world } = await started({ onRehearse() {} });
  await world.worker.spared();
  await world.stop(await world.start(spec));
  driver.rehearses = true;
  const before = driver.snapshots!.restores;
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const settled = world.worker.spared();
  while (driver.snapshots!.restores === before) await new Promise(setImmediate);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  context.mock.timers.tick(10_000);
  context.mock.timers.reset();
  await settled;
  assert.equal(world.worker.capacity().spares['f:1'], undefined);
  await world.worker.close();
});

test('spares of emulated boxes rehearse, and are made when starts have come to rest', deadline, async (context) => {
  const driver = new FakeDriver();
  driver.rehearses = true;
  const world = new World(driver, { sparesPerRuntime: 1 });
  world.worker.prewarm('nodejs20.x', spec.account);
  await world.worker.spared();
  context.mock.timers.enable({ apis: ['setTimeout'] });
  world.worker.start('taker' as SandboxId, makeSpec());
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  context.mock.timers.tick(1_999);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  assert.equal(driver.boxes.length, 1);
  context.mock.timers.tick(1);
  context.mock.timers.reset();
  await world.worker.spared();
  assert.equal(driver.boxes.length, 2);
  await world.worker.close();
});

test('one that ends while it waits is not taken', deadline, async () => {
  const { world, waiting, restores } = await started();
  await world.worker.spared();
  for (const box of waiting()) box.exit({ code: 1 });
  await new Promise(setImmediate);
  const id = await world.start(spec);
  assert.equal(restores(), 4);
  assert.equal((await world.invoke(id, makeInvocation(spec))).kind, 'success');
  await world.worker.close();
});

test('another function, or another version of it, takes none; they go when memory is short', deadline, async () => {
  const { driver, world, restores } = await started({}, { memoryMib: 3 * 128 + 64 });
  await world.worker.spared();
  await world.start({ ...spec, environment: { OTHER: 'one' } });
  assert.equal(restores(), 4);
  await world.start(makeSpec({ functionName: 'g', memoryMib: 256 }));
  assert.equal(world.worker.capacity().spares['f:1'], undefined);
  assert.ok(world.worker.capacity().memoryUsedMib <= 3 * 128 + 64);
  await world.worker.close();
  assert.ok(driver.boxes.every(({ killed }) => killed));
  assert.ok(driver.scratches.every(({ disposed }) => disposed));
});

test('they go with their snapshot', deadline, async () => {
  const { world, waiting } = await started();
  await world.worker.spared();
  world.worker.forget('another');
  assert.deepEqual(world.worker.capacity().spares, { 'nodejs20.x': 1, 'f:1': 2 });
  world.worker.forget('snap');
  assert.deepEqual(world.worker.capacity().spares, { 'nodejs20.x': 1 });
  await world.worker.spared();
  assert.equal(waiting().length, 1);
  await world.worker.close();
});

test('a worker that ends waits for none that is being made', deadline, async () => {
  let slow = false;
  const { driver, world } = await started({ onRestore: (box) => void (slow || box.say(frameType.restoreDone)) });
  slow = true;
  const settled = world.worker.spared();
  while (driver.snapshots!.restores < 2) await new Promise(setImmediate);
  await world.worker.close();
  await settled;
  assert.ok(driver.boxes.every(({ killed }) => killed));
});
