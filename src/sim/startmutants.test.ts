import type { AssignmentEffect } from '../assignment/messages.js';
import type { WorkerEffect } from '../worker/messages.js';
import { type Parts, realParts } from './parts.js';
import { caught } from './testmutant.js';

type Start = Extract<AssignmentEffect, { kind: 'grant' }>['start'];

/** An assignment that tells other starts than there were. */
function telling(change: (start: Start) => Start): Partial<Parts> {
  const changed = (effect: AssignmentEffect) =>
    effect.kind === 'grant' ? { ...effect, start: change(effect.start) } : effect;
  return {
    assignment: (options) => {
      const real = realParts.assignment(options);
      return { recover: (from) => real.recover(from), step: (input) => real.step(input).map(changed) };
    },
  };
}

caught(
  'an assignment that calls all starts warm',
  telling((start) => ({ ...start, kind: 'warm', trigger: null })),
  /is told that it met a warm start/,
);

caught(
  'an assignment that calls those proactive who waited for the init',
  telling((start) => (start.kind === 'cold' ? { ...start, kind: 'proactive', trigger: 'eager-assignment' } : start)),
  /is told that it met a proactive start/,
);

caught(
  'an assignment that names the wrong trigger',
  telling((start) => (start.kind === 'proactive' ? { ...start, trigger: 'deploy' } : start)),
  /is told of deploy, but .* was started for/,
);

caught(
  'an assignment that calls on-demand sandboxes provisioned',
  telling((start) => ({ ...start, kind: 'provisioned', trigger: null })),
  /is told that it met a provisioned start/,
);

caught(
  'a worker that does not tell of an init inside an invocation',
  {
    worker: (options) => {
      const real = realParts.worker(options);
      const isSaid = (effect: WorkerEffect) =>
        effect.kind !== 'log' || effect.line.kind !== 'init-report' || effect.line.phase === 'init';
      return {
        get phase() {
          return real.phase;
        },
        step: (input) => real.step(input).filter(isSaid),
      };
    },
  },
  /is told that it met a (warm|proactive) start/,
);

caught(
  'a worker that keeps a provisioned sandbox which lost its box',
  {
    // It says so to nobody: the machine of a sandbox on demand goes on without.
    worker: (options) => realParts.worker({ ...options, provisioned: false }),
  },
  /is told that it met a provisioned start in .*: it was (cold|restored)/,
);
