import type { PoolSample } from '../assignment/messages.js';
import type { PoolKey, VersionKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { minuteMs, secondMs } from '../kernel/units.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { CapacityEffect, CapacityInput } from './messages.js';
import { defaultChoice } from './policies/catalog.js';
import type { PolicyChoice } from './policies/policy.js';

interface CapacityMachine {
  step(input: CapacityInput): readonly CapacityEffect[];
}

/** What planning needs of assignment. */
export interface PlannedAssignment {
  samples(): readonly PoolSample[];
  warm(spec: FunctionSpec, count: number, trigger: 'forecast'): void;
  keep(pool: PoolKey, idleMsMax: number | null): void;
  letGo(pool: PoolKey, count: number): void;
}

export interface CapacityServiceOptions {
  readonly machine: CapacityMachine;
  readonly assignment: PlannedAssignment;
  /** The version as it is now; null: it is gone. */
  readonly specOf: (version: VersionKey) => FunctionSpec | null;
  /** What the function says of policies itself. */
  readonly choiceOf: (version: VersionKey) => Partial<PolicyChoice>;
  /** What functions that say nothing have. */
  readonly choice?: PolicyChoice;
  /** Memory for sandboxes: all of it, and what existing ones hold. */
  readonly memory: () => { readonly totalMib: number; readonly usedMib: number };
  readonly clock: Clock;
}

/** Ours: use is known to the second, and a plan costs microseconds. */
const sampleMs = 1 * secondMs;
/** A function's own choice is looked up when it is first seen, and then so often. */
const choiceMs = minuteMs;

interface Asked {
  readonly atMs: number;
  readonly keepAlive: string;
  readonly forecast: string;
}

/** Shows the capacity machine what assignment's pools do, once a second, and does what it wants of them. */
export class CapacityService {
  /** Of versions with a pool. */
  private asked = new Map<VersionKey, Asked>();
  private sweptMs: number;
  private readonly choice: PolicyChoice;
  private stopTimer: () => void = () => {};

  constructor(private readonly options: CapacityServiceOptions) {
    this.choice = options.choice ?? defaultChoice;
    this.sweptMs = options.clock.nowMs();
    this.arm();
  }

  close(): void {
    this.stopTimer();
  }

  private arm(): void {
    this.stopTimer = this.options.clock.after(sampleMs, () => {
      this.arm();
      this.sample();
    });
  }

  private sample(): void {
    const { machine, assignment, memory, clock } = this.options;
    const nowMs = clock.nowMs();
    const pools = assignment.samples();
    for (const { version } of pools) this.ask(version, nowMs);
    if (nowMs - this.sweptMs >= choiceMs) this.sweep(pools, nowMs);
    for (const effect of machine.step({ kind: 'sample', nowMs, pools, memory: memory() })) this.perform(effect, nowMs);
  }

  private perform(effect: CapacityEffect, nowMs: number): void {
    const { machine, assignment, specOf } = this.options;
    if (effect.kind === 'keep') {
      assignment.keep(effect.pool, effect.idleMsMax);
      return;
    }
    if (effect.kind === 'let-go') {
      assignment.letGo(effect.pool, effect.count);
      return;
    }
    const { version, count } = effect;
    const spec = specOf(version);
    if (spec !== null) assignment.warm(spec, count, 'forecast');
    else machine.step({ kind: 'forget', nowMs, version });
  }

  private ask(version: VersionKey, nowMs: number): void {
    const before = this.asked.get(version);
    if (before !== undefined && nowMs - before.atMs < choiceMs) return;
    const own = this.options.choiceOf(version);
    const choice = { ...this.choice, ...own };
    this.asked.set(version, { atMs: nowMs, ...choice });
    // Also when it is met again: it may have chosen otherwise meanwhile.
    if (choice.keepAlive === before?.keepAlive && choice.forecast === before.forecast) return;
    this.options.machine.step({ kind: 'choose', nowMs, version, choice });
  }

  /** Those without a pool are asked again when they have one. */
  private sweep(pools: readonly PoolSample[], nowMs: number): void {
    this.sweptMs = nowMs;
    const kept = new Map<VersionKey, Asked>();
    for (const { version } of pools) {
      const asked = this.asked.get(version);
      if (asked !== undefined) kept.set(version, asked);
    }
    this.asked = kept;
  }
}
