import type { StopReason } from '../assignment/messages.js';
import { InvariantError } from '../kernel/assert.js';
import type { SandboxId } from '../kernel/ids.js';
import type { FunctionSpec, RuntimeName } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome, Lease } from '../wire/invocation.js';
import type { StartOrigin } from '../wire/start.js';
import { Alarms } from './alarms.js';
import { BusyPoll } from './busypoll.js';
import { Captures } from './capture/captures.js';
import { Clones, clonesMax } from './clones.js';
import { LiveSandbox } from './livesandbox.js';
import type { CaptureEnd } from './messages.js';
import { refusal } from './outcome.js';
import { Patrol, type Patrolled } from './patrol.js';
import type { WorkerCapacity, WorkerOptions, WorkerService } from './ports.js';
import { Spares } from './spares.js';
import type { Surroundings } from './surroundings.js';

export type {
  CodeSource,
  RuntimeCatalog,
  RuntimeClient,
  SnapshotEvents,
  WorkerCapacity,
  WorkerEvents,
  WorkerOptions,
  WorkerService,
} from './ports.js';

/** Log lines of an invocation that still runs reach the kernel this late at most; answered ones before their answer. */
const logDelayMs = 50;

/** Starts a worker over a driver. Nothing runs until `start` or `prewarm`. */
export function createWorker(options: WorkerOptions): WorkerService {
  return new Worker(options);
}

