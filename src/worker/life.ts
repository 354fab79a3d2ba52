import type { SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { RunFacts, SandboxLife, StartOrigin } from '../wire/start.js';
import type { InvocationEnd, InvocationFigures, PlatformLine } from './messages.js';
import type { Box } from './sandbox/driver.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Keeps account of one sandbox, for whoever asks later why an invocation took as long as it did. */
export class Life {
  readonly #told: Writable<SandboxLife>;
  readonly #clock: Clock;
  /** Of the invocation in hand: sent to the runtime; null: not yet. Epoch milliseconds. */
  #sentMs: number | null = null;
  #initInsideMs: number | null = null;
  #inHand = false;
  #restoredInside = false;
  #figures: InvocationFigures | null = null;

  constructor(sandboxId: SandboxId, workerId: WorkerId | null, origin: StartOrigin, logStream: string, clock: Clock) {
    this.#clock = clock;
    this.#told = {
      sandboxId,
      workerId,
      origin,
      startedMs: clock.nowMs(),
      boxedMs: null,
      box: null,
      initializedMs: null,
      initStatus: null,
      tierBytes: null,
      tierBesides: 0,
      logStream,
      invocations: 0,
    };
  }

  /** It was restored ahead, for nobody, and belongs to a start now. */
  taken(sandboxId: SandboxId, origin: StartOrigin): void {
    this.#told.sandboxId = sandboxId;
    this.#told.origin = origin;
  }

  /** A box is there. Only the first one is told of: later ones belong to the invocation that they are made in. */
  boxed(box: NonNullable<SandboxLife['box']>): void {
    if (this.#told.boxedMs !== null) return;
    this.#told.boxedMs = this.#clock.nowMs();
    this.#told.box = box;
  }

  /** It can serve. `box`: the first one, or none any more. */
  async ready(box: Box | null): Promise<void> {
    if (this.#told.box !== 'restore') return;
    const share = (await box?.tierBytes?.()) ?? null;
    if (share === null) return;
    this.#told.tierBytes = share.bytes;
    this.#told.tierBesides = share.besides;
  }

  /** Of the last invocation; null: there was none. */
  get durationMs(): number | null {
    return this.#figures?.durationMs ?? null;
  }

  /** An invocation came. */
  begin(): void {
    this.#sentMs = null;
    this.#initInsideMs = null;
    this.#inHand = true;
    this.#restoredInside = false;
    this.#figures = null;
  }

  /** It goes to the runtime. */
  sent(): void {
    this.#sentMs = this.#clock.nowMs();
    this.#told.invocations += 1;
  }

  /** The platform's lines have all figures. */
  line(line: PlatformLine): void {
    switch (line.kind) {
      case 'init-report':
        if (line.phase === 'invoke') this.#initInsideMs = line.initMs;
        this.#initialized(line.status);
        break;
      case 'restore-report':
        this.#restoredInside = this.#inHand;
        this.#initialized(line.status);
        break;
      case 'runtime-done':
      case 'report':
        this.#figures = line.figures;
        break;
    }
  }

  /** What there is to tell of the invocation in hand, which ended so; null: it never began. */
  run(end: InvocationEnd, memoryPeakMib: number | null): RunFacts | null {
    const figures = this.#figures;
    this.#inHand = false;
    if (figures === null || end.kind === 'restore-failed') return null;
    const { durationMs, initMs, restore } = figures;
    const errorType = end.kind === 'response' ? figures.errorType : end.errorType;
    const failed = figures.status === 'success' && errorType !== null;
    return {
      life: this.#told,
      startedMs: this.#sentMs ?? this.#clock.nowMs() - durationMs,
      durationMs,
      initMs,
      restoreMs: restore?.restoreMs ?? null,
      ...(this.#restoredInside && { restoredInside: true }),
      initInsideMs: this.#initInsideMs,
      status: failed ? 'error' : figures.status,
      errorType,
      memoryPeakMib,
    };
  }

  #initialized(status: NonNullable<SandboxLife['initStatus']>): void {
    if (this.#told.initializedMs !== null) return;
    this.#told.initStatus = status;
    if (status === 'success') this.#told.initializedMs = this.#clock.nowMs();
  }
}
