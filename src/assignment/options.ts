import type { SandboxId } from '../kernel/ids.js';
import { hourMs, minuteMs, secondMs } from '../kernel/units.js';

export interface AssignmentOptions {
  /** Names a new sandbox; injected, because the machine has no randomness of its own. Never the same name twice. */
  readonly newSandboxId: () => SandboxId;
  /** Sequence of the first journal entry. */
  readonly nextSequence?: number;
  /** A sandbox idle for this long is stopped. */
  readonly idleMsMax?: number;
  /** A sandbox this old is stopped when it is idle. */
  readonly lifetimeMs?: number;
  /** Part of the lifetime, 0–1, by which single sandboxes' lives are shorter, so that not all end together. */
  readonly lifetimeSpread?: number;
  /** Invocations waiting for a sandbox, over all pools. */
  readonly waitersMax?: number;
  /**
   * With at least `busyMin` sandboxes of its pool at work, an invocation waits up to this long for one of them, if it
   * can expect one in time, before it takes an idle one or has one started. Work that is over in a moment is done
   * sooner by few sandboxes whose caches are warm than by many that take turns on the cores. 0: never.
   */
  readonly patienceMs?: number;
  readonly busyMin?: number;
  /**
   * An invocation that waits takes whichever sandbox of its pool is free first, and the one started for it stays as one
   * initialized ahead. False: it waits for the one that was started for it, as long as that is on its way.
   */
  readonly eager?: boolean;
  /** Sandboxes on their way to ready at once, over all pools: more would only make each of them slower. */
  readonly startingMax?: number;
  /** Of them, those that nobody waited for when they were asked for. */
  readonly aheadStartingMax?: number;
  /** On-demand sandboxes that go are replaced before: those of old age, and those of a worker that is emptied or lost. */
  readonly replacedAhead?: boolean;
  /** New sandboxes of one function that invocations wait for, in one period; refilled continuously. */
  readonly scalingEnvironmentsMax?: number;
  readonly scalingPeriodMs?: number;
  /** Sandboxes of one pool that may end in a row before they are ready; then each further one costs a waiter. */
  readonly startFailuresMax?: number;
  /** A worker's report counts against assignment's own view only when that is older than this. */
  readonly reportGraceMs?: number;
  /** Journal entries after which a checkpoint is written. */
  readonly checkpointEntriesMin?: number;
}

export type SettledOptions = Required<AssignmentOptions>;

export const assignmentDefaults = {
  nextSequence: 1,
  /** Within the 5 to 15 minutes that are observed of Lambda. */
  idleMsMax: 10 * minuteMs,
  /** With the spread, 1 to 4 hours: nothing that a function keeps in memory should last a working day. */
  lifetimeMs: 4 * hourMs,
  lifetimeSpread: 0.75,
  /** Ten times the account concurrency of Lambda (1,000): several accounts can wait at their limit. */
  waitersMax: 10_000,
  /** Half of the shortest cold start (10 ms) that it may save. */
  patienceMs: 5,
  /** Two for each core of the smallest machine. */
  busyMin: 4,
  eager: true,
  /** A boot is bound by CPU: a few per core keep them busy. */
  startingMax: 64,
  /** Two boots a core on the smallest machine: what nobody waits for must not slow down what somebody waits for. */
  aheadStartingMax: 4,
  replacedAhead: true,
  startFailuresMax: 3,
  /** Twice the longest time a message may be under way (5 s) before its connection is given up. */
  reportGraceMs: 10 * secondMs,
  checkpointEntriesMin: 10_000,
} as const;

/** What a handover may take: the init limit (10 s), and half of that for boots before it. */
export const handoverMsMax = 15 * secondMs;

/** Sandboxes made for one handover; with more at work, the rest comes as it is asked for. */
export const handoverMax = 100;

/** The replacement of an old sandbox is asked for so long before its end: three init limits. */
export const rotateAheadMs = 30 * secondMs;

/** Inits of provisioned sandboxes that fail in a row before no more are tried: of the function, not of the machine. */
export const provisionFailuresMax = 3;

/** A provisioned sandbox that waited this long was no failure, however it ended. */
export const lossMsMin = minuteMs;

/** Those that end right after their init, again and again, cost an init of one sandbox a minute at most. */
export const lossPauseMsMax = minuteMs;

/** A superseded pool is remembered this long, for invocations that looked it up just before. */
export const supersededKeptMs = minuteMs;

/**
 * Epochs of different leaders never meet: each leader's begin at its term times this. 2^53 / 2^32 leaves room for
 * two million leaders with four billion grants per sandbox each.
 */
export const epochsPerTerm = 2 ** 32;
