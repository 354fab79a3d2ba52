import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { HeldReport } from './heldreport.js';

test('a report is kept for 100 ms, or until its runtime goes on, and is handed on once', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const told: string[] = [];
    const held = new HeldReport();
    held.hold(() => told.push('late'));
    mock.timers.tick(99);
    assert.equal(told.join(), '');
    mock.timers.tick(1);
    assert.equal(told.join(), 'late');

    held.hold(() => told.push('released'));
    held.release();
    held.release();
    held.hold(() => told.push('dropped'));
    held.drop();
    mock.timers.tick(1_000);
    assert.equal(told.join(), 'late,released');
  } finally {
    mock.timers.reset();
  }
});
