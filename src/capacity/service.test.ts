import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolSample } from '../assignment/messages.js';
import type { PoolKey, VersionKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { CapacityEffect, CapacityInput } from './messages.js';
import type { PolicyChoice } from './policies/policy.js';
import { CapacityService } from './service.js';

class ManualClock implements Clock {
  #nowMs = 0;
  #tasks: { atMs: number; action: () => void }[] = [];

  nowMs = () => this.#nowMs;
  monotonicMs = () => this.#nowMs;

  after(delayMs: number, action: () => void): () => void {
    const task = { atMs: this.#nowMs + delayMs, action };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((one) => one !== task);
    };
  }

  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#tasks.filter(({ atMs }) => atMs <= untilMs).sort((one, two) => one.atMs - two.atMs)[0];
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((one) => one !== next);
      this.#nowMs = next.atMs;
      next.action();
    }
    this.#nowMs = untilMs;
  }
}

const version = '1/r/f/1' as VersionKey;
const pool = '1/r/f/1@1' as PoolKey;
const spec = { pool, versionKey: version } as FunctionSpec;
const sample: PoolSample = {
  pool,
  version,
  memoryMib: 128,
  busy: 1,
  peak: 1,
  arrivals: 1,
  idle: 0,
  starting: 0,
  provisioned: { requested: 0, allocated: 0, available: 0, busy: 0, failed: false },
};

function bench(answer: (input: CapacityInput) => readonly CapacityEffect[]) {
  const clock = new ManualClock();
  const inputs: CapacityInput[] = [];
  const told: string[] = [];
  const world = { spec: spec as FunctionSpec | null, choice: {} as Partial<PolicyChoice>, pools: [sample] };
  const service = new CapacityService({
    machine: {
      step: (input) => {
        inputs.push(input);
        return answer(input);
      },
    },
    assignment: {
      samples: () => world.pools,
      warm: (of, count, trigger) => told.push(`warm ${of.pool} ${count} ${trigger}`),
      keep: (of, idleMsMax) => told.push(`keep ${of} ${idleMsMax}`),
      letGo: (of, count) => told.push(`let go ${of} ${count}`),
    },
    specOf: () => world.spec,
    choiceOf: () => world.choice,
    choice: { keepAlive: 'fixed', forecast: 'trend' },
    memory: () => ({ totalMib: 1_000, usedMib: 128 }),
    clock,
  });
  return { clock, inputs, told, world, service };
}

test('once a second the pools are shown, and what is wanted is done; nothing after the end', () => {
  const { clock, inputs, told, service } = bench(({ kind }) =>
    kind === 'sample'
      ? [
          { kind: 'keep', pool, idleMsMax: 5 },
          { kind: 'let-go', pool, count: 2 },
          { kind: 'warm', version, count: 3 },
        ]
      : [],
  );
  clock.pass(2 * secondMs);
  assert.deepEqual(
    inputs.filter(({ kind }) => kind === 'sample').map(({ nowMs }) => nowMs),
    [1_000, 2_000],
  );
  const each = [`keep ${pool} 5`, `let go ${pool} 2`, `warm ${pool} 3 forecast`];
  assert.deepEqual(told, [...each, ...each]);
  service.close();
  clock.pass(minuteMs);
  assert.equal(told.length, 6);
});

test('a function that is gone is forgotten instead of started', () => {
  const { clock, inputs, told, world, service } = bench(({ kind }) =>
    kind === 'sample' ? [{ kind: 'warm', version, count: 1 }] : [],
  );
  world.spec = null;
  clock.pass(secondMs);
  assert.deepEqual(told, []);
  assert.equal(inputs.at(-1)?.kind, 'forget');
  service.close();
});

test('a function’s own choice is told when it is first seen, and a minute after it changed', () => {
  const { clock, inputs, world, service } = bench(() => []);
  const choices = () => inputs.flatMap((input) => (input.kind === 'choose' ? [input.choice?.keepAlive] : []));
  clock.pass(10 * secondMs);
  assert.deepEqual(choices(), ['fixed']);
  world.choice = { keepAlive: 'off' };
  clock.pass(70 * secondMs);
  assert.deepEqual(choices(), ['fixed', 'off']);
  // Away for a while: asked again, whatever it was.
  world.pools = [];
  clock.pass(3 * minuteMs);
  world.choice = {};
  world.pools = [sample];
  clock.pass(2 * secondMs);
  assert.deepEqual(choices(), ['fixed', 'off', 'fixed']);
  service.close();
});
