import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bufferBounds, parseSubscription } from './subscription.js';

const asked = {
  schemaVersion: '2022-12-13',
  types: ['platform', 'function', 'platform'],
  destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080/in?x=1' },
};
const parse = (over: object, api: 'telemetry' | 'logs' = 'telemetry') =>
  parseSubscription(api, Buffer.from(JSON.stringify({ ...asked, ...over })));

test('a subscription as the guide shows it, with its defaults', () => {
  assert.deepEqual(parse({}), {
    api: 'telemetry',
    schemaVersion: '2022-12-13',
    types: ['platform', 'function'],
    destination: { kind: 'http', host: 'sandbox.localdomain:8080', port: 8080, path: '/in?x=1', method: 'POST' },
    limits: { maxItems: 10_000, maxBytes: 262_144, timeoutMs: 1_000 },
  });
  const tcp = parse({ destination: { protocol: 'TCP', port: 1234 } });
  assert.ok(typeof tcp === 'object');
  assert.deepEqual(tcp.destination, { kind: 'tcp', port: 1234 });
  const old = parse({ schemaVersion: undefined, destination: { ...asked.destination, method: 'PUT' } }, 'logs');
  assert.ok(typeof old === 'object' && old.destination.kind === 'http');
  assert.deepEqual([old.schemaVersion, old.destination.method], ['2020-08-15', 'PUT']);
});

test('buffering: 1,000 to 10,000 items, 262,144 to 1,048,576 bytes, 25 to 30,000 ms', () => {
  for (const [name, { min, max }] of Object.entries(bufferBounds)) {
    for (const value of [min, max]) {
      const taken = parse({ buffering: { [name]: value } });
      assert.ok(typeof taken === 'object');
      assert.equal(taken.limits[name as keyof typeof bufferBounds], value);
    }
    for (const value of [min - 1, max + 1, min + 0.5, String(min)]) {
      assert.equal(parse({ buffering: { [name]: value } }), `buffering.${name} must be from ${min} to ${max}`);
    }
  }
});

test('what is not one of a kind is refused', () => {
  for (const over of [
    { schemaVersion: '2020-08-15' },
    { schemaVersion: undefined },
    { types: [] },
    { types: ['everything'] },
    { types: 'platform' },
    { destination: undefined },
    { destination: { protocol: 'UDP' } },
    { destination: { protocol: 'TCP' } },
    { destination: { protocol: 'TCP', port: 0 } },
    { destination: { protocol: 'TCP', port: 9001 } },
    { destination: { protocol: 'HTTP', URI: 'nowhere' } },
    { destination: { protocol: 'HTTP', URI: 'https://sandbox.localdomain:1' } },
    { destination: { protocol: 'HTTP', URI: 'http://169.254.169.254/' } },
    { destination: { ...asked.destination, method: 'GET' } },
    { destination: { ...asked.destination, encoding: 'XML' } },
    { buffering: [] },
  ])
    assert.equal(typeof parse(over), 'string', JSON.stringify(over));
  assert.equal(parseSubscription('telemetry', Buffer.from('{')), 'the body is not JSON');
  assert.equal(parseSubscription('telemetry', Buffer.from('[]')), 'the body must be an object');
});
