/**
 * Where the response of one invocation goes while its handler still runs. The front end makes one for every invocation
 * whose client takes a stream (InvokeWithResponseStream, a function URL in mode RESPONSE_STREAM); all other
 * invocations have none.
 *
 * A runtime that answers over the Runtime API calls `start`, `write` any number of times, and `end`, whether its function
 * streams or not; so do streaming handlers of our own bootstraps. Everything else never calls `start`, and its result
 * arrives whole in the outcome. Either way the end is the outcome of the invocation, once:
 *
 * - `success`: `payload` is what has not been written here (the whole result of a handler that does not stream, else
 *   empty);
 * - `function-error`: `payload` is the error object. After `start`, it is a mid-stream error: the handler failed, was cut
 *   off by its timeout, died, or wrote more than 200 MiB;
 * - `refused`: after `start`, the platform is shutting down.
 *
 * A sink whose client has gone takes everything and throws it away: the function runs on to its end, as on AWS.
 */
export interface ResponseSink {
  /** `start` was called: this invocation must not be tried again elsewhere. */
  readonly started: boolean;
  /** Resumes the writer after a `write` that answered false. Set by the writer before its first write. */
  onDrain: (() => void) | null;
  /** The function begins to stream. `contentType` as it says, `application/octet-stream` when it does not. */
  start(contentType: string): void;
  /**
   * Takes `chunk`, never empty; its bytes stay as they are. False: enough waits for the client, so the writer stops
   * until `onDrain` (which stops the handler's own writes); a writer that goes on nevertheless is not refused.
   */
  write(chunk: Buffer): boolean;
  /**
   * The function has ended its response without an error; its handler may work on. Nothing is written after it. The
   * client may have its end at once: the outcome, which comes later, no longer changes what it got.
   */
  end(): void;
}
