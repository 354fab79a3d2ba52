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
    assert.deepEqual(await start.tell(), { memory: more, disk: 0 });
  }
});

test('nothing is told of starts that were not alone, from before or after', async () => {
  const { watch } = make();
  const over = watch.begin();
  const second = watch.watch();
  assert.equal(await second.tell(), null, 'one was under way');
  over();
  over();
  const third = watch.watch();
  watch.begin()();
  assert.equal(await third.tell(), null, 'one came and went');
  const fourth = watch.watch();
  fourth.end();
  assert.notEqual(await watch.watch().tell(), null, 'each is over once');
});

test('nothing is told when the file system ends', async () => {
  const { watch, breaks } = make();
  const start = watch.watch();
  breaks();
  assert.equal(await start.tell(), null);
});
