import { InvariantError } from '../kernel/assert.js';
import { type Parts, realParts } from './parts.js';
import { Violation } from './violation.js';
import { World } from './world.js';

export interface SimulationResult {
  readonly seed: number;
  /** Inputs that the machines took. */
  readonly events: number;
  /** Fingerprint of all of them in order: the same seed and length give the same. */
  readonly hash: string;
  readonly invocationsEnded: number;
  readonly virtualMs: number;
  readonly violation: { readonly message: string; readonly step: number; readonly last: readonly string[] } | null;
}

/** Runs one seed; never throws for what a machine did wrong. */
export function simulate(seed: number, events: number, parts: Parts = realParts): SimulationResult {
  const world = new World(seed, parts);
  const startMs = world.schedule.nowMs;
  let violation: SimulationResult['violation'] = null;
  try {
    world.run(events);
  } catch (error) {
    if (!(error instanceof Violation || error instanceof InvariantError)) throw error;
    violation = { message: `${error.name}: ${error.message}`, step: world.trace.steps, last: world.trace.last() };
  }
  return {
    seed,
    events: world.trace.steps,
    hash: world.trace.hash,
    invocationsEnded: world.checks.ended,
    virtualMs: world.schedule.nowMs - startMs,
    violation,
  };
}
