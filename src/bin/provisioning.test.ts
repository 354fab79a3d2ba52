import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FunctionId } from '../config/messages.js';
import type { AccountId, PoolKey, Region } from '../kernel/ids.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import { keepProvisioned, overlapMsMax } from './provisioning.js';

const id: FunctionId = { account: '111111111111' as AccountId, region: 'us-east-1' as Region, name: 'f' };
const specOf = (pool: string): FunctionSpec => ({ pool }) as FunctionSpec;

/** One function, what is wanted of it, what was asked for, and what is there. */
class World {
  wanted: Record<string, number> = {};
  readonly asked: string[] = [];
  readonly available = new Map<string, number>();
  nowMs = 0;
  timer: { atMs: number; action: () => void } | null = null;
  #listener: (id: FunctionId) => void = () => {};
  readonly end: () => void;

  constructor(wanted: Record<string, number> = {}) {
    this.wanted = wanted;
    this.end = keepProvisioned(
      {
        onFunctionChanged: (listener) => {
          this.#listener = listener;
          listener(id);
          return () => {
            this.#listener = () => {};
          };
        },
        provisionedTargets: () => Object.entries(this.wanted).map(([pool, count]) => ({ spec: specOf(pool), count })),
      },
      {
        provision: ({ pool }, count) => this.asked.push(`${pool} ${count}`),
        provisioned: (pool: PoolKey) => {
          const available = this.available.get(pool);
          const allocated = available ?? 0;
          return available === undefined ? null : { requested: 0, allocated, available, busy: 0, failed: false };
        },
      },
      {
        nowMs: () => this.nowMs,
        monotonicMs: () => this.nowMs,
        after: (delayMs, action) => {
          const timer = { atMs: this.nowMs + delayMs, action };
          this.timer = timer;
          return () => {
            if (this.timer === timer) this.timer = null;
          };
        },
      },
    );
  }

  want(wanted: Record<string, number>): readonly string[] {
    this.wanted = wanted;
    this.#listener(id);
    return this.asked.splice(0);
  }

  /** Lets time pass; answers what was asked for meanwhile. */
  pass(ms: number): readonly string[] {
    const untilMs = this.nowMs + ms;
    while (this.timer !== null && this.timer.atMs <= untilMs) {
      const { atMs, action } = this.timer;
      this.timer = null;
      this.nowMs = atMs;
      action();
    }
    this.nowMs = untilMs;
    return this.asked.splice(0);
  }
}

describe('keeping what is provisioned', () => {
  it('asks for what there is at the start, for changes, and for nothing twice', () => {
    const world = new World({ a: 2 });
    assert.deepEqual(world.asked.splice(0), ['a 2']);
    assert.deepEqual(world.want({ a: 2 }), []);
    assert.deepEqual(world.want({ a: 3, b: 1 }), ['a 3', 'b 1']);
    world.available.set('a', 3).set('b', 1);
    assert.deepEqual(world.want({ a: 1, b: 1 }), ['a 1']);
    assert.deepEqual(world.want({}), ['a 0', 'b 0']);
    assert.equal(world.timer, null);
  });

  it('an alias that moves keeps what it left until what it leads to is there', () => {
    const world = new World({ old: 2 });
    world.asked.splice(0);
    assert.deepEqual(world.want({ new: 2 }), ['new 2']);
    world.available.set('new', 1);
    assert.deepEqual(world.pass(5_000), []);
    world.available.set('new', 2);
    assert.deepEqual(world.pass(1_000), ['old 0']);
    assert.equal(world.timer, null);
  });

  it('what cannot be had does not keep the old for longer than a hand-over takes', () => {
    const world = new World({ old: 2 });
    world.asked.splice(0);
    assert.deepEqual(world.want({ new: 2 }), ['new 2']);
    assert.deepEqual(world.pass(overlapMsMax / 2), []);
    assert.deepEqual(world.want({ new: 3 }), ['new 3'], 'another change does not begin it again');
    assert.deepEqual(world.pass(overlapMsMax / 2), ['old 0']);
    assert.equal(world.timer, null);
  });

  it('an alias that moves back keeps what it has', () => {
    const world = new World({ old: 2 });
    world.asked.splice(0);
    assert.deepEqual(world.want({ new: 2 }), ['new 2']);
    world.available.set('old', 2);
    assert.deepEqual(world.want({ old: 2 }), ['new 0']);
    assert.equal(world.timer, null);
  });

  it('asks for nothing after its end', () => {
    const world = new World({ old: 2 });
    world.want({ new: 2 });
    world.end();
    assert.equal(world.timer, null);
    assert.deepEqual(world.want({ other: 1 }), []);
  });
});
