import assert from 'node:assert/strict';
import test from 'node:test';
import { DriverError } from '../../worker/sandbox/driver.js';
import { UserIds } from './userids.js';

test('every monitor has a user id that no other has, far from those of people and services', () => {
  const ids = new UserIds(3);
  const taken = [ids.take(), ids.take(), ids.take()];
  assert.equal(new Set(taken).size, 3);
  assert.ok(taken.every((uid) => uid >= 2_105_000_000 && uid < 2 ** 31));
  assert.throws(() => ids.take(), DriverError);
  ids.giveBack(taken[1]!);
  assert.equal(ids.take(), taken[1]);
});