class Worker implements WorkerService {
  readonly #options: WorkerOptions;
  readonly #sandboxes = new Map<SandboxId, LiveSandbox>();
  readonly #captures: Captures;
  readonly #clones: Clones;
  readonly #alarms: Alarms;
  readonly #spares: Spares;
  readonly #around: Surroundings;
  readonly #freezeAfterMs: number;
  readonly #patrol: Patrol;
  #sandboxMib = 0;
  #turnScheduled = false;
  #settling: (() => void)[] = [];
  #answers: { readonly onEnd: (outcome: InvocationOutcome) => void; readonly outcome: InvocationOutcome }[] = [];
  #flushing: NodeJS.Timeout | null = null;
  #unflushed = false;
  #freezing: NodeJS.Timeout | null = null;
  #boxes = 0;
  #closed: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { clock, driver, runtimes, events, random } = options;
    this.#freezeAfterMs = options.freezeAfterMs ?? 10;
    this.#alarms = new Alarms(
      () => this.#live(),
      () => clock.monotonicMs(),
    );
    this.#patrol = new Patrol(() => this.#patrolled());
    const run = random.hex(4);
    const boxId = () => {
      this.#boxes += 1;
      return `${run}-${this.#boxes}`;
    };
    const fits = (memoryMib: number) => this.#usedMib() + memoryMib <= options.memoryMib;
    this.#spares = new Spares({
      driver,
      launch: (runtime) => runtimes.launch(runtime),
      perRuntime: options.sparesPerRuntime ?? 2,
      fits,
      boxId,
    });
    this.#around = {
      options,
      clock,
      events,
      box: async (spec, held) => {
        const spare = held ? null : this.#spares.take(spec.runtime, spec);
        if (spare !== null) return { link: spare, spare: true };
        const { runtime, account, memoryMib } = spec;
        return { link: await this.#spares.boot(runtime, held, { account, memoryMib }), spare: false };
      },
      boxId,
      closing: () => this.#closing !== null,
      arm: (sandbox, atMs) => this.#alarms.set(sandbox, atMs),
      settle: (action) => {
        this.#settling.push(action);
        this.#scheduleTurn();
      },
      answer: (onEnd, outcome) => this.#answer(onEnd, outcome),
      logged: () => this.#logged(),
      busyPoll: new BusyPoll(() => clock.monotonicMs(), options.busyPollMs),
      idled: () => this.#freezeLater(),
      wanted: ({ runtime, account }) => this.prewarm(runtime, account),
      gone: (sandbox, problem) => this.#gone(sandbox, problem),
    };
    this.#captures = new Captures(this.#around);
    const clones = driver.snapshots === null || options.sparesPerRuntime === 0 ? 0 : clonesMax;
    this.#clones = new Clones(this.#around, fits, clones);
  }

  start(sandboxId: SandboxId, spec: FunctionSpec, origin: StartOrigin = 'demand'): void {
    const { memoryMib, sandboxesMax, events } = this.#options;
    if (this.#sandboxes.has(sandboxId)) throw new InvariantError(`sandbox ${sandboxId} started twice`);
    const open = this.#closing === null && this.#sandboxes.size < sandboxesMax;
    const clone = open ? this.#clones.take(sandboxId, spec, origin) : null;
    // What waits is only there to be useful: functions come first.
    const neededMib = this.#neededMib(spec);
    const drop = () => this.#waiting?.drop() || this.#clones.drop() || this.#spares.drop();
    while (this.#usedMib() + neededMib > memoryMib && drop());
    const problem =
      this.#closing !== null
        ? 'the worker is shutting down'
        : this.#sandboxes.size >= sandboxesMax
          ? `the worker runs its ${sandboxesMax} sandboxes already`
          : this.#sandboxMib + neededMib > memoryMib
            ? `the worker has no ${neededMib} MiB left`
            : null;
    if (problem !== null && clone === null) {
      setImmediate(() => events.onGone(sandboxId, problem));
      return;
    }
    const sandbox = clone ?? new LiveSandbox(sandboxId, spec, this.#around, null, origin);
    this.#sandboxes.set(sandboxId, sandbox);
    this.#sandboxMib += neededMib;
    if (clone === null) sandbox.order('start');
    else
      setImmediate(() => {
        if (this.#sandboxes.get(sandboxId) === clone) events.onReady(sandboxId, true);
      });
  }

  invoke(lease: Lease, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void {
    const sandbox = this.#sandboxes.get(lease.sandboxId);
    if (sandbox === undefined) this.#answer(onEnd, refusal('the sandbox is gone'));
    else sandbox.invoke(lease.epoch, invocation, onEnd);
  }

  capture(spec: FunctionSpec): Promise<CaptureEnd | null> {
    return this.#captures.capture(spec);
  }

  forget(snapshot: string): void {
    this.#clones.forget(snapshot);
  }

  stop(sandboxId: SandboxId, _reason: StopReason): void {
    this.#sandboxes.get(sandboxId)?.order('stop');
  }

  prewarm(runtime: RuntimeName, account: string): void {
    if (this.#closing === null) this.#spares.want(runtime, account);
  }

  async spared(): Promise<void> {
    await Promise.all([this.#spares.settled(), this.#clones.settled()]);
  }

  capacity(): WorkerCapacity {
    const { memoryMib, sandboxesMax } = this.#options;
    return {
      memoryMib,
      memoryUsedMib: this.#usedMib(),
      sandboxOwnMib: this.#options.driver.boxOwnMib,
      sandboxesMax,
      sandboxes: this.#sandboxes.size,
      spares: { ...this.#spares.counts(), ...this.#clones.counts() },
      lost: { spares: this.#spares.lost, clones: this.#clones.lost },
    };
  }

  close(graceMs = 0): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    for (const sandbox of [...this.#sandboxes.values()]) sandbox.order('stop');
    const cut = setTimeout(() => {
      for (const sandbox of [...this.#sandboxes.values()]) sandbox.order('abort');
    }, graceMs);
    if (this.#sandboxes.size === 0) this.#closed?.();
    await Promise.all([empty, this.#captures.close(), this.#clones.close(), this.#spares.close()]);
    clearTimeout(cut);
    this.#alarms.close();
    this.#patrol.close();
    if (this.#freezing !== null) clearTimeout(this.#freezing);
    this.#flush();
  }

  *#live(): Iterable<LiveSandbox> {
    yield* this.#sandboxes.values();
    yield* this.#captures.sandboxes;
    yield* this.#clones.sandboxes;
  }

  *#patrolled(): Iterable<Patrolled> {
    yield* this.#sandboxes.values();
    yield* this.#spares.patrolled();
    yield* this.#clones.patrolled();
  }

  get #waiting() {
    return this.#options.driver.waiting;
  }

  #neededMib({ memoryMib }: FunctionSpec): number {
    return memoryMib + this.#options.driver.boxOwnMib;
  }

  #usedMib(): number {
    return this.#sandboxMib + this.#spares.mib + this.#clones.mib + (this.#waiting?.mib ?? 0);
  }

  #answer(onEnd: (outcome: InvocationOutcome) => void, outcome: InvocationOutcome): void {
    this.#answers.push({ onEnd, outcome });
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => this.#endTurn());
  }

  /** An answered invocation's log survives the death of this process: first the logs, then the answers. */
  #endTurn(): void {
    const settling = this.#settling;
    this.#settling = [];
    for (const action of settling) action();
    this.#turnScheduled = false;
    this.#flush();
    const answers = this.#answers;
    this.#answers = [];
    for (const { onEnd, outcome } of answers) onEnd(outcome);
  }

  #logged(): void {
    this.#unflushed = true;
    this.#flushing ??= setTimeout(() => {
      this.#flushing = null;
      this.#flush();
    }, logDelayMs);
  }

  #flush(): void {
    if (!this.#unflushed) return;
    this.#unflushed = false;
    this.#options.logs.flush();
  }

  #freezeLater(): void {
    this.#freezing ??= setTimeout(() => this.#freeze(), this.#freezeAfterMs);
  }

  #freeze(): void {
    this.#freezing = null;
    const dueMs = this.#options.clock.monotonicMs() - this.#freezeAfterMs;
    let waiting = false;
    for (const sandbox of this.#sandboxes.values()) {
      if (sandbox.idleSinceMs === null) continue;
      if (sandbox.idleSinceMs > dueMs) waiting = true;
      else {
        sandbox.idleSinceMs = null;
        sandbox.link?.freeze();
      }
    }
    if (waiting) this.#freezeLater();
  }

  #gone(sandbox: LiveSandbox, problem: string | null): void {
    this.#sandboxes.delete(sandbox.id);
    this.#sandboxMib -= this.#neededMib(sandbox.spec);
    this.#options.events.onGone(sandbox.id, problem);
    if (this.#sandboxes.size === 0) this.#closed?.();
  }
}
