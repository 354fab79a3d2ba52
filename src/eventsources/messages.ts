/** How one mapping is polled. */
export interface PollSettings {
  readonly enabled: boolean;
  /** Most messages of one invocation. */
  readonly batchSize: number;
  /** How long messages are gathered for a batch. 0: what one receive gives is a batch. */
  readonly windowMs: number;
  /** Most invocations at once. */
  readonly concurrencyMax: number;
}

/** A message that was received; what it says stays outside the machine. */
export interface PolledMessage {
  /** Chosen by the caller, unique among what this machine holds. */
  readonly id: string;
  /** Of its record in the function's payload, in bytes. */
  readonly bytes: number;
  /** False: the filters do not want it. */
  readonly wanted: boolean;
}

/** How an invocation with a batch ended. `gone`: there is no such function. */
export type BatchOutcome = 'success' | 'function-error' | 'throttled' | 'system-error' | 'gone';

export type PollInput =
  | { readonly kind: 'configure'; readonly nowMs: number; readonly settings: PollSettings }
  | {
      readonly kind: 'received';
      readonly nowMs: number;
      readonly receiveId: number;
      readonly messages: readonly PolledMessage[];
      /** When the queue gives them to somebody else, as far as known. */
      readonly hiddenUntilMs: number;
    }
  | { readonly kind: 'receive-failed'; readonly nowMs: number; readonly receiveId: number; readonly problem: string }
  | {
      readonly kind: 'invoked';
      readonly nowMs: number;
      readonly batchId: number;
      readonly outcome: BatchOutcome;
      /** Of a success: the messages that the function reported as failed. */
      readonly failedIds: readonly string[];
    }
  | { readonly kind: 'wake'; readonly nowMs: number };

export type PollEffect =
  | { readonly kind: 'receive'; readonly receiveId: number; readonly count: number }
  | { readonly kind: 'invoke'; readonly batchId: number; readonly ids: readonly string[] }
  /** Done with: out of the queue. */
  | { readonly kind: 'delete'; readonly ids: readonly string[] }
  /** Not done with: they come back once their visibility timeout is over. */
  | { readonly kind: 'forget'; readonly ids: readonly string[] }
  /** Never tried: back into the queue at once. */
  | { readonly kind: 'release'; readonly ids: readonly string[] }
  /** The result that clients are shown. */
  | { readonly kind: 'note'; readonly text: string }
  /** Send `wake` at this time; replaces what was armed before. */
  | { readonly kind: 'arm'; readonly atMs: number }
  /** Disabled, and nothing is being received any more. */
  | { readonly kind: 'quiet' };
