import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BusyPoll, busyPollMs } from './busypoll.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn();
}

test('the loop stays awake for what will be answered at once, until it is, and not longer than stated', async () => {
  let nowMs = 1_000;
  const poll = new BusyPoll(() => nowMs);
  poll.begun(null);
  assert.equal(poll.polling, false, 'nothing is known of it');
  poll.ended();
  poll.begun(busyPollMs);
  assert.equal(poll.polling, false, 'takes longer');
  poll.ended();

  poll.begun(busyPollMs / 2);
  await turns(20);
  assert.equal(poll.polling, true);
  poll.ended();
  await turns(2);
  assert.equal(poll.polling, false);

  poll.begun(busyPollMs / 2);
  nowMs += busyPollMs + 0.001;
  await turns(2);
  assert.equal(poll.polling, false, 'took longer than the last one');
  poll.ended();
});

test('not with two under way', async () => {
  const poll = new BusyPoll(() => 0);
  poll.begun(0.05);
  poll.begun(0.05);
  await turns(2);
  assert.equal(poll.polling, false);
  poll.ended();
  poll.begun(0.05);
  assert.equal(poll.polling, false);
  poll.ended();
  poll.ended();
  poll.begun(0.05);
  assert.equal(poll.polling, true);
  poll.ended();
  await turns(2);
});

test('never where it is switched off', () => {
  const poll = new BusyPoll(() => 0, 0);
  poll.begun(0);
  assert.equal(poll.polling, false);
});
