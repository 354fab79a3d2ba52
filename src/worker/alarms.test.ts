import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Alarmed, Alarms } from './alarms.js';

test('one timer serves all deadlines: earlier ones first, cleared ones never, each once', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const rung: string[] = [];
  const make = (name: string): Alarmed => ({
    alarmAtMs: Number.POSITIVE_INFINITY,
    onAlarm: (atMs) => void rung.push(`${name} ${atMs}`),
  });
  const [a, b, c] = [make('a'), make('b'), make('c')] as const;
  const alarms = new Alarms(
    () => [a, b, c],
    () => nowMs,
  );
  const pass = (ms: number) => {
    for (let step = 0; step < ms; step += 1) {
      nowMs += 1;
      context.mock.timers.tick(1);
    }
  };
  alarms.set(a, 100);
  alarms.set(b, 50);
  alarms.set(c, 70);
  c.alarmAtMs = Number.POSITIVE_INFINITY;
  pass(60);
  assert.deepEqual(rung, ['b 50']);
  alarms.set(b, 200);
  pass(60);
  assert.deepEqual(rung, ['b 50', 'a 100']);
  pass(100);
  assert.deepEqual(rung, ['b 50', 'a 100', 'b 200']);
  alarms.close();
});
