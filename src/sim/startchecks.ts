import type { AssignmentEffect, AssignmentInput } from '../assignment/messages.js';
import type { RequestId, SandboxId } from '../kernel/ids.js';
import { metBy } from '../wire/met.js';
import type { InvocationStart, RunFacts, StartKind, StartOrigin } from '../wire/start.js';
import { Violation } from './violation.js';

type How = 'init' | 'restore';
type Awaited = 'yes' | 'no' | 'perhaps';

/** What really is with one sandbox. */
interface Truth {
  readonly origin: StartOrigin;
  /** How its latest box loads the function, and whether it has. */
  boot: number;
  how: How;
  loaded: boolean;
  /** It had, when the invocation in hand came. */
  loadedBefore: boolean;
  /** Handlers that ran in it, and invocations that were meant for it, told or not. */
  served: number;
  granted: number;
}

interface Told {
  readonly sandboxId: SandboxId;
  readonly start: InvocationStart;
  /** It was granted as it became ready: the invocation waited for it. After a failover a report may tell of it late. */
  readonly awaited: Awaited;
}

/** Holds what invocations are told of their start against what happened in the simulated boxes. */
export class StartChecks {
  readonly #truths = new Map<SandboxId, Truth>();
  readonly #told = new Map<RequestId, Told>();

  observe(input: AssignmentInput, effects: readonly AssignmentEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'grant') continue;
      const { requestId, sandboxId, start } = effect;
      const truth = this.#truths.get(sandboxId);
      if (truth !== undefined) truth.granted += 1;
      this.#told.set(requestId, { sandboxId, start, awaited: awaitedBy(sandboxId, input) });
    }
  }

  started(sandboxId: SandboxId, origin: StartOrigin): void {
    const truth: Truth = { origin, boot: 0, how: 'init', loaded: false, loadedBefore: false, served: 0, granted: 0 };
    this.#truths.set(sandboxId, truth);
  }

  /** Box `boot` begins to load the function. */
  loads(sandboxId: SandboxId, boot: number, how: How): void {
    const truth = this.#truths.get(sandboxId);
    if (truth !== undefined) Object.assign(truth, { boot, how, loaded: false });
  }

  /** Boxes before the latest one say it in vain. */
  loaded(sandboxId: SandboxId, boot: number): void {
    const truth = this.#truths.get(sandboxId);
    if (truth?.boot === boot) truth.loaded = true;
  }

  boxLost(sandboxId: SandboxId): void {
    const truth = this.#truths.get(sandboxId);
    if (truth !== undefined) Object.assign(truth, { boot: 0, loaded: false });
  }

  /** The worker takes an invocation. */
  invoked(sandboxId: SandboxId): void {
    const truth = this.#truths.get(sandboxId);
    if (truth !== undefined) truth.loadedBefore = truth.loaded;
  }

  handled(sandboxId: SandboxId): void {
    const truth = this.#truths.get(sandboxId);
    if (truth !== undefined) truth.served += 1;
  }

  gone(sandboxId: SandboxId): void {
    this.#truths.delete(sandboxId);
  }

  /** The client has its answer, or never will. */
  over(requestId: RequestId): void {
    this.#told.delete(requestId);
  }

  /** The invocation ran; `run`: what the worker tells of it. */
  ran(sandboxId: SandboxId, requestId: RequestId, run: RunFacts | null): void {
    const truth = this.#truths.get(sandboxId);
    const told = this.#told.get(requestId);
    if (truth === undefined || told === undefined || told.sandboxId !== sandboxId || run === null) return;
    const { kind, trigger } = metBy(told.start, run);
    const kinds = kindsOf(truth, told.awaited);
    const { origin } = truth;
    if (!kinds.includes(kind)) {
      throw new Violation(
        `${requestId} is told that it met a ${kind} start in ${sandboxId}: it was ${kinds.join('/')}`,
      );
    }
    const because = origin === 'demand' ? 'eager-assignment' : origin;
    if (kind === 'proactive' && trigger !== because) {
      throw new Violation(`${requestId} is told of ${trigger}, but ${sandboxId} was started for ${because}`);
    }
  }
}

/** What may truly be said. More than one only where messages were lost. */
function kindsOf({ origin, how, loadedBefore, served, granted }: Truth, awaited: Awaited): readonly StartKind[] {
  const waited: StartKind = how === 'restore' ? 'restored' : 'cold';
  if (!loadedBefore) return [waited];
  if (origin === 'provisioned') return ['provisioned'];
  if (served > 1) return ['warm'];
  // A grant before this one got lost on its way: assignment cannot know that nothing ran.
  const first: readonly StartKind[] =
    awaited === 'perhaps' ? [waited, 'proactive'] : [awaited === 'yes' ? waited : 'proactive'];
  return granted > 1 ? [...first, 'warm'] : first;
}

function awaitedBy(sandboxId: SandboxId, input: AssignmentInput): Awaited {
  if (input.kind === 'sandbox-ready' && input.sandboxId === sandboxId) return 'yes';
  const isReported = input.kind === 'worker-report' && input.sandboxes.some((one) => one.sandboxId === sandboxId);
  return isReported ? 'perhaps' : 'no';
}
