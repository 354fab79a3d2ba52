import { kib } from '../../kernel/units.js';
import type { HttpConnection, StreamTarget } from './httpconnection.js';
import type { StreamedResponse } from './streamedresponse.js';

/** The error object in the trailer, as base64, may have this size; official clients put a whole stack trace there. */
const trailerBytesMax = 64 * kib;

const errorTypeTrailer = 'lambda-runtime-function-error-type';
const errorBodyTrailer = 'lambda-runtime-function-error-body';

/**
 * The HTTP request that carries a streamed response ("Implementing response streaming in a custom runtime", Lambda
 * developer guide): chunks as the function writes them, an error inside as trailers.
 */
export class ResponseRequest implements StreamTarget {
  readonly trailerBytesMax = trailerBytesMax;
  readonly #response: StreamedResponse;
  readonly #connection: HttpConnection;
  readonly #accepted: string;
  #errorType: string | null = null;
  #errorBody: Buffer | null = null;

  /** `accepted`: the body of the answer. */
  constructor(response: StreamedResponse, connection: HttpConnection, accepted: string) {
    this.#response = response;
    this.#connection = connection;
    this.#accepted = accepted;
  }

  piece(bytes: Buffer): boolean {
    this.#response.piece(bytes);
    return true;
  }

  trailer(line: string): void {
    const colon = line.indexOf(':');
    if (colon < 0) return;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (value === '') return;
    if (name === errorTypeTrailer) this.#errorType = value.slice(0, 256);
    else if (name === errorBodyTrailer) this.#errorBody = decoded(value);
  }

  cut(): void {
    this.#response.cut();
  }

  complete(): void {
    this.#connection.answer(202, '', this.#accepted);
    const failed = this.#errorType !== null || this.#errorBody !== null;
    this.#response.end(
      failed ? { errorType: this.#errorType, payload: this.#errorBody ?? this.#report(this.#errorType) } : null,
    );
  }

  #report(errorType: string | null): Buffer {
    return Buffer.from(JSON.stringify({ errorType, errorMessage: '' }));
  }
}

/** Documented as base64; some runtimes send the JSON text itself. */
function decoded(value: string): Buffer {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(value) ? Buffer.from(value, 'base64') : Buffer.from(value, 'latin1');
}
