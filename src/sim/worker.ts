import type { SandboxReport } from '../assignment/messages.js';
import type { PoolKey, RequestId, SandboxId, WorkerId } from '../kernel/ids.js';
import type { StartOrigin } from '../wire/start.js';
import { Life } from '../worker/life.js';
import type { WorkerMachine } from '../worker/machine.js';
import type { WorkerEffect, WorkerInput } from '../worker/messages.js';
import type { SimFunction } from './scenario.js';
import type { World } from './world.js';

/** How the worker answers an invocation. */
export type WorkerAnswer = 'success' | 'function-error' | 'refused';

/** What the control plane hears from a worker. */
export interface WorkerListener {
  ready(sandboxId: SandboxId, initialized: boolean): void;
  idle(sandboxId: SandboxId, epoch: number): void;
  gone(sandboxId: SandboxId): void;
  answer(requestId: RequestId, sandboxId: SandboxId, epoch: number, answer: WorkerAnswer): void;
  report(workerId: WorkerId, sandboxes: readonly SandboxReport[]): void;
}

interface Hosted {
  readonly sandboxId: SandboxId;
  readonly machine: Pick<WorkerMachine, 'step' | 'phase'>;
  readonly fn: SimFunction;
  readonly life: Life;
  epoch: number;
}

/** A simulated machine with sandboxes: real worker machines, boxes and runtimes that only exist as delays and chance. */
export class SimWorker {
  readonly workerId: WorkerId;
  alive = true;
  /** Cut off from the control plane, both ways. */
  partitioned = false;
  readonly #world: World;
  readonly #hosted = new Map<SandboxId, Hosted>();
  /** A worker starts each sandbox id at most once, however often and late it is told to. */
  readonly #seen = new Set<SandboxId>();

  constructor(workerId: WorkerId, world: World) {
    this.workerId = workerId;
    this.#world = world;
  }

  start(sandboxId: SandboxId, pool: PoolKey, origin: StartOrigin): void {
    if (!this.alive || this.#seen.has(sandboxId)) return;
    this.#seen.add(sandboxId);
    const fn = this.#world.functionOf(pool);
    const machine = this.#world.parts.worker({
      sandboxId,
      timeoutMs: fn.timeoutMs,
      provisioned: origin === 'provisioned',
    });
    const { workerId } = this;
    const life = new Life(sandboxId, workerId, origin, '', this.#world.clock);
    const hosted: Hosted = { sandboxId, machine, fn, life, epoch: 0 };
    this.#hosted.set(sandboxId, hosted);
    this.#world.checks.starts.started(sandboxId, origin);
    this.#world.checks.sandboxStarted(sandboxId, { pool, workerId, memoryMib: fn.memoryMib });
    this.#step(hosted, { kind: 'start', nowMs: this.#nowMs });
  }

  stop(sandboxId: SandboxId): void {
    const hosted = this.#hosted.get(sandboxId);
    if (!this.alive) return;
    // Never started, or gone: say so (again), and a late `start` finds its id used up.
    this.#seen.add(sandboxId);
    if (hosted === undefined) this.#tell((listener) => listener.gone(sandboxId));
    else this.#step(hosted, { kind: 'stop', nowMs: this.#nowMs });
  }

  invoke(requestId: RequestId, sandboxId: SandboxId, epoch: number): void {
    if (!this.alive) return;
    const hosted = this.#hosted.get(sandboxId);
    if (hosted === undefined) {
      this.#answer(requestId, sandboxId, epoch, 'refused');
      return;
    }
    const before = hosted.epoch;
    if (hosted.machine.phase === 'idle' && epoch > before) {
      hosted.epoch = epoch;
      hosted.life.begin();
      this.#world.checks.starts.invoked(sandboxId);
    }
    this.#step(hosted, { kind: 'invoke', nowMs: this.#nowMs, requestId, epoch }, epoch);
  }

  report(): void {
    if (!this.alive) return;
    const sandboxes: SandboxReport[] = [];
    for (const { sandboxId, machine, epoch } of this.#hosted.values()) {
      sandboxes.push({ sandboxId, state: stateOf(machine.phase), epoch });
    }
    this.#tell((listener) => listener.report(this.workerId, sandboxes));
  }

