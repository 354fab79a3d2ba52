import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import test from 'node:test';
import { fencedAddresses } from './network.js';

const entry = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4', internal = false) =>
  ({ address, family, internal }) as NetworkInterfaceInfo;
const interfaces = {
  lo: [entry('127.0.0.1', 'IPv4', true), entry('::1', 'IPv6', true)],
  eth0: [entry('192.0.2.7'), entry('fe80::1', 'IPv6')],
  docker0: [entry('172.17.0.1')],
  nat: [entry('10.0.2.15')],
};

test('all addresses of the machine are behind the fence, but those where the platform listens', () => {
  assert.deepEqual(fencedAddresses([], interfaces), ['192.0.2.7', '172.17.0.1']);
  assert.deepEqual(fencedAddresses(['127.0.0.1'], interfaces), ['192.0.2.7', '172.17.0.1']);
  assert.deepEqual(fencedAddresses(['192.0.2.7'], interfaces), ['172.17.0.1']);
  assert.deepEqual(fencedAddresses(['0.0.0.0'], interfaces), []);
  assert.deepEqual(fencedAddresses(['::'], interfaces), []);
});
