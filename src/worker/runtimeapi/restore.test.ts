import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { RuntimeApi } from './runtimeapi.js';

const base = '/2018-06-01/runtime';

async function serve(prepare: (api: RuntimeApi) => void, servesNext = true) {
  const server = createServer();
  const told: string[] = [];
  const api = new RuntimeApi(server, servesNext, {
    onInitDone: () => void told.push('init-done'),
    onInitError: (type) => void told.push(`init-error ${type}`),
    onResponse: (id) => void told.push(`response ${id}`),
    onError: (id) => void told.push(`error ${id}`),
    onStream: () => null,
    onRestoreDone: () => void told.push('restore-done'),
    onRestoreError: (type, payload) => void told.push(`restore-error ${type} ${payload}`),
    onOther: () => false,
  });
  prepare(api);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const call = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const body = method === 'POST' ? '{}' : undefined;
    const response = await fetch(`http://127.0.0.1:${port}${base}/${path}`, { method, headers, ...(body && { body }) });
    return `${response.status} ${await response.text()}`.trim();
  };
  const close = async () => {
    api.close();
    server.close();
    await once(server, 'close');
  };
  return { api, told, call, close };
}

const refused = (from: string, to: string) =>
  `403 {"errorMessage":"Transition from Runtime${from} to Runtime${to} is not allowed.","errorType":"InvalidStateTransition"}`;
const nothing = async () => await new Promise((resolve) => setTimeout(resolve, 30));

test('restore/next ends the init of a publication, and is not answered there', async () => {
  const { told, call, close } = await serve((api) => {
    api.snapStart = true;
  });
  const waiting = call('GET', 'restore/next').catch(() => 'cut off');
  while (told.length === 0) await nothing();
  assert.deepEqual(told, ['init-done']);
  assert.equal(await call('POST', 'restore/error'), refused('RestoreReady', 'RestoreError'));
  assert.equal(await call('POST', 'init/error'), refused('RestoreReady', 'InitError'));
  await close();
  assert.equal(await waiting, 'cut off');
});

test('outside of a publication, and for our own runtimes, there is no restore/next', async () => {
  for (const servesNext of [true, false]) {
    const { call, close } = await serve((api) => {
      api.snapStart = !servesNext;
    }, servesNext);
    assert.equal(await call('GET', 'restore/next'), refused('Started', 'RestoreReady'));
    assert.equal(await call('POST', 'restore/next'), '405');
    assert.equal(await call('GET', 'restore/error'), '405');
    await close();
  }
});

test('in a restored sandbox the request comes again, is answered when it is to go on, and next tells that it has', async () => {
  for (const early of [true, false]) {
    const { api, told, call, close } = await serve((api) => api.expectRestore());
    if (!early) api.release();
    const going = call('GET', 'restore/next');
    if (early) {
      await nothing();
      api.release();
    }
    assert.equal(await going, '200');
    assert.deepEqual(told, []);
    const next = call('GET', 'invocation/next').catch(() => 'cut off');
    while (told.length === 0) await nothing();
    assert.deepEqual(told, ['restore-done']);
    await close();
    await next;
  }
});

test('a hook that failed is reported once, and nothing follows', async () => {
  const { api, told, call, close } = await serve((api) => api.expectRestore());
  api.release();
  assert.equal(await call('GET', 'restore/next'), '200');
  const headers = { 'Lambda-Runtime-Function-Error-Type': 'Runtime.AfterRestoreError' };
  assert.equal(await call('POST', 'restore/error', headers), '202 {"status":"OK"}');
  assert.equal(await call('POST', 'restore/error', headers), refused('RestoreError', 'RestoreError'));
  assert.equal(await call('GET', 'invocation/next'), refused('RestoreError', 'Ready'));
  assert.deepEqual(told, ['restore-error Runtime.AfterRestoreError {}']);
  await close();
});

test('a runtime that waited for an invocation when it was saved is ready when it is restored', async () => {
  const { api, told, call, close } = await serve((api) => api.expectRestore());
  const next = call('GET', 'invocation/next');
  await nothing();
  assert.deepEqual(told, [], 'not before it is told to go on');
  api.release();
  assert.deepEqual(told, ['restore-done']);
  const header = { requestId: 'r', deadlineMs: 1, invokedFunctionArn: 'a', traceHeader: '' };
  api.deliver({ ...header, clientContext: null, cognitoIdentity: null }, Buffer.from('"event"'));
  assert.equal(await next, '200 "event"');
  await close();
});
