import { isUtf8 } from 'node:buffer';

/**
 * Says whether bytes are one JSON text (RFC 8259), in one pass without building values: the payload goes to the
 * function as it came, so only its form matters here. Answers null, or what is wrong in the words of Lambda's parser.
 */
export function jsonProblem(bytes: Uint8Array): string | null {
  return new JsonScanner(bytes).problem();
}

const expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
/** What the service shows in place of the payload (recorded in late 2025). */
const source = 'REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)';
/** Characters of a wrong token shown in a message. */
const tokenCharactersMax = 256;

const quote = 34;
const backslash = 92;
const openObject = 123;
const closeObject = 125;
const openArray = 91;
const closeArray = 93;
const comma = 44;
const colon = 58;
const minus = 45;

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}
function isTokenByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 32;
  return isDigit(byte) || (lower >= 97 && lower <= 122) || byte === 95 || byte === 36 || byte >= 128;
}

class JsonScanner {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Bit per open container: 1 is an object. Grows with the nesting, never beyond the payload's own size. */
  #objects: boolean[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  problem(): string | null {
    const bytes = this.#bytes;
    this.#blanks();
    for (;;) {
      // A value is expected here.
      const byte = bytes[this.#at];
      if (byte === openObject || byte === openArray) {
        this.#at++;
        this.#blanks();
        const close = byte === openObject ? closeObject : closeArray;
        if (bytes[this.#at] === close) this.#at++;
        else {
          this.#objects.push(byte === openObject);
          if (byte === openObject) {
            const wrong = this.#name();
            if (wrong !== null) return wrong;
          }
          continue;
        }
      } else {
        const wrong = this.#scalar(byte);
        if (wrong !== null) return wrong;
      }
      // A value has ended: close what ends with it, up to the next one.
      for (;;) {
        this.#blanks();
        const next = bytes[this.#at];
        const inObject = this.#objects.at(-1);
        if (inObject === undefined) {
          if (next !== undefined) return this.#unexpected('Expected space separating root-level values');
          return isUtf8(bytes) ? null : this.#invalidUtf8(0, bytes.length);
        }
        if (next === undefined) return this.#endOfInput();
        this.#at++;
        if (next === comma) {
          this.#blanks();
          if (inObject) {
            const wrong = this.#name();
            if (wrong !== null) return wrong;
          }
          break;
        }
        if (next !== (inObject ? closeObject : closeArray)) {
          this.#at--;
          return this.#unexpected(
            inObject
              ? 'was expecting comma to separate Object entries'
              : 'was expecting comma to separate Array entries',
          );
        }
        this.#objects.pop();
      }
    }
  }

  #blanks(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    for (;;) {
      const byte = bytes[at];
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break;
      at++;
    }
    this.#at = at;
  }

