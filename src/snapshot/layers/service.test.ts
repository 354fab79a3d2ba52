import assert from 'node:assert/strict';
import test from 'node:test';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { SnapshotRecord } from '../record.js';
import type { LayerWish } from './messages.js';
import { LayerService } from './service.js';

const record = (id: string, basis: string): SnapshotRecord => ({
  layer: 'os',
  id,
  basis,
  account: 'platform',
  memory: 'm',
  memoryMib: 1152,
  state: 's',
  deviceBytes: 1,
  linkBytes: 1,
  scratch: null,
  runtime: null,
  code: null,
  layers: null,
  sizes: { logicalBytes: 1, uniqueBytes: 1, storedBytes: 1 },
  parent: null,
  createdMs: 0,
});

const clock = { monotonicMs: () => performance.now() };

function workshop(make: (wish: LayerWish) => Promise<SnapshotRecord>, stored: SnapshotRecord | null = null) {
  const said: string[] = [];
  return { said, find: async () => stored, make, progress: (text: string) => void said.push(text) };
}

test('two who want a missing layer get one, made once', async () => {
  let made = 0;
  const shop = workshop(async ({ slot, key }) => {
    made += 1;
    return record(slot, key);
  });
  const layers = new LayerService(shop, clock);
  const wish = { slot: 'os-1152', key: 'k' };
  const [a, b] = await Promise.all([layers.take(wish), layers.take(wish)]);
  assert.equal(a, b);
  assert.equal(made, 1);
  assert.equal(shop.said.length, 2, 'said when it began and when it was done');
});

test('a stored layer is not made, a stale one is', async () => {
  const old = record('os-1152', 'k1');
  const layers = new LayerService(
    workshop(async ({ slot, key }) => record(slot, key), old),
    clock,
  );
  assert.equal(await layers.take({ slot: 'os-1152', key: 'k1' }), old);
  assert.equal((await layers.take({ slot: 'os-1152', key: 'k2' })).basis, 'k2');
});

test('why a layer cannot be made reaches who wanted it', async () => {
  const layers = new LayerService(
    workshop(async () => {
      throw new Error('no kernel');
    }),
    clock,
  );
  await assert.rejects(layers.take({ slot: 'os-1152', key: 'k' }), (error: Error) => {
    assert.ok(error instanceof DriverError);
    assert.match(error.message, /no kernel/);
    return true;
  });
});

test('a broken layer is made again in the background, while the old one is no longer given', async () => {
  let made = 0;
  const layers = new LayerService(
    workshop(async ({ slot, key }) => {
      made += 1;
      return record(slot, key);
    }),
    clock,
  );
  const wish = { slot: 'os-1152', key: 'k' };
  const first = await layers.take(wish);
  layers.broken(wish);
  const second = await layers.take(wish);
  await layers.settled();
  assert.notEqual(first, second);
  assert.equal(made, 2);
});
