import { HttpPreludeReader, httpPreludeType } from '../../wire/httpprelude.js';
import type { InvocationOutcome } from '../../wire/invocation.js';
import type { ResponseSink } from '../../wire/responsesink.js';
import type { Exchange } from '../exchange.js';
import type { Bandwidth } from '../pace.js';
import { StreamedAnswer } from '../streamedanswer.js';
import { headOf } from './response.js';

/** The answer of a request to a URL in mode RESPONSE_STREAM: the client gets what the function writes, when it does. */
export class UrlStream implements ResponseSink {
  started = false;
  readonly #exchange: Exchange;
  readonly #answer: StreamedAnswer;
  /** Beside the function's own: CORS, the trace. Names and values in turn. */
  readonly #headers: readonly string[];
  readonly #onBroken: () => void;
  /** Null: the function's stream is the body from its first byte, or has come to it. */
  #prelude: HttpPreludeReader | null = null;
  /** The client has its whole answer, or never will: what still comes is thrown away. */
  #over = false;

  /** `onBroken` answers for a function that failed, or whose prelude is none, before anything left. */
  constructor(exchange: Exchange, headers: readonly string[], bandwidth: Bandwidth | null, onBroken: () => void) {
    this.#exchange = exchange;
    this.#answer = new StreamedAnswer(exchange, bandwidth);
    this.#headers = headers;
    this.#onBroken = onBroken;
  }

  get onDrain(): (() => void) | null {
    return this.#answer.onDrain;
  }

  set onDrain(resume: (() => void) | null) {
    this.#answer.onDrain = resume;
  }

  start(contentType: string): void {
    this.started = true;
    if (contentType.split(';', 1)[0]?.trim().toLowerCase() === httpPreludeType) this.#prelude = new HttpPreludeReader();
    else this.#begin(200, ['Content-Type', contentType]);
  }

  write(chunk: Buffer): boolean {
    if (this.#over) return true;
    if (this.#prelude === null) return this.#answer.write(chunk);
    const found = this.#prelude.push(chunk);
    if (found === null) return true;
    this.#prelude = null;
    const head = 'problem' in found ? null : headOf(found.prelude, 200);
    if (head === null || 'problem' in found) {
      this.#break();
      return true;
    }
    this.#begin(head.status, head.headers);
    return found.rest.length === 0 || this.#answer.write(found.rest);
  }

  end(): void {
    if (this.#over) return;
    if (this.#prelude !== null) {
      this.#break();
      return;
    }
    this.#over = true;
    this.#answer.end();
  }

  /** The invocation is over. False: nothing has left or will: the answer is the outcome's. */
  finish(outcome: InvocationOutcome): boolean {
    if (this.#over) return true;
    if (!this.started) return false;
    if (outcome.kind === 'success') {
      if (outcome.payload.length > 0) this.write(outcome.payload);
      this.end();
      return true;
    }
    if (!this.#answer.began) return false;
    // As on AWS, a client learns of an error behind the head by an answer that has no end.
    this.#over = true;
    this.#exchange.req.socket.destroy();
    return true;
  }

  #begin(status: number, headers: readonly string[]): void {
    this.#answer.begin(status, [...headers, ...this.#headers]);
  }

  #break(): void {
    this.#over = true;
    this.#onBroken();
  }
}
