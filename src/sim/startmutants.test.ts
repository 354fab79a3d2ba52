import type { AssignmentEffect } from '../assignment/messages.js';
import type { WorkerEffect } from '../worker/messages.js';
import { type Parts, realParts } from './parts.js';
import { caught } from './testmutant.js';

/** An assignment whose answers are changed. */
function telling(change: (effect: AssignmentEffect) => AssignmentEffect): Partial<Parts> {
  return {
    assignment: (options) => {
      const real = realParts.assignment(options);
      return { recover: (from) => real.recover(from), step: (input) => real.step(input).map(change) };
    },
  };
}

caught(
  'an assignment that calls all starts warm',
  telling((effect) =>
    effect.kind === 'grant' ? { ...effect, start: { ...effect.start, kind: 'warm', trigger: null } } : effect,
  ),
  /is told that it met a warm start/,
);

caught(
  'an assignment that calls those proactive who waited for the init',
  telling((effect) =>
    effect.kind === 'grant' && effect.start.kind === 'cold'
      ? { ...effect, start: { ...effect.start, kind: 'proactive', trigger: 'eager-assignment' } }
      : effect,
  ),
  /is told that it met a proactive start/,
);

caught(
  'an assignment that names the wrong trigger',
  telling((effect) =>
    effect.kind === 'grant' && effect.start.kind === 'proactive'
      ? { ...effect, start: { ...effect.start, trigger: 'deploy' } }
      : effect,
  ),
  /is told of deploy, but .* was started for/,
);

caught(
  'an assignment that calls on-demand sandboxes provisioned',
  telling((effect) =>
    effect.kind === 'grant' ? { ...effect, start: { ...effect.start, kind: 'provisioned', trigger: null } } : effect,
  ),
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
