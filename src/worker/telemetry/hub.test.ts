import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { backlogMax, TelemetryHub } from './hub.js';
import { attemptsMax } from './machine.js';
import { parseSubscription } from './subscription.js';
import { schemaFaults } from './testschema.js';

const open = (port: number) =>
  new Promise<Socket>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket)).once('error', reject);
  });

/** A hub, a subscriber of it, and the lines that the subscriber gets. */
async function listening(before: (hub: TelemetryHub) => void, connect = open) {
  const got: { type: string; record: string | { reason: string } }[] = [];
  let heard: () => void = () => {};
  const server = createServer((socket) => {
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop()!;
      for (const line of lines) got.push(JSON.parse(line));
      heard();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const hub = new TelemetryHub({ nowMs: () => 0, monotonicMs: () => performance.now(), connect, json: true });
  before(hub);
  const request = { schemaVersion: '2022-12-13', types: ['function'], destination: { protocol: 'TCP', port } };
  const subscription = parseSubscription('telemetry', Buffer.from(JSON.stringify(request)));
  assert.ok(typeof subscription === 'object');
  hub.subscribe('one', subscription);
  const until = async (count: number) => {
    hub.flush();
    while (got.length < count)
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
  };
  const close = () => {
    hub.close();
    server.close();
  };
  return { hub, got, until, close };
}

test('who subscribes during init gets what was before, the first 1,000 events of it', async () => {
  const { hub, got, until, close } = await listening((hub) => {
    for (let count = 0; count < backlogMax + 5; count += 1) hub.log(count, `line ${count}\n`, 'function');
  });
  hub.seal();
  hub.log(0, 'later\n', 'function');
  hub.log(0, 'not asked for\n', 'extension');
  await until(backlogMax + 1);
  assert.equal(got[0]!.record, 'line 0\n');
  assert.equal(got[backlogMax - 1]!.record, `line ${backlogMax - 1}\n`);
  assert.equal(got[backlogMax]!.record, 'later\n');
  assert.equal(got.length, backlogMax + 1);
  close();
});

test('a function that logs JSON has its lines as objects', async () => {
  const { hub, got, until, close } = await listening(() => {});
  hub.log(0, '{"level":"INFO"}\n', 'function');
  hub.log(0, 'text\n', 'function');
  await until(2);
  assert.deepEqual(
    got.map(({ record }) => record),
    [{ level: 'INFO' }, 'text\n'],
  );
  close();
});

test('what could not be delivered is counted and told, as published, once something can', async () => {
  let attempts = 0;
  const { hub, got, until, close } = await listening(
    () => {},
    (port) => {
      attempts += 1;
      return attempts <= attemptsMax ? Promise.reject(new Error('nobody listens yet')) : open(port);
    },
  );
  hub.log(0, 'lost\n', 'function');
  hub.flush();
  while (attempts < attemptsMax) await new Promise((resolve) => setTimeout(resolve, 5));
  // In a turn after the last attempt failed.
  await new Promise((resolve) => setTimeout(resolve, 5));
  hub.log(0, 'arrives\n', 'function');
  await until(1);
  await until(2);
  assert.deepEqual(
    got.map(({ type }) => type),
    ['function', 'platform.logsDropped'],
  );
  assert.deepEqual(schemaFaults(got[1]), []);
  assert.deepEqual(got[1]!.record, {
    droppedBytes: JSON.stringify({ time: '1970-01-01T00:00:00.000Z', type: 'function', record: 'lost\n' }).length,
    droppedRecords: 1,
    reason: 'Consumer seems to have fallen behind as it has not acknowledged receipt of logs.',
  });
  close();
});