  /** `"name" :` and the blanks after it. */
  #name(): string | null {
    if (this.#bytes[this.#at] !== quote) {
      return this.#at >= this.#bytes.length
        ? this.#endOfInput()
        : this.#unexpected('was expecting double-quote to start field name');
    }
    const wrong = this.#string();
    if (wrong !== null) return wrong;
    this.#blanks();
    if (this.#bytes[this.#at] !== colon) {
      return this.#at >= this.#bytes.length
        ? this.#endOfInput()
        : this.#unexpected('was expecting a colon to separate field name and value');
    }
    this.#at++;
    this.#blanks();
    return null;
  }

  #scalar(byte: number | undefined): string | null {
    if (byte === quote) return this.#string();
    if (byte === minus || isDigit(byte)) return this.#number();
    if (byte === 116) return this.#literal('true');
    if (byte === 102) return this.#literal('false');
    if (byte === 110) return this.#literal('null');
    if (byte === undefined) return this.#endOfInput();
    // No name begins with one of the control characters beyond ASCII.
    const named = isTokenByte(byte) && !(byte >= 128 && byte < 160);
    return named ? this.#token() : this.#unexpected(`expected a valid value ${expected}`);
  }

  #literal(text: string): string | null {
    const start = this.#at;
    for (let i = 0; i < text.length; i++) {
      if (this.#bytes[start + i] !== text.charCodeAt(i)) return this.#token();
    }
    if (isTokenByte(this.#bytes[start + text.length])) return this.#token();
    this.#at = start + text.length;
    return null;
  }

  #string(): string | null {
    const bytes = this.#bytes;
    let at = this.#at + 1;
    for (;;) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === undefined) {
        this.#at = at;
        return this.#located('Unexpected end-of-input: was expecting closing quote for a string value');
      }
      if (byte < 32) {
        this.#at = at;
        return this.#located(
          `Illegal unquoted character ((CTRL-CHAR, code ${byte})): has to be escaped using backslash to be included in string value`,
        );
      }
      if (byte === backslash) {
        at++;
        const escaped = bytes[at];
        if (escaped === 117) {
          for (let i = 1; i <= 4; i++) {
            const digit = bytes[at + i];
            const lower = (digit ?? 0) | 32;
            if (!isDigit(digit) && !(lower >= 97 && lower <= 102)) {
              this.#at = at + i;
              return this.#unexpected('expected a hex-digit for character escape sequence');
            }
          }
          at += 4;
        } else if (escaped === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(escaped))) {
          this.#at = at;
          return this.#located('Unrecognized character escape');
        }
      }
      at++;
    }
    this.#at = at + 1;
    return null;
  }

  #number(): string | null {
    const bytes = this.#bytes;
    let at = this.#at;
    if (bytes[at] === minus) at++;
    const leading = at;
    const digits = () => {
      const start = at;
      while (isDigit(bytes[at])) at++;
      return at > start;
    };
    let wrong: string | null = null;
    if (!digits()) wrong = 'Unexpected character: expected digit (0-9) to follow minus sign, for valid numeric value';
    else if (bytes[leading] === 48 && at > leading + 1) wrong = 'Invalid numeric value: Leading zeroes not allowed';
    else {
      if (bytes[at] === 46) {
        at++;
        if (!digits()) wrong = 'Unexpected character: Decimal point not followed by a digit';
      }
      if (wrong === null && ((bytes[at] ?? 0) | 32) === 101) {
        at++;
        if (bytes[at] === 43 || bytes[at] === minus) at++;
        if (!digits()) wrong = 'Unexpected character: Exponent indicator not followed by a digit';
      }
    }
    this.#at = at;
    if (wrong !== null) return this.#located(wrong);
    return isTokenByte(bytes[at]) ? this.#unexpected('Expected space separating root-level values') : null;
  }

  #token(): string {
    let end = this.#at;
    while (isTokenByte(this.#bytes[end]) && end - this.#at < tokenCharactersMax) end++;
    const bytes = Buffer.from(this.#bytes.subarray(this.#at, end));
    // A character that the bound cuts in two is none of the payload's faults.
    if (!isUtf8(bytes) && end - this.#at < tokenCharactersMax) return this.#invalidUtf8(this.#at, end);
    const token = bytes.toString('utf8');
    this.#at = end;
    return this.#located(`Unrecognized token '${token}': was expecting ${expected}`);
  }

  #unexpected(why: string): string {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) return this.#endOfInput();
    const control = byte < 32 || (byte >= 127 && byte < 160);
    const shown = control ? `(CTRL-CHAR, code ${byte})` : `'${String.fromCharCode(byte)}' (code ${byte})`;
    return this.#located(`Unexpected character (${shown}): ${why}`);
  }

  /** Where the first byte is that cannot be where it is, just behind which the service's parser stands then. */
  #invalidUtf8(from: number, end: number): string {
    let at = from;
    for (;;) {
      const first = this.#bytes[at] ?? 0;
      const rest = first < 128 ? 0 : first >> 5 === 6 ? 1 : first >> 4 === 14 ? 2 : first >> 3 === 30 ? 3 : null;
      let wrong = rest === null ? at : -1;
      for (let i = 1; wrong < 0 && i <= (rest ?? 0); i++)
        if (((this.#bytes[at + i] ?? 0) & 192) !== 128) wrong = at + i;
      if (wrong >= 0 || at >= end) {
        this.#at = Math.max(wrong, at) + 1;
        const byte = (this.#bytes[this.#at - 1] ?? 0).toString(16);
        return this.#located(`Invalid UTF-8 ${wrong > at ? 'middle' : 'start'} byte 0x${byte}`);
      }
      at += (rest ?? 0) + 1;
    }
  }

  #endOfInput(): string {
    return this.#located(
      this.#objects.length === 0
        ? 'No content to map due to end-of-input'
        : `Unexpected end-of-input: expected close marker for ${this.#objects.at(-1) ? 'Object' : 'Array'}`,
    );
  }

  #located(what: string): string {
    let line = 1;
    let lineStart = 0;
    for (let i = 0; i < this.#at && i < this.#bytes.length; i++) {
      if (this.#bytes[i] === 10) {
        line++;
        lineStart = i + 1;
      }
    }
    return `${what}\n at [Source: ${source}; line: ${line}, column: ${this.#at - lineStart + 1}]`;
  }
}
