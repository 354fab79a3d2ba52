import type { RequestId } from '../kernel/ids.js';
import type { InvocationEnd } from './messages.js';

/** Where a sandbox is in its life. */
export type Phase =
  | 'new'
  | 'booting'
  | 'initializing'
  | 'restoring'
  | 'capturing'
  | 'idle'
  | 'invoking'
  | 'stopping'
  | 'gone';

/** What the runtime answered, while extensions still work on the invocation. */
interface Answer {
  readonly errorType: string | null;
  readonly end: InvocationEnd;
  readonly bytes: number;
  /** The client has it already. */
  readonly given: boolean;
}

/** The invocation that a sandbox works on. */
export interface Running {
  readonly requestId: RequestId;
  readonly epoch: number;
  /**
   * booting → initializing or restoring: a fresh box inside the invocation; running: the handler has it; lingering:
   * answered.
   */
  step: 'booting' | 'initializing' | 'restoring' | 'running' | 'lingering';
  startedMs: number;
  answer: Answer | null;
}
