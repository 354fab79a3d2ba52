import { eventStreamType, type InvokeComplete, invokeComplete, payloadChunk } from '../wire/eventstream.js';
import type { InvocationOutcome } from '../wire/invocation.js';
import type { ResponseSink } from '../wire/responsesink.js';
import type { Exchange } from './exchange.js';
import type { Bandwidth } from './pace.js';
import { StreamedAnswer } from './streamedanswer.js';

/**
 * The answer of InvokeWithResponseStream: PayloadChunk events as the function writes, then InvokeComplete. Until the
 * function has begun to answer, what goes wrong is an ordinary error response.
 */
export class InvokeStream implements ResponseSink {
  readonly #exchange: Exchange;
  readonly #answer: StreamedAnswer;
  readonly #executedVersion: string;
  readonly #traceHeader: string;
  readonly #tail: boolean;
  #over = false;

  constructor(
    exchange: Exchange,
    executedVersion: string,
    traceHeader: string,
    tail: boolean,
    bandwidth: Bandwidth | null,
  ) {
    this.#exchange = exchange;
    this.#answer = new StreamedAnswer(exchange, bandwidth);
    this.#executedVersion = executedVersion;
    this.#traceHeader = traceHeader;
    this.#tail = tail;
  }

  get started(): boolean {
    return this.#answer.began;
  }

  get onDrain(): (() => void) | null {
    return this.#answer.onDrain;
  }

  set onDrain(resume: (() => void) | null) {
    this.#answer.onDrain = resume;
  }

  /** The type that the function gives to its response does not travel: the answer's is that of the event stream. */
  start(): void {
    this.#answer.begin(200, [
      'Content-Type',
      eventStreamType,
      'X-Amz-Executed-Version',
      this.#executedVersion,
      'X-Amzn-Trace-Id',
      this.#traceHeader,
    ]);
  }

  write(chunk: Buffer): boolean {
    return this.#answer.write(payloadChunk(chunk));
  }

  /** Whoever asked for the log waits for the end of the invocation. */
  end(): void {
    if (!this.#tail) this.#complete({});
  }

  finish(outcome: InvocationOutcome): void {
    if (!this.started) {
      if (outcome.kind === 'refused') {
        this.#exchange.fail(outcome.failure);
        return;
      }
      this.start();
    }
    if (outcome.kind === 'refused') {
      this.#complete({ ErrorCode: outcome.failure.code, ErrorDetails: outcome.failure.message });
      return;
    }
    const { logTail } = outcome;
    const log = logTail === null ? {} : { LogResult: logTail.toString('base64') };
    if (outcome.kind === 'function-error') {
      this.#complete({ ErrorCode: outcome.errorType, ErrorDetails: outcome.payload.toString('utf8'), ...log });
    } else this.#answer.writeAll(outcome.payload, payloadChunk, () => this.#complete(log));
  }

  #complete(members: InvokeComplete): void {
    if (this.#over) return;
    this.#over = true;
    this.#answer.end(invokeComplete(members));
  }
}
