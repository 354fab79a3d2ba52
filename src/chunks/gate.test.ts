import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkError } from './chunkerror.js';
import { type GateLimits, type Pass, UrgencyGate } from './gate.js';
import type { Urgency } from './layout.js';

const limits: GateLimits = { running: 4, prefetch: 2, background: 1, waiting: 10 };

function world() {
  const gate = new UrgencyGate(limits);
  const entered: string[] = [];
  const refused: string[] = [];
  const pass = (label: string, urgency: Urgency) =>
    gate.pass(
      urgency,
      () => entered.push(label),
      (error) => {
        assert.ok(error instanceof ChunkError && error.kind === 'busy');
        refused.push(label);
      },
    );
  return { gate, entered, refused, pass };
}

test('a fault never waits for guesses, and goes before those that wait', () => {
  const { gate, entered, pass } = world();
  const running = ['b1', 'b2'].map((label) => pass(label, 'background'));
  running.push(...['p1', 'p2', 'p3'].map((label) => pass(label, 'prefetch')));
  assert.deepEqual(entered, ['b1', 'p1']);
  const f1 = pass('f1', 'fault');
  pass('f2', 'fault');
  assert.deepEqual(entered, ['b1', 'p1', 'f1', 'f2']);
  pass('f3', 'fault');
  gate.leave(running[0]!);
  assert.deepEqual(entered.at(-1), 'f3');
  gate.leave(f1);
  assert.deepEqual(entered.at(-1), 'p2', 'prefetch before background');
});

test('who is raised takes its turn among the more urgent', () => {
  const { gate, entered, pass } = world();
  const p1 = pass('p1', 'prefetch');
  pass('p2', 'prefetch');
  const waiting = pass('p3', 'prefetch');
  pass('b1', 'background');
  gate.raise(waiting, 'fault');
  assert.deepEqual(entered, ['p1', 'p2', 'p3']);
  gate.raise(p1, 'fault');
  assert.deepEqual(entered, ['p1', 'p2', 'p3', 'b1'], 'its place among the guesses is free');
});

test('beyond the bound the newest of the least urgent is refused', () => {
  const { entered, refused, pass } = world();
  for (let each = 0; each < 4; each++) pass(`f${each}`, 'fault');
  for (let each = 0; each < 6; each++) pass(`b${each}`, 'background');
  for (let each = 0; each < 4; each++) pass(`p${each}`, 'prefetch');
  assert.deepEqual(refused, []);
  pass('f4', 'fault');
  assert.deepEqual(refused, ['b5']);
  pass('b6', 'background');
  assert.deepEqual(refused, ['b5', 'b6']);
  assert.equal(entered.length, 4);
});

test('whatever comes and goes: limits hold, everybody gets through, and a fault before every guess that waits', () => {
  const urgency = fc.constantFrom<Urgency>('fault', 'prefetch', 'background');
  const step = fc.record({ kind: fc.constantFrom('pass', 'leave', 'raise'), urgency, at: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const gate = new UrgencyGate({ ...limits, waiting: 1_000 });
      const passes: Pass[] = [];
      let over = 0;
      const check = () => {
        const of = (state: Pass['state'], which?: Urgency) =>
          passes.filter((pass) => pass.state === state && (which === undefined || pass.urgency === which)).length;
        assert.ok(of('running') <= limits.running);
        if (of('waiting', 'fault') > 0) assert.equal(of('running'), limits.running);
      };
      for (const { kind, urgency: which, at } of steps) {
        if (kind === 'pass') {
          passes.push(
            gate.pass(
              which,
              () => {},
              () => assert.fail('refused'),
            ),
          );
        } else if (passes.length > 0 && kind === 'raise') gate.raise(passes[at % passes.length]!, which);
        else {
          const running = passes.filter(({ state }) => state === 'running');
          if (running.length > 0) {
            gate.leave(running[at % running.length]!);
            over++;
          }
        }
        check();
      }
      for (let running = passes.find(({ state }) => state === 'running'); running; over++) {
        gate.leave(running);
        check();
        running = passes.find(({ state }) => state === 'running');
      }
      assert.equal(over, passes.length);
    }),
  );
});
