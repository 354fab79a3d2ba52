import { kib } from '../kernel/units.js';

/**
 * A streamed response that carries an HTTP answer (`awslambda.HttpResponseStream.from`): a JSON object with status,
 * headers and cookies, eight NUL bytes, then the body. InvokeWithResponseStream passes it on as it is; function URLs
 * make an HTTP answer of it.
 */
export const httpPreludeType = 'application/vnd.awslambda.http-integration-response';

/** What a function may say before its body; absent members mean 200 and no headers. Not checked further than JSON. */
export type HttpPrelude = Readonly<Record<string, unknown>>;

const delimiter = Buffer.alloc(8);
/** Headers and cookies of one answer: far more than any HTTP client takes. */
export const preludeBytesMax = 128 * kib;

/**
 * Takes the prelude off the front of a streamed response, however it is cut into chunks. Holds no more than
 * `preludeBytesMax` and the chunk that completes it.
 */
export class HttpPreludeReader {
  #held: Buffer = Buffer.alloc(0);

  /**
   * Null: more is needed. `problem`: it is no prelude (no JSON object, or no end within the bound). Otherwise the prelude
   * and what of the body came with it; the reader is not used further.
   */
  push(chunk: Buffer): { readonly prelude: HttpPrelude; readonly rest: Buffer } | { readonly problem: string } | null {
    // Only the new bytes, and the end of the old ones where a delimiter may have begun, need a look.
    const from = Math.max(0, this.#held.length - delimiter.length + 1);
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = this.#held.indexOf(delimiter, from);
    if (end > preludeBytesMax || (end < 0 && this.#held.length > preludeBytesMax)) {
      return { problem: `no prelude within ${preludeBytesMax} bytes` };
    }
    if (end < 0) return null;
    const prelude = parsed(this.#held.toString('utf8', 0, end));
    if (prelude === null) return { problem: 'the prelude is not a JSON object' };
    return { prelude, rest: this.#held.subarray(end + delimiter.length) };
  }
}

function parsed(text: string): HttpPrelude | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as HttpPrelude) : null;
  } catch {
    return null;
  }
}
