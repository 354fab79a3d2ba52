import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { PoolSample } from '../assignment/messages.js';
import type { PoolKey, VersionKey } from '../kernel/ids.js';
import { hourMs, secondMs } from '../kernel/units.js';
import { CapacityMachine, type CapacityOptions } from './machine.js';
import type { CapacityEffect } from './messages.js';

const versionOf = (name: string) => `1/r/${name}/1` as VersionKey;
const poolOf = (name: string) => `${versionOf(name)}@1` as PoolKey;

interface Use {
  readonly busy?: number;
  /** Default: as many as are busy. */
  readonly peak?: number;
  readonly idle?: number;
  readonly starting?: number;
  readonly memoryMib?: number;
  readonly available?: number;
  readonly startMs?: number;
}

function sampleOf(name: string, use: Use): PoolSample {
  const { busy = 0, peak = busy, idle = 0, starting = 0, memoryMib = 128, available = 0, startMs } = use;
  return {
    pool: poolOf(name),
    version: versionOf(name),
    memoryMib,
    busy,
    peak,
    arrivals: peak,
    idle,
    starting,
    provisioned: { requested: available, allocated: available, available, busy: 0, failed: false },
    ...(startMs === undefined ? {} : { startMs }),
  };
}

function lineOf(effect: CapacityEffect): string {
  if (effect.kind === 'warm') return `warm ${effect.version} ${effect.count}`;
  if (effect.kind === 'let-go') return `let go ${effect.pool} ${effect.count}`;
  return `keep ${effect.pool} ${effect.idleMsMax === null ? 'as configured' : effect.idleMsMax / 1_000}`;
}

/** A machine and a clock that starts at a whole slot. */
class Bench {
  readonly machine: CapacityMachine;
  nowMs = 1_000_000 * secondMs;
  totalMib = 10_000;
  usedMib = 0;

  constructor(options: CapacityOptions = {}) {
    this.machine = new CapacityMachine(options);
  }

  see(uses: Readonly<Record<string, Use>> = {}): string[] {
    this.nowMs += secondMs;
    const pools = Object.entries(uses).map(([name, use]) => sampleOf(name, use));
    const memory = { totalMib: this.totalMib, usedMib: this.usedMib };
    return this.machine.step({ kind: 'sample', nowMs: this.nowMs, pools, memory }).map(lineOf);
  }

  /** The same for so many seconds. */
  seeFor(seconds: number, uses: Readonly<Record<string, Use>> = {}): string[] {
    return Array.from({ length: seconds }, () => this.see(uses)).flat();
  }
}

test('golden trace: a ramp of an otherwise unknown function is met ahead', () => {
  const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'trend' } });
  const said: string[] = [];
  for (let second = 0; second < 60; second += 1) {
    const busy = 1 + Math.floor(second / 5);
    for (const line of bench.see({ f: { busy, startMs: 300 } })) said.push(`${second}: ${line}`);
  }
  assert.deepEqual(said, [
    '0: keep 1/r/f/1@1 600',
    '29: warm 1/r/f/1 7',
    '39: warm 1/r/f/1 10',
    '49: warm 1/r/f/1 13',
    '59: warm 1/r/f/1 16',
  ]);
});

test('steady use, and the noise around it, start nothing', () => {
  const bench = new Bench();
  for (let second = 0; second < 300; second += 1) {
    const said = bench.see({ f: { busy: 3 + (second % 2), idle: 2 - (second % 2) } });
    assert.deepEqual(
      said.filter((line) => line.startsWith('warm')),
      [],
    );
  }
});

