import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { FakeDriver } from './fake/driver.js';
import { makeSpec, World } from './fake/world.js';
import { RuntimeApi } from './runtimeapi/runtimeapi.js';

test('a worker at its number of sandboxes starts no further one, and says so', async () => {
  const world = new World(new FakeDriver(), { sandboxesMax: 1 });
  const first = await world.start(makeSpec());
  await assert.rejects(world.start(makeSpec()), /the worker runs its 1 sandboxes already/);
  await world.stop(first);
  await world.start(makeSpec());
  await world.worker.close();
});

test('unless told otherwise, two spares wait for each runtime in use, each counted as 64 MiB', async () => {
  // The test world's own default is none.
  const world = new World(new FakeDriver(), { sparesPerRuntime: undefined as never });
  world.worker.prewarm('nodejs20.x', '123456789012');
  await world.worker.spared();
  assert.deepEqual(world.worker.capacity().spares, { 'nodejs20.x': 2 });
  assert.equal(world.worker.capacity().memoryUsedMib, 128);
  await world.worker.close();
});

test('what a box takes beside its function counts for each sandbox and each spare', async () => {
  const driver = new FakeDriver();
  driver.boxOwnMib = 50;
  const world = new World(driver, { memoryMib: 500, sparesPerRuntime: 2 });
  world.worker.prewarm('nodejs20.x', '123456789012');
  await world.worker.spared();
  assert.equal(world.worker.capacity().sandboxOwnMib, 50);
  assert.equal(world.worker.capacity().memoryUsedMib, 2 * (64 + 50));
  const first = await world.start(makeSpec({ memoryMib: 128 }));
  await world.worker.spared();
  assert.deepEqual(world.worker.capacity().spares, { 'nodejs20.x': 2 });
  assert.equal(world.worker.capacity().memoryUsedMib, 178 + 2 * 114);
  await world.start(makeSpec({ memoryMib: 200 }));
  await world.worker.spared();
  assert.equal(world.worker.capacity().memoryUsedMib, 178 + 250, 'a third spare would need 114 of the 72 left');
  await assert.rejects(world.start(makeSpec({ memoryMib: 64 })), /no 114 MiB left/);
  await world.stop(first);
  await world.start(makeSpec({ memoryMib: 64 }));
  await world.worker.close();
});

test('what a driver keeps ready for starts counts as memory, and goes before a function is refused', async () => {
  const driver = new FakeDriver();
  let waiting = 2;
  const drop = () => {
    if (waiting === 0) return false;
    waiting -= 1;
    return true;
  };
  Object.defineProperty(driver, 'waiting', { get: () => ({ mib: waiting * 48, drop }) });
  const world = new World(driver, { memoryMib: 256, sparesPerRuntime: 0 });
  assert.equal(world.worker.capacity().memoryUsedMib, 96);
  void world.start(makeSpec({ memoryMib: 192 })).catch(() => {});
  assert.deepEqual([waiting, world.worker.capacity().memoryUsedMib], [1, 240]);
  void world.start(makeSpec({ memoryMib: 128 })).catch(() => {});
  assert.deepEqual([waiting, world.worker.capacity().memoryUsedMib], [0, 192], 'and then it is refused');
  await world.worker.close();
});

test('a sandbox has 32 connections to its Runtime API; further ones are closed at once', async () => {
  const server = createServer();
  const api = new RuntimeApi(server, true, {
    onInitDone() {},
    onInitError() {},
    onResponse() {},
    onError() {},
    onOther: () => false,
    onRestoreDone() {},
    onRestoreError() {},
    onStream: () => null,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const open: Socket[] = [];
  let last: Socket | null = null;
  for (let index = 0; index < 33; index += 1) {
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await accepted;
    open.push(socket);
    last = socket;
  }
  await once(last!.resume(), 'close');
  assert.equal(open.filter((socket) => !socket.closed).length, 32);
  api.close();
  for (const socket of open) socket.destroy();
  server.close();
});
