import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { activeOf, CollectionMachine } from './machine.js';
import type { CollectionEffect, CollectionInput, CollectionState } from './messages.js';

const limits = { rotateMs: 100, graceMs: 200, sweepNamesMax: 2 };

/** A store of nothing but lists, and what has been done to it; checks that every step is one that may come then. */
class Store {
  state: CollectionState = { roots: [], sweep: null, nextSweep: 1 };
  readonly kept = new Map<number, Set<string>>();
  readonly manifests = new Set<string>();
  readonly dead = new Set<string>();
  list: readonly string[] = [];
  #lookedAfterExpiry = new Set<number>();
  #recheckedSweep: number | null = null;
  #spared = new Set<string>();
  nowMs = 0;

  perform(effect: Exclude<CollectionEffect, { kind: 'rest' }>): CollectionInput {
    const { nowMs, state } = this;
    switch (effect.kind) {
      case 'observe':
        for (const { generation, expired } of state.roots) if (expired) this.#lookedAfterExpiry.add(generation);
        return { kind: 'observed', nowMs, state, kept: this.kept, manifests: [...this.manifests] };
      case 'compare':
        if (effect.sweep === null) {
          assert.ok(
            state.roots.every((root) => !root.expired),
            'a root that expired is removed before anything is compared',
          );
          const active = activeOf(state.roots)!;
          for (const manifest of this.manifests) assert.ok(this.kept.get(active.generation)!.has(manifest));
          return { kind: 'compared', nowMs, dead: [...this.dead].slice(0, effect.namesMax) };
        }
        assert.equal(effect.sweep, state.sweep, 'looked again after it was announced');
        this.#recheckedSweep = effect.sweep;
        this.#spared = new Set(this.list.filter((name) => name.endsWith('3')));
        return { kind: 'compared', nowMs, dead: this.list.filter((name) => !this.#spared.has(name)) };
      case 'write-state': {
        for (const root of state.roots) {
          const after = effect.state.roots.find(({ generation }) => generation === root.generation);
          if (after === undefined) {
            assert.ok(root.expired && !this.kept.has(root.generation), 'forgotten only when nothing is left of it');
          } else if (after.expired && !root.expired) {
            assert.ok(nowMs - root.retiredMs! >= limits.graceMs, 'not before the grace is over');
          }
        }
        for (const root of effect.state.roots)
          if (!this.kept.has(root.generation) && !root.expired) this.kept.set(root.generation, new Set());
        this.state = effect.state;
        break;
      }
      case 'keep':
        assert.equal(effect.to, activeOf(state.roots)!.generation);
        this.kept.get(effect.to)!.add(effect.manifest);
        break;
      case 'remove-root': {
        const root = state.roots.find(({ generation }) => generation === effect.generation)!;
        assert.ok(
          root.expired && this.#lookedAfterExpiry.has(effect.generation),
          'looked at once more after it expired',
        );
        this.kept.delete(effect.generation);
        break;
      }
      case 'write-sweep':
        assert.equal(state.sweep, null);
        assert.ok(effect.names.length <= limits.sweepNamesMax);
        this.list = effect.names;
        break;
      case 'delete':
        assert.ok(state.sweep !== null && this.#recheckedSweep === state.sweep, 'announced, then looked at again');
        assert.ok(this.list.includes(effect.name) && !this.#spared.has(effect.name));
        this.dead.delete(effect.name);
        break;
      case 'remove-sweep':
        // Whoever was spared is wanted now.
        for (const name of this.#spared) this.dead.delete(name);
        this.list = [];
        break;
      case 'tidy':
        break;
    }
    return { kind: 'done', nowMs };
  }
}

test('every step in its order, whatever the round finds and wherever it is cut', () => {
  const round = fc.record({
    waitMs: fc.integer({ min: 0, max: 250 }),
    manifests: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 5 }),
    dead: fc.array(fc.integer({ min: 0, max: 19 }), { maxLength: 7 }),
    /** After so many steps the process dies, or (odd) a step fails. */
    steps: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 12 }), (rounds) => {
      const store = new Store();
      let machine = new CollectionMachine(limits);
      for (const { waitMs, manifests, dead, steps } of [
        ...rounds,
        ...rounds.map((one) => ({ ...one, steps: 10_000 })),
      ]) {
        store.nowMs += waitMs;
        store.manifests.clear();
        for (const one of manifests) store.manifests.add(`s/${one}`);
        for (const one of dead) store.dead.add(`chunk${one}`);
        let [effect] = machine.step({ kind: 'begin', nowMs: store.nowMs });
        assert.deepEqual(machine.step({ kind: 'begin', nowMs: store.nowMs }), [], 'one round at a time');
        let done = 0;
        while (effect!.kind !== 'rest') {
          done += 1;
          if (done > steps && steps % 2 === 0) {
            machine = new CollectionMachine(limits);
            break;
          }
          const answer: CollectionInput =
            done > steps ? { kind: 'failed', nowMs: store.nowMs, reason: 'full' } : store.perform(effect as never);
          [effect] = machine.step(answer);
          assert.ok(done < 10_000, 'a round ends');
        }
        if (effect!.kind !== 'rest') continue;
        assert.ok(effect!.untilMs > store.nowMs, 'it rests');
        if (done > steps) assert.equal(effect!.report.failure, 'full');
        else assert.equal(store.dead.size, 0, 'a round that gets through leaves nothing dead');
      }
    }),
    { numRuns: 300 },
  );
});
