import type { AssignmentEffect } from '../assignment/messages.js';
import type { CountingEffect } from '../counting/messages.js';
import type { PoolKey, RequestId, WorkerId } from '../kernel/ids.js';
import type { PlacementEffect } from '../placement/messages.js';
import { type Parts, realParts } from './parts.js';
import { caught } from './testmutant.js';

type Grant = Extract<AssignmentEffect, { kind: 'grant' }>;

/** Now and then grants what somebody else has; `otherPool`: also to invocations of another version. */
function doubleGrants(otherPool: boolean): Partial<Parts> {
  return {
    assignment: (options) => {
      const real = realParts.assignment(options);
      const poolOf = new Map<RequestId, PoolKey>();
      let held: Grant | null = null;
      return {
        recover: (from) => real.recover(from),
        step: (input) => {
          if (input.kind === 'acquire') {
            poolOf.set(input.requestId, input.pool);
            const fits = held !== null && (poolOf.get(held.requestId) === input.pool) !== otherPool;
            if (held !== null && fits) return [{ ...held, requestId: input.requestId, epoch: held.epoch + 1 }];
          }
          const effects = real.step(input);
          for (const effect of effects) if (effect.kind === 'grant') held = effect;
          return effects;
        },
      };
    },
  };
}

caught(
  'an assignment that grants a busy sandbox',
  doubleGrants(false),
  /granted to a second invocation|came twice|is told that it met/,
);
caught('an assignment that grants across versions', doubleGrants(true), /granted to an invocation of/);

caught(
  'an assignment that does not drain',
  {
    assignment: (options) => {
      const real = realParts.assignment({ ...options, idleMsMax: 1e9, lifetimeMs: 1e9 });
      return {
        recover: (from) => real.recover(from),
        step: (input) => (input.kind === 'pool-superseded' ? [] : real.step(input)),
      };
    },
  },
  /outlives its version's drain|does not settle/,
);

caught(
  'an assignment that forgets waiting invocations',
  {
    assignment: (options) => {
      const real = realParts.assignment(options);
      let waits = 0;
      return {
        recover: (from) => real.recover(from),
        step: (input) => {
          const isDropped = input.kind === 'acquire' && ++waits % 50 === 0;
          return isDropped ? [] : real.step(input);
        },
      };
    },
  },
  /never ended|lost wake-up/,
);

caught(
  'a counting that admits everything',
  {
    counting: () => ({
      step: (input): CountingEffect[] =>
        input.kind === 'admit' ? [{ kind: 'admitted', requestId: input.requestId }] : [],
    }),
  },
  /at once, reserved are|pool of .* exceeded|concurrency exceeded/,
);

caught(
  'a placement that overbooks',
  {
    placement: () => {
      let workerId: WorkerId | null = null;
      return {
        step: (input): PlacementEffect[] => {
          if (input.kind === 'worker-joined') workerId = input.workerId;
          if (input.kind !== 'place' || workerId === null) return [];
          return [{ kind: 'placed', sandboxId: input.sandboxId, workerId }];
        },
      };
    },
  },
  /(memory|sandboxes) of .* exceeded/,
);

caught(
  'a worker that takes a second invocation',
  {
    worker: (options) => {
      const real = realParts.worker(options);
      return {
        get phase() {
          return real.phase;
        },
        step: (input) => {
          const effects = real.step(input);
          const isBusy = input.kind === 'invoke' && real.phase === 'invoking' && effects[0]?.kind === 'refuse';
          if (!isBusy) return effects;
          return [{ kind: 'send-invoke', boot: 1, requestId: input.requestId, deadlineMs: input.nowMs }];
        },
      };
    },
    assignment: (options) => {
      const real = realParts.assignment(options);
      return {
        recover: (from) => real.recover({ ...from, survivors: true }),
        // Believes every sandbox idle as soon as it hears of it: after a failover that is the worker's to refuse.
        step: (input) =>
          real.step(
            input.kind === 'worker-report'
              ? { ...input, sandboxes: input.sandboxes.map((report) => ({ ...report, state: 'idle' as const })) }
              : input,
          ),
      };
    },
  },
  /serves .* at once|granted to a second invocation/,
);

caught(
  'an assignment that never answers a handover',
  {
    assignment: (options) => {
      const real = realParts.assignment(options);
      return {
        recover: (from) => real.recover(from),
        step: (input) => real.step(input).filter(({ kind }) => kind !== 'handed-over'),
      };
    },
  },
  /handover of .* is not answered/,
);

caught(
  'an assignment that does not wake who waits',
  {
    assignment: (options) => {
      const real = realParts.assignment(options);
      let released = 0;
      return {
        recover: (from) => real.recover(from),
        step: (input) => (input.kind === 'released' && ++released % 10 === 0 ? [] : real.step(input)),
      };
    },
  },
  /lost wake-up/,
);

caught(
  'an assignment that starts two sandboxes for one invocation',
  {
    assignment: (options) => {
      const real = realParts.assignment(options);
      return {
        recover: (from) => real.recover(from),
        step: (input) =>
          real
            .step(input)
            .flatMap((effect) =>
              input.kind === 'acquire' && effect.kind === 'place' && !effect.ahead
                ? [effect, { ...effect, sandboxId: options.newSandboxId() }]
                : [effect],
            ),
      };
    },
  },
  /are started for \d+ invocations that wait/,
);

caught(
  'an assignment that gives one invocation two sandboxes',
  {
    assignment: (options) => {
      const real = realParts.assignment(options);
      let last: Grant | null = null;
      return {
        recover: (from) => real.recover(from),
        step: (input) => {
          const effects = real.step(input);
          const grant = effects.find((effect): effect is Grant => effect.kind === 'grant');
          if (grant === undefined) return effects;
          const before = last;
          last = grant;
          return before === null ? effects : [...effects, { ...grant, requestId: before.requestId }];
        },
      };
    },
  },
  /granted to .*, which waits for none/,
);