  /** Power off: nothing of it is left, and nothing says so. */
  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const sandboxId of this.#hosted.keys()) this.#world.checks.sandboxGone(sandboxId);
    this.#hosted.clear();
  }

  get #nowMs(): number {
    return this.#world.schedule.nowMs;
  }

  #step(hosted: Hosted, input: WorkerInput, epoch = hosted.epoch): void {
    if (!this.alive) return;
    this.#world.count('worker', input);
    for (const effect of hosted.machine.step(input)) this.#perform(hosted, effect, epoch);
  }

  #later(hosted: Hosted, delayMs: number, input: (nowMs: number) => WorkerInput): void {
    this.#world.schedule.after(delayMs, () => {
      if (this.alive && this.#hosted.get(hosted.sandboxId) === hosted) this.#step(hosted, input(this.#nowMs));
    });
  }

  #perform(hosted: Hosted, effect: WorkerEffect, epoch: number): void {
    const { sandboxId } = hosted;
    const { checks, random } = this.#world;
    switch (effect.kind) {
      case 'boot':
        this.#boot(hosted, effect.boot);
        return;
      case 'log':
        hosted.life.line(effect.line);
        return;
      case 'send-init':
        this.#becomes(hosted, effect.boot, 'init');
        return;
      case 'send-invoke':
        checks.handlerStarted(sandboxId, effect.requestId);
        hosted.life.sent();
        this.#handle(hosted, effect.boot, effect.requestId);
        return;
      case 'arm': {
        const { token, atMs } = effect;
        this.#later(hosted, atMs - this.#nowMs, (nowMs) => ({ kind: 'timer', nowMs, token }));
        return;
      }
      case 'kill': {
        const { boot } = effect;
        checks.handlerEnded(sandboxId);
        checks.starts.boxLost(sandboxId);
        this.#later(hosted, random.between(1, 5), (nowMs) => ({ kind: 'cleared', nowMs, boot }));
        return;
      }
      case 'complete':
        checks.handlerEnded(sandboxId);
        checks.leaseOver(sandboxId, epoch);
        checks.starts.ran(sandboxId, effect.requestId, hosted.life.run(effect.end, null));
        this.#answer(effect.requestId, sandboxId, epoch, effect.end.kind === 'response' ? 'success' : 'function-error');
        return;
      case 'refuse':
        checks.leaseOver(sandboxId, epoch);
        this.#answer(effect.requestId, sandboxId, epoch, 'refused');
        return;
      case 'ready':
        this.#tell((listener) => listener.ready(sandboxId, effect.initialized));
        return;
      case 'idle':
        checks.leaseOver(sandboxId, effect.epoch);
        this.#tell((listener) => listener.idle(sandboxId, effect.epoch));
        return;
      case 'send-restore':
        this.#becomes(hosted, effect.boot, 'restore');
        return;
      case 'capture':
      case 'published':
        return;
      case 'gone':
        this.#hosted.delete(sandboxId);
        checks.sandboxGone(sandboxId);
        this.#tell((listener) => listener.gone(sandboxId));
    }
  }

  #boot(hosted: Hosted, boot: number): void {
    const { random } = this.#world;
    const faults = this.#world.faults;
    if (random.chance(faults.bootHangs)) return;
    const delayMs = random.between(1, 40);
    if (random.chance(faults.bootFails)) {
      this.#later(hosted, delayMs, (nowMs) => ({ kind: 'boot-failed', nowMs, boot, message: 'simulated' }));
    } else this.#later(hosted, delayMs, (nowMs) => ({ kind: 'booted', nowMs, boot, restored: hosted.fn.saved }));
  }

  /** Loads the function, or goes on as a clone. */
  #becomes(hosted: Hosted, boot: number, how: 'init' | 'restore'): void {
    const { random } = this.#world;
    const faults = this.#world.faults;
    const { starts } = this.#world.checks;
    starts.loads(hosted.sandboxId, boot, how);
    if (random.chance(faults.initHangs)) return;
    const delayMs = random.between(1, 100);
    if (!random.chance(faults.initFails)) {
      this.#later(hosted, delayMs, (nowMs) => {
        starts.loaded(hosted.sandboxId, boot);
        return { kind: `${how}-done`, nowMs, boot };
      });
    } else if (random.chance(0.5)) {
      this.#later(hosted, delayMs, (nowMs) => ({ kind: `${how}-error`, nowMs, boot, errorType: 'Simulated' }));
    } else this.#exit(hosted, boot, delayMs);
  }

  #handle(hosted: Hosted, boot: number, requestId: RequestId): void {
    const { random } = this.#world;
    const faults = this.#world.faults;
    if (random.chance(faults.hangs)) return;
    const delayMs = random.gap(hosted.fn.durationMs);
    if (random.chance(faults.crashes)) this.#exit(hosted, boot, delayMs);
    else if (random.chance(faults.errors)) {
      const errorType = 'Simulated';
      this.#later(hosted, delayMs, (nowMs) => ({ kind: 'error', nowMs, boot, requestId, errorType, bytes: 100 }));
    } else this.#later(hosted, delayMs, (nowMs) => ({ kind: 'response', nowMs, boot, requestId, bytes: 100 }));
    // Runtimes that answer twice exist.
    if (random.chance(faults.repeated)) {
      this.#later(hosted, delayMs, (nowMs) => ({ kind: 'response', nowMs, boot, requestId, bytes: 100 }));
    }
  }

  #exit(hosted: Hosted, boot: number, delayMs: number): void {
    const outOfMemory = this.#world.random.chance(0.3);
    this.#later(hosted, delayMs, (nowMs) => {
      const signal = outOfMemory ? 'SIGKILL' : null;
      return { kind: 'exited', nowMs, boot, code: outOfMemory ? null : 1, signal, outOfMemory };
    });
  }

  #answer(requestId: RequestId, sandboxId: SandboxId, epoch: number, answer: WorkerAnswer): void {
    const deliver = () => this.#world.listener?.answer(requestId, sandboxId, epoch, answer);
    if (answer === 'refused') this.#world.checks.leaseOver(sandboxId, epoch);
    this.#world.network.ask(this.partitioned, deliver, () => {});
  }

  /** To whichever control plane there is when the message arrives. */
  #tell(message: (listener: WorkerListener) => void): void {
    this.#world.network.tell(this.partitioned, () => {
      const { listener } = this.#world;
      if (listener !== null) message(listener);
    });
  }
}

function stateOf(phase: WorkerMachine['phase']): SandboxReport['state'] {
  switch (phase) {
    case 'new':
    case 'booting':
    case 'initializing':
    case 'restoring':
    case 'capturing':
      return 'starting';
    case 'idle':
      return 'idle';
    case 'invoking':
      return 'busy';
    case 'stopping':
    case 'gone':
      return 'stopping';
  }
}
