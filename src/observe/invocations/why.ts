import type { InvocationStart, RunFacts, SandboxLife, StartOrigin } from '../../wire/start.js';
import type { InvocationRecord } from './record.js';

export interface WhyPhase {
  /** `spare`, `boot`, `restore`: how the sandbox's box came about. */
  readonly name: 'placement' | 'spare' | 'boot' | 'restore' | 'init' | 'waiting' | 'invoke' | 'response';
  /** After the invocation arrived; negative: the sandbox began before. Milliseconds. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly detail: string | null;
}

/** What `GET /_hearth/why/REQUEST_ID` answers and `hearth why REQUEST_ID --json` prints. */
export interface WhyReport {
  readonly requestId: string;
  readonly functionArn: string;
  readonly version: string;
  readonly type: InvocationRecord['type'];
  readonly outcome: InvocationRecord['outcome'];
  readonly problem: string | null;
  readonly start: InvocationStart | null;
  /** One sentence. */
  readonly because: string;
  /** Epoch milliseconds. */
  readonly arrivedMs: number;
  /** From its arrival to its answer. */
  readonly totalMs: number;
  /** Sandboxes asked for. */
  readonly attempts: number;
  readonly sandbox: {
    readonly id: string;
    readonly logStream: string;
    readonly origin: StartOrigin;
    /** It was started so long before the invocation arrived; negative: after. */
    readonly ageMs: number;
    /** That it has served so far. */
    readonly invocations: number;
  } | null;
  /** In the order in which they began. Measured in whole milliseconds, but for what REPORT tells. */
  readonly phases: readonly WhyPhase[];
}

/** Pure: what is known of one invocation, for people and programs. */
export function whyReport(record: InvocationRecord): WhyReport {
  const { requestId, invokedFunctionArn, spec, type, outcome, problem, start, arrivedMs, endedMs, attempts, run } =
    record;
  return {
    requestId,
    functionArn: invokedFunctionArn,
    version: spec.version,
    type,
    outcome,
    problem,
    start,
    because: because(record),
    arrivedMs,
    totalMs: endedMs - arrivedMs,
    attempts,
    sandbox:
      run === null
        ? null
        : {
            id: run.life.sandboxId,
            logStream: run.life.logStream,
            origin: run.life.origin,
            ageMs: arrivedMs - run.life.startedMs,
            invocations: run.life.invocations,
          },
    phases: phases(record),
  };
}

const boxes = {
  spare: 'was made from a spare',
  boot: 'was booted',
  restore: 'was restored from a snapshot',
} as const;

const triggers = {
  deploy: 'the code changed',
  'eager-assignment': 'an invocation asked for it, which another sandbox then served first',
  rotation: 'another one came to the end of its life',
  drain: 'another one went, with its worker drained or lost',
  forecast: 'invocations were expected',
} as const;

/** Why it was cold or warm, in one sentence. */
export function because({ outcome, problem, start, run, arrivedMs, grantedMs }: InvocationRecord): string {
  if (outcome === 'throttled') return `throttled: ${problem}`;
  if (start === null) return `refused: ${problem}`;
  const waitedMs = grantedMs === null ? 0 : grantedMs - arrivedMs;
  const spilled = start.spilled ? '; all provisioned ones were busy' : '';
  switch (start.kind) {
    case 'warm': {
      const waited = waitedMs >= 1 ? `: a sandbox became free after ${waitedMs} ms` : ': a sandbox was idle';
      return `warm${waited}${spilled}`;
    }
    case 'provisioned':
      return start.first
        ? 'provisioned: the first invocation of a sandbox that waited initialized'
        : 'provisioned: a sandbox was idle';
    case 'proactive': {
      const why = start.trigger === null ? '' : `, because ${triggers[start.trigger]}`;
      return `proactive: a sandbox had been initialized ahead${why}${spilled}`;
    }
    case 'cold':
    case 'restored': {
      if (!start.first) {
        const again = start.kind === 'restored' ? 'restored' : 'started and initialized';
        return `${start.kind}: the sandbox had lost its runtime, which was ${again} inside the invocation${spilled}`;
      }
      const made = run === null || run.life.box === null ? 'was started' : boxes[run.life.box];
      const inside = run !== null && typeof run.initInsideMs === 'number' ? ' inside the invocation' : '';
      const initialized = start.kind === 'restored' ? '' : ` and initialized${inside}`;
      const ahead =
        start.trigger === null
          ? 'no sandbox was idle; a new one'
          : `a sandbox was on its way already, because ${triggers[start.trigger]}; it`;
      return `${start.kind}: ${ahead} ${made}${initialized}${spilled}`;
    }
  }
}

/** Detail of an `init` that ran inside the invocation. */
export const insideDetail = 'inside the invocation';

/** Where its time went, in the order in which it began. */
export function phases(record: InvocationRecord): readonly WhyPhase[] {
  const { arrivedMs, endedMs, start, run } = record;
  const all: WhyPhase[] = [];
  const add = (name: WhyPhase['name'], fromMs: number, toMs: number, detail: string | null = null) => {
    all.push({ name, startMs: rounded(fromMs - arrivedMs), durationMs: rounded(Math.max(0, toMs - fromMs)), detail });
  };
  if (run === null || start === null) {
    if (record.attempts > 0) add('waiting', arrivedMs, endedMs);
    return all;
  }
  const insideMs = run.initInsideMs ?? 0;
  const handedMs = run.startedMs - insideMs;
  const waitedFromMs = start.first ? started(record, run, handedMs, add) : arrivedMs;
  if (handedMs > waitedFromMs || !start.first) add('waiting', waitedFromMs, handedMs);
  if (insideMs > 0) add('init', handedMs, run.startedMs, insideDetail);
  const doneMs = run.startedMs + Math.max(0, run.durationMs - insideMs);
  add('invoke', run.startedMs, doneMs, run.errorType);
  add('response', doneMs, endedMs);
  return all;
}

/** Phases of the start of the sandbox. Returns from when on the invocation waited for something else. */
function started(
  { arrivedMs }: InvocationRecord,
  { life, initMs, initInsideMs, restoreMs }: RunFacts,
  handedMs: number,
  add: (name: WhyPhase['name'], fromMs: number, toMs: number, detail?: string | null) => void,
): number {
  if (life.startedMs >= arrivedMs) add('placement', arrivedMs, life.startedMs);
  if (life.box === null || life.boxedMs === null) return Math.max(arrivedMs, life.startedMs);
  add(life.box, life.startedMs, life.boxedMs, tiers(life));
  // An init inside the invocation is the last one: nothing is known of the times of the one that failed.
  if (typeof initInsideMs === 'number' || life.initializedMs === null || life.initializedMs > handedMs) {
    return Math.max(arrivedMs, life.boxedMs);
  }
  const toldMs = initMs ?? restoreMs;
  const detail = toldMs === null ? null : `REPORT: ${restoreMs === null ? 'init' : 'restore'} ${toldMs} ms`;
  add('init', life.boxedMs, life.initializedMs, detail);
  return Math.max(arrivedMs, life.initializedMs);
}

function tiers({ tierBytes, tierBesides }: SandboxLife): string | null {
  if (tierBytes === null) return null;
  const served = Object.entries(tierBytes).map(([tier, bytes]) => `${tier} ${Math.ceil(bytes / 1024)} KiB`);
  const shared = tierBesides === 0 ? '' : ` (with ${tierBesides} other ${tierBesides === 1 ? 'start' : 'starts'})`;
  return `${served.join(', ')}${shared}`;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
