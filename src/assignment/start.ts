import type { InvocationStart, ProactiveTrigger, StartOrigin } from '../wire/start.js';
import type { Sandbox } from './sandbox.js';

type FirstStarts = Readonly<Record<Exclude<StartOrigin, 'provisioned'>, InvocationStart>>;

const provisionedFirst: InvocationStart = { kind: 'provisioned', trigger: null, first: true, spilled: false };
const provisionedLater: InvocationStart = { kind: 'provisioned', trigger: null, first: false, spilled: false };

// Made once: the warm path allocates nothing.
const within = startsOf(false);
const beyond = startsOf(true);

function startsOf(spilled: boolean) {
  const firsts = (kind: 'cold' | 'proactive', ofDemand: ProactiveTrigger | null): FirstStarts => ({
    demand: { kind, trigger: ofDemand, first: true, spilled },
    deploy: { kind, trigger: 'deploy', first: true, spilled },
    rotation: { kind, trigger: 'rotation', first: true, spilled },
    drain: { kind, trigger: 'drain', first: true, spilled },
    forecast: { kind, trigger: 'forecast', first: true, spilled },
  });
  const warm: InvocationStart = { kind: 'warm', trigger: null, first: false, spilled };
  return { warm, cold: firsts('cold', null), proactive: firsts('proactive', 'eager-assignment') };
}

/** What the next invocation meets in this sandbox, which is still in the state in which it was found. */
export function startOf({ origin, epoch, state, initialized, pool }: Sandbox): InvocationStart {
  if (origin === 'provisioned') return epoch > 0 ? provisionedLater : provisionedFirst;
  const { warm, cold, proactive } = pool.provisionedTarget ? beyond : within;
  if (epoch > 0) return warm;
  // Init runs in the invocation; or the invocation waited for it.
  return initialized && state !== 'starting' ? proactive[origin] : cold[origin];
}
