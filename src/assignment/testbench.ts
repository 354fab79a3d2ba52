import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { InvocationStart } from '../wire/start.js';
import { AssignmentMachine } from './machine.js';
import type { AssignmentEffect, AssignmentEntry, AssignmentInput } from './messages.js';
import type { AssignmentOptions } from './options.js';

type Untimed<T> = T extends unknown ? Omit<T, 'nowMs'> : never;

/** A machine with a clock, names for sandboxes, and one line of text per effect. */
export class Bench {
  nowMs = 1_000;
  readonly machine: AssignmentMachine;
  #sandboxes = 0;

  constructor(options: Partial<AssignmentOptions> = {}) {
    const newSandboxId = () => {
      this.#sandboxes += 1;
      return `s${this.#sandboxes}` as SandboxId;
    };
    this.machine = new AssignmentMachine({ newSandboxId, ...options });
  }

  step(input: Untimed<AssignmentInput>): string[] {
    return this.machine.step({ ...input, nowMs: this.nowMs } as AssignmentInput).map(line);
  }

  acquire(request: string, pool = 'p@1', waitMs = 5_000): string[] {
    const waitUntilMs = this.nowMs + waitMs;
    return this.step({
      kind: 'acquire',
      requestId: request as RequestId,
      pool: pool as PoolKey,
      memoryMib: 128,
      waitUntilMs,
    });
  }

  placed(sandbox: string, worker = 'w1'): string[] {
    return this.step({ kind: 'placed', sandboxId: sandbox as SandboxId, workerId: worker as WorkerId });
  }

  persisted(sequence: number): string[] {
    return this.step({ kind: 'persisted', sequence });
  }

  ready(sandbox: string, initialized = true): string[] {
    return this.step({ kind: 'sandbox-ready', sandboxId: sandbox as SandboxId, initialized });
  }

  refused(sandbox: string): string[] {
    return this.step({ kind: 'placement-refused', sandboxId: sandbox as SandboxId });
  }

  provision(count: number, pool = 'p@1'): string[] {
    return this.step({ kind: 'provision', pool: pool as PoolKey, memoryMib: 128, count });
  }

  handover(from = 'p@1', to = 'p@2'): string[] {
    return this.step({ kind: 'handover', from: from as PoolKey, to: to as PoolKey, memoryMib: 128 });
  }

  want(count: number, pool = 'p@1'): string[] {
    return this.step({ kind: 'warm', pool: pool as PoolKey, memoryMib: 128, count, trigger: 'forecast' });
  }

  /** From placed to ready, whatever the journal's numbers are: what the last step of it led to. */
  bringUp(sandbox: string, initialized = true, worker = 'w1'): string[] {
    const persist = this.placed(sandbox, worker).find((effect) => effect.startsWith('persist '))!;
    this.persisted(Number(persist.split(' ')[1]));
    return this.ready(sandbox, initialized);
  }

  released(sandbox: string, epoch: number): string[] {
    return this.step({ kind: 'released', sandboxId: sandbox as SandboxId, epoch });
  }

  gone(sandbox: string): string[] {
    return this.step({ kind: 'sandbox-gone', sandboxId: sandbox as SandboxId });
  }

  supersede(pool = 'p@1'): string[] {
    return this.step({ kind: 'pool-superseded', pool: pool as PoolKey, reason: 'superseded' });
  }

  tick(afterMs: number): string[] {
    this.nowMs += afterMs;
    return this.step({ kind: 'tick' });
  }

  report(...sandboxes: [string, 'starting' | 'idle' | 'busy' | 'stopping', number][]): string[] {
    return this.step({
      kind: 'worker-report',
      workerId: 'w1' as WorkerId,
      sandboxes: sandboxes.map(([id, state, epoch]) => ({ sandboxId: id as SandboxId, state, epoch })),
    });
  }

  /** Brings one more sandbox up to idle: its sequence in a journal that holds nothing else, and its number. */
  warm(sequence: number, pool = 'p@1', worker = 'w1'): string {
    const [place = ''] = this.acquire(`warm${sequence}`, pool);
    const sandbox = place.split(' ')[1]!;
    this.placed(sandbox, worker);
    this.persisted(sequence);
    this.ready(sandbox);
    this.released(sandbox, 1);
    return sandbox;
  }
}

export function line(effect: AssignmentEffect): string {
  switch (effect.kind) {
    case 'grant':
      return `grant ${effect.requestId} ${effect.sandboxId}/${effect.epoch} ${startText(effect.start)}`;
    case 'refuse':
      return `refuse ${effect.requestId} ${effect.reason}`;
    case 'place':
      return `place ${effect.sandboxId}${effect.ahead ? ' ahead' : ''}`;
    case 'start':
      return `start ${effect.sandboxId} on ${effect.workerId}`;
    case 'stop':
      return `stop ${effect.sandboxId} ${effect.reason}`;
    case 'forget':
      return `forget ${effect.sandboxId}`;
    case 'persist':
      return `persist ${effect.sequence} ${effect.entries.map((entry) => entryLine(entry)).join(', ')}`;
    case 'arm':
      return `arm ${effect.atMs}`;
    case 'trim':
      return `trim ${effect.sequence}`;
    case 'handed-over':
      return `handed over ${effect.from} to ${effect.to}`;
    case 'pool-gone':
      return `pool gone ${effect.pool}`;
  }
}

function startText({ kind, trigger, spilled }: InvocationStart): string {
  return `${kind}${trigger === null ? '' : `(${trigger})`}${spilled ? ' spilled' : ''}`;
}

function entryLine(entry: AssignmentEntry): string {
  switch (entry.kind) {
    case 'checkpoint':
      return `checkpoint ${entry.term}`;
    case 'pool-superseded':
      return `superseded ${entry.pool}`;
    default:
      return `${entry.kind.slice('sandbox-'.length)} ${entry.sandboxId}`;
  }
}
