import { limits } from '../../kernel/limits.js';
import { secondMs } from '../../kernel/units.js';
import type { InvocationOutcome } from '../../wire/invocation.js';
import type { ResponseSink } from '../../wire/responsesink.js';
import { ByteGather } from '../bytegather.js';
import { errorTypeOf } from '../outcome.js';

/** The runtime's side of a stream: stops it from sending, and lets it go on. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/** What came of a stream, as the end of the invocation needs it. */
export interface StreamResult {
  readonly kind: 'response' | 'error';
  readonly errorType: string;
  /** What did not go through the sink. */
  readonly payload: Buffer;
  /** Of the whole response; may be more than was kept or passed on. */
  readonly bytes: number;
  /** It went through the sink: the limit of streamed responses holds. */
  readonly streamed: boolean;
}

/**
 * A connection that ends inside a response is mostly the end of its process, which is then what is reported; a process
 * that lives on is waited for no longer than this.
 */
const cutMsMax = secondMs;

const nothing = Buffer.alloc(0);
const truncated = 'Runtime.TruncatedResponse';
const exits: ReadonlySet<string> = new Set(['Runtime.ExitError', 'Runtime.OutOfMemory']);

/**
 * A response on its way from a runtime that streams: through the invocation's sink while the handler runs, or collected
 * where the client takes no stream. Holds nothing in the first case: what the client does not take, the runtime keeps.
 * Beyond the limit (200 MiB, 6 MiB when collected) the rest is counted and dropped, and the invocation ends as an error
 * when the runtime is done.
 */
export class StreamedResponse {
  readonly #sink: ResponseSink | null;
  readonly #flow: Flow;
  readonly #onEnd: () => void;
  readonly #bytesMax: number;
  readonly #kept = new ByteGather();
  #bytes = 0;
  #error: { readonly errorType: string; readonly payload: Buffer } | null = null;
  #state: 'open' | 'cut' | 'ended' = 'open';
  #cutTimer: NodeJS.Timeout | null = null;

  /** `onEnd`: called once, when the runtime has sent everything, or nothing more can come. */
  constructor(sink: ResponseSink | null, contentType: string | null, flow: Flow, onEnd: () => void) {
    this.#sink = sink;
    this.#flow = flow;
    this.#onEnd = onEnd;
    this.#bytesMax = sink === null ? limits.syncResponseBytesMax : limits.streamedResponseBytesMax;
    if (sink === null) return;
    sink.onDrain = () => this.#flow.resume();
    sink.start(contentType ?? 'application/octet-stream');
  }

  /** Whether the runtime has not sent its end yet. */
  get open(): boolean {
    return this.#state !== 'ended';
  }

  /** The bytes stay as they are. */
  piece(bytes: Buffer): void {
    if (this.#state !== 'open') return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#bytesMax) this.#kept.clear();
    else if (this.#sink === null) this.#kept.push(bytes);
    else if (!this.#sink.write(bytes)) this.#flow.pause();
  }

  /** The runtime has sent the whole response, or (`error`, from its trailers) told that it failed inside. */
  end(error: { readonly errorType: string | null; readonly payload: Buffer } | null): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    if (error !== null) {
      this.#error = { errorType: error.errorType ?? errorTypeOf(error.payload, 'Unhandled'), payload: error.payload };
    } else if (this.#bytes <= this.#bytesMax) this.#sink?.end();
    this.#onEnd();
  }

  /** The runtime's connection ended inside the response. */
  cut(): void {
    if (this.#state !== 'open') return;
    this.#state = 'cut';
    this.#cutTimer = setTimeout(() => this.#onEnd(), cutMsMax);
  }

  /** The invocation is over: what still comes concerns nobody, and the runtime need not wait with it. */
  close(): void {
    this.#state = 'ended';
    this.#kept.clear();
    if (this.#cutTimer !== null) clearTimeout(this.#cutTimer);
    if (this.#sink !== null) this.#sink.onDrain = null;
    this.#flow.resume();
  }

  /** To be taken once, when the invocation ends as the runtime says. */
  take(): StreamResult {
    const streamed = this.#sink !== null;
    if (this.#error !== null) return { kind: 'error', ...this.#error, bytes: this.#error.payload.length, streamed };
    if (this.#state !== 'ended') {
      return { kind: 'error', errorType: truncated, payload: truncatedReport(), bytes: 0, streamed };
    }
    const payload = this.#kept.bytes === 0 ? nothing : this.#kept.take();
    return { kind: 'response', errorType: '', payload, bytes: this.#bytes, streamed };
  }

  /** A client that has part of a response learns first of all that it is not whole, when its process ended. */
  outcome(outcome: InvocationOutcome): InvocationOutcome {
    if (outcome.kind !== 'function-error' || this.#sink === null || this.#state === 'ended') return outcome;
    return exits.has(outcome.errorType) ? { ...outcome, errorType: truncated } : outcome;
  }
}

function truncatedReport(): Buffer {
  return Buffer.from(
    JSON.stringify({ errorType: truncated, errorMessage: 'The response ended before it was complete' }),
  );
}