test('a habit of 45 minutes: it goes after use, and is there again before the next', () => {
  const bench = new Bench({ choice: { keepAlive: 'histogram', forecast: 'off' } });
  let said: string[] = [];
  for (let use = 0; use < 8; use += 1) {
    said = bench.see({ f: { busy: 1 } });
    said.push(...bench.seeFor(10, { f: { idle: 1 } }));
    const goneFromSecond = 45 * 60 - 10;
    for (let second = 0; second < goneFromSecond; second += 1) {
      for (const line of bench.see()) said.push(`${second + 11}: ${line}`);
    }
  }
  // 40.5 minutes after use.
  assert.deepEqual(said, ['keep 1/r/f/1@1 10', '2430: warm 1/r/f/1 1']);
  // What was made then stays till 50.6 minutes after use.
  bench.see({ f: { busy: 1 } });
  bench.seeFor(2_435);
  assert.deepEqual(bench.see({ f: { idle: 1 } }), ['keep 1/r/f/1@1 606']);
});

test('under pressure what is worth least goes, until idle memory fits its budget, and nothing else', () => {
  const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'off' }, idleMemoryShare: 0.5 });
  const used = { old: { busy: 2, memoryMib: 1_000 }, costly: { busy: 3, memoryMib: 1_000, startMs: 9_000 } };
  bench.see(used);
  const idle = { old: { idle: 2, memoryMib: 1_000 }, costly: { idle: 3, memoryMib: 1_000, startMs: 9_000 } };
  assert.deepEqual(bench.seeFor(9, idle), []);
  assert.deepEqual(bench.see({ ...idle, provisioned: { idle: 9, available: 9, memoryMib: 1_000 } }), [
    'keep 1/r/provisioned/1@1 600',
  ]);
  const more = { ...idle, recent: { busy: 1, idle: 1, memoryMib: 1_000 } };
  assert.deepEqual(bench.see(more), ['let go 1/r/old/1@1 1', 'keep 1/r/recent/1@1 600']);
  assert.deepEqual(bench.see({ ...more, old: { idle: 1, memoryMib: 1_000 } }), []);
});

test('what was at work a moment ago is not idle: short work that is between two invocations keeps its sandboxes', () => {
  const bench = new Bench({ choice: { keepAlive: 'histogram', forecast: 'off' } });
  const told = (lines: readonly string[]) => lines.filter((line) => line.startsWith('let go'));
  // Twenty of 512 MiB are more than there may be idle.
  const short = { busy: 0, peak: 10, idle: 10, memoryMib: 512 };
  assert.deepEqual(told(bench.seeFor(60, { f: short, g: short })), []);
  // Of two that are idle, that of longer ago, and no more of it than are too many.
  const idle = { idle: 10, memoryMib: 512 };
  assert.deepEqual(told(bench.see({ f: short, g: idle })), []);
  assert.deepEqual(told(bench.see({ f: idle, g: idle })), ['let go 1/r/g/1@1 6']);
});

test('of a function that once needed many, those go first that it has not needed since', () => {
  const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'off' } });
  bench.see({ many: { busy: 8, memoryMib: 1_000 } });
  bench.seeFor(60, { many: { busy: 2, idle: 6, memoryMib: 1_000 } });
  const one = { memoryMib: 1_000 };
  bench.see({ many: { busy: 2, idle: 6, memoryMib: 1_000 }, single: { busy: 2, ...one } });
  assert.deepEqual(bench.see({ many: { busy: 2, idle: 6, memoryMib: 1_000 }, single: { idle: 2, ...one } }), [
    'let go 1/r/many/1@1 1',
  ]);
});

test('a pool that comes back is told again; a changed habit only when it changed by more than a tenth', () => {
  const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'off' } });
  assert.deepEqual(bench.see({ f: { busy: 1 } }), ['keep 1/r/f/1@1 600']);
  assert.deepEqual(bench.seeFor(30, { f: { idle: 1 } }), []);
  bench.seeFor(5);
  assert.deepEqual(bench.see({ f: { busy: 1 } }), ['keep 1/r/f/1@1 600']);
});

