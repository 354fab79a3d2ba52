import { hourMs } from '../kernel/units.js';
import type { SimulationResult } from './simulation.js';

/** A run for people: what it was, and for a violated check where it happened and what led there. */
export function reportOf({ seed, events, hash, invocationsEnded, virtualMs, violation }: SimulationResult): string[] {
  const lines = [
    `seed ${seed}  events ${events}  trace ${hash}`,
    `${invocationsEnded} invocations, ${(virtualMs / hourMs).toFixed(2)} virtual hours`,
  ];
  if (violation !== null) {
    lines.push('', `seed ${seed}, step ${violation.step}: ${violation.message}`, '', ...violation.last);
  }
  return lines;
}
