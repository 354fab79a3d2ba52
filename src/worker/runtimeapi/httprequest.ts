/** A request's head, as far as the Runtime API needs it. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  /** Body length, `chunked`, or 0 for none. */
  readonly body: number | 'chunked';
  /** Lambda-Runtime-Function-Error-Type, or null. */
  readonly errorType: string | null;
  /** The head's own text where the request is not for the Runtime API: others need other headers. */
  readonly text: string | null;
  /** Lambda-Runtime-Function-Response-Mode; `null`: it names no mode. */
  readonly responseMode: 'buffered' | 'streaming' | null;
}

/** Where the Runtime API begins. */
export const runtimePrefix = '/2018-06-01/runtime/';

/** With its body, which is filled in when it has been read: copying the head costs more than parsing it. */
export interface HttpRequest extends RequestHead {
  payload: Buffer;
  /** May exceed `payload.length`: what is over the largest response is counted, not kept. */
  payloadBytes: number;
}

/** The request cannot be understood: the status to answer before the connection closes. */
export interface BadHead {
  readonly status: 400 | 417 | 501 | 505;
}

const empty = Buffer.alloc(0);
const digits = /^\d{1,15}$/;

/** Parses a request line and headers, without the empty line that ends them. RFC 9112; obsolete folding is refused. */
export function parseHead(text: string): HttpRequest | BadHead {
  let lineEnd = text.indexOf('\r\n');
  if (lineEnd < 0) lineEnd = text.length;
  const methodEnd = text.indexOf(' ');
  const pathEnd = text.indexOf(' ', methodEnd + 1);
  if (methodEnd <= 0 || pathEnd < 0 || pathEnd > lineEnd) return { status: 400 };
  const version = text.slice(pathEnd + 1, lineEnd);
  if (version !== 'HTTP/1.1' && version !== 'HTTP/1.0') {
    return { status: version.startsWith('HTTP/') ? 505 : 400 };
  }
  let keepAlive = version === 'HTTP/1.1';
  let expectsContinue = false;
  let length: number | null = null;
  let chunked = false;
  let errorType: string | null = null;
  let responseMode: RequestHead['responseMode'] = 'buffered';
  for (let at = lineEnd + 2; at < text.length; ) {
    let end = text.indexOf('\r\n', at);
    if (end < 0) end = text.length;
    const colon = text.indexOf(':', at);
    if (colon <= at || colon > end) return { status: 400 };
    // Only names of these lengths matter; the rest is skipped without making strings.
    switch (colon - at) {
      case 6: {
        if (text.slice(at, colon).toLowerCase() !== 'expect') break;
        if (
          text
            .slice(colon + 1, end)
            .trim()
            .toLowerCase() !== '100-continue'
        )
          return { status: 417 };
        expectsContinue = version === 'HTTP/1.1';
        break;
      }
      case 10: {
        if (text.slice(at, colon).toLowerCase() !== 'connection') break;
        const value = text.slice(colon + 1, end).toLowerCase();
        if (value.includes('close')) keepAlive = false;
        else if (value.includes('keep-alive')) keepAlive = true;
        break;
      }
      case 14: {
        if (text.slice(at, colon).toLowerCase() !== 'content-length') break;
        const value = text.slice(colon + 1, end).trim();
        if (!digits.test(value) || (length !== null && length !== Number(value))) return { status: 400 };
        length = Number(value);
        break;
      }
      case 17: {
        if (text.slice(at, colon).toLowerCase() !== 'transfer-encoding') break;
        if (
          text
            .slice(colon + 1, end)
            .trim()
            .toLowerCase() !== 'chunked' ||
          chunked
        )
          return { status: 501 };
        chunked = true;
        break;
      }
      case 34: {
        if (text.slice(at, colon).toLowerCase() === 'lambda-runtime-function-error-type') {
          errorType = text.slice(colon + 1, end).trim();
        }
        break;
      }
      case 37: {
        if (text.slice(at, colon).toLowerCase() === 'lambda-runtime-function-response-mode') {
          responseMode = responseModeOf(text.slice(colon + 1, end));
        }
        break;
      }
    }
    at = end + 2;
  }
  // Both at once is how requests are smuggled; nobody honest sends it.
  if (chunked && length !== null) return { status: 400 };
  const path = text.slice(methodEnd + 1, pathEnd);
  return {
    method: text.slice(0, methodEnd),
    path,
    text: path.startsWith(runtimePrefix) ? null : text,
    keepAlive,
    expectsContinue,
    body: chunked ? 'chunked' : (length ?? 0),
    errorType,
    responseMode,
    payload: empty,
    payloadBytes: 0,
  };
}

function responseModeOf(value: string): RequestHead['responseMode'] {
  const mode = value.trim().toLowerCase();
  return mode === 'streaming' || mode === 'buffered' ? mode : null;
}

/** Content-Type in a head; only streamed responses need it. */
export function contentTypeOf(text: string): string | null {
  return /\r\ncontent-type:([^\r\n]*)/i.exec(text)?.[1]?.trim() || null;
}