test('a function chooses its own policies; off is as configured; unknown names are everybody’s', () => {
  const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'off' } });
  const choose = (choice: { keepAlive: string; forecast: string } | null) =>
    bench.machine.step({ kind: 'choose', nowMs: bench.nowMs, version: versionOf('f'), choice });
  choose({ keepAlive: 'fixed-20m', forecast: 'off' });
  assert.deepEqual(bench.see({ f: { busy: 1 }, g: { busy: 1 } }), ['keep 1/r/f/1@1 1200', 'keep 1/r/g/1@1 600']);
  choose({ keepAlive: 'off', forecast: 'off' });
  assert.deepEqual(bench.see({ f: { busy: 1 }, g: { busy: 1 } }), ['keep 1/r/f/1@1 as configured']);
  choose({ keepAlive: 'best', forecast: 'best' });
  assert.deepEqual(bench.see({ f: { busy: 1 }, g: { busy: 1 } }), ['keep 1/r/f/1@1 600']);
});

test('functions that are gone, or too many, are forgotten', () => {
  const bench = new Bench({ versionsMax: 3, choice: { keepAlive: 'histogram', forecast: 'trend' } });
  for (let index = 0; index < 50; index += 1) bench.seeFor(11, { [`f${index}`]: { busy: 1 } });
  assert.equal(bench.machine.versions, 3);
  bench.machine.step({ kind: 'forget', nowMs: bench.nowMs, version: versionOf('f49') });
  assert.equal(bench.machine.versions, 2);
  assert.deepEqual(
    bench.seeFor(4 * 3_600).filter((line) => line.includes('f49')),
    [],
  );
});

test('never beyond the budget: a fifth of the free memory for what nobody used yet', { timeout: 60_000 }, () => {
  const growth = fc.array(fc.nat(9), { minLength: 12, maxLength: 12 });
  const functions = fc.array(growth, { minLength: 1, maxLength: 4 });
  let warmed = 0;
  fc.assert(
    fc.property(functions, fc.integer({ min: 200, max: 40_000 }), (all, freeMib) => {
      const bench = new Bench({ choice: { keepAlive: 'fixed', forecast: 'trend' } });
      bench.totalMib = 100_000;
      const asked = all.map(() => 0);
      const busy = all.map(() => 0);
      // What is beyond those at work was asked for, and never used: use only grows.
      const aheadMib = () => busy.reduce((sum, count, index) => sum + 128 * Math.max(0, asked[index]! - count), 0);
      for (let second = 0; second < 120; second += 1) {
        if (second % 10 === 5)
          for (const [index, steps] of all.entries()) busy[index]! += steps[Math.floor(second / 10)]!;
        const uses = busy.map((count, index) => [
          `f${index}`,
          { busy: count, idle: Math.max(0, asked[index]! - count) },
        ]);
        bench.usedMib = bench.totalMib - freeMib + aheadMib();
        for (const line of bench.see(Object.fromEntries(uses))) {
          const [kind, name, count] = line.split(' ') as [string, string, string];
          if (kind !== 'warm') continue;
          warmed += 1;
          asked[Number(name.split('/')[2]!.slice(1))] = Number(count);
        }
        assert.ok(aheadMib() <= 0.2 * freeMib, `${aheadMib()} of ${freeMib}`);
      }
    }),
    { numRuns: 100 },
  );
  assert.ok(warmed > 0);
});

test('a peak every five minutes finds its sandboxes, though all of them went in between', () => {
  const bench = new Bench({ choice: { keepAlive: 'none', forecast: 'trend' } });
  bench.nowMs = 24 * hourMs;
  let met = 0;
  for (let second = 1; second <= 2 * 3_600; second += 1) {
    const phase = second % 300;
    const said = bench.see(phase >= 20 && phase < 25 ? { f: { busy: 12 } } : {});
    // 20 s before the minute in which it was before.
    const warmed = said.find((line) => line.startsWith('warm 1/r/f/1'));
    if (second > 3_600 && phase === 280 && Number(warmed?.split(' ')[2]) >= 12) met += 1;
    else if (second > 3_600 && phase > 40) assert.equal(warmed, undefined, `${second}: ${warmed}`);
  }
  assert.equal(met, 12);
});
