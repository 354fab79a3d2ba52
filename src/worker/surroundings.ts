import type { Clock } from '../kernel/ports/clock.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import type { BoxLink } from './boxlink.js';
import type { BusyPoll } from './busypoll.js';
import type { LiveSandbox } from './livesandbox.js';
import type { WorkerEvents, WorkerOptions } from './service.js';

/** What a sandbox needs of the worker around it. */
export interface Surroundings {
  readonly options: WorkerOptions;
  readonly clock: Clock;
  readonly events: WorkerEvents;
  /** A spare, or a box booted now; `held`: one whose runtime waits to be started with the function's variables. */
  box(spec: FunctionSpec, held: boolean): Promise<{ readonly link: BoxLink; readonly spare: boolean }>;
  /** For a box that is restored instead. */
  boxId(): string;
  /** Everything ends: what fails now says nothing. */
  closing(): boolean;
  arm(sandbox: LiveSandbox, atMs: number): void;
  /**
   * Runs at the end of this turn of the event loop. What a runtime wrote to its pipes before its answer is ready when
   * the answer is, so the same poll of libuv that brings the answer brings it, too: by then it has been read.
   */
  settle(action: () => void): void;
  /** Runs at the end of this turn of the event loop, after the logs were handed to the kernel. */
  answer(onEnd: (outcome: InvocationOutcome) => void, outcome: InvocationOutcome): void;
  logged(): void;
  readonly busyPoll: BusyPoll;
  idled(): void;
  /** This function works here: spares of its runtime are worth having. */
  wanted(spec: FunctionSpec): void;
  gone(sandbox: LiveSandbox, problem: string | null): void;
}
