import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TierMetrics } from '../../../chunks/tier.js';
import { TierWatch } from './tierwatch.js';

function make() {
  const bytes = { memory: 5, disk: 7 };
  let broken = false;
  const figures = (count: number): TierMetrics => ({ hits: 0, misses: 0, bytes: count, corrupt: 0, latency: [] });
  const watch = new TierWatch(async () => {
    if (broken) throw new Error('it ended');
    return { tiers: { memory: figures(bytes.memory), disk: figures(bytes.disk) } };
  });
  const breaks = () => {
    broken = true;
  };
  return { watch, bytes, breaks };
}

test('what each tier served while one machine started', async () => {
  const { watch, bytes } = make();
  for (const more of [100, 200]) {
    const start = watch.watch();
    bytes.memory += more;
    assert.deepEqual(await start.tell(), { bytes: { memory: more, disk: 0 }, besides: 0 });
  }
});

test('others that were under way, or came meanwhile, are told of, each while it is', async () => {
  const { watch, bytes } = make();
  const over = watch.begin();
  const second = watch.watch();
  bytes.disk += 10;
  assert.deepEqual(await second.tell(), { bytes: { memory: 0, disk: 10 }, besides: 1 }, 'one was under way');
  over();
  over();
  const third = watch.watch();
  watch.begin()();
  watch.begin()();
  assert.equal((await third.tell())?.besides, 2, 'two came and went');
  const fourth = watch.watch();
  fourth.end();
  assert.equal((await watch.watch().tell())?.besides, 0, 'each is over once');
});

test('nothing is told when the file system ends', async () => {
  const { watch, breaks } = make();
  const start = watch.watch();
  breaks();
  assert.equal(await start.tell(), null);
});
