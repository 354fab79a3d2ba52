import { compileRegex } from './linearregex.js';

/** The pattern is not one; ends parsing, caught by `parseFilterPattern` only. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

/** What one value of a pattern accepts. */
export interface ValueTest {
  /** As written, without quotes; null for a regular expression. */
  readonly text: string | null;
  readonly quoted: boolean;
  readonly accepts: (value: string) => boolean;
}

/** The service allows two regular expressions in a pattern. */
const regexesMax = 2;

/** Reads a pattern from left to right. */
export class PatternCursor {
  at = 0;
  #regexes = 0;

  constructor(readonly text: string) {}

  get ended(): boolean {
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  /** Takes `word` after white space when it is next. */
  take(word: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  expect(word: string): void {
    if (!this.take(word)) this.refuse();
  }

  /** Takes what a sticky expression finds here, without skipping white space. */
  match(sticky: RegExp): string | null {
    sticky.lastIndex = this.at;
    const found = sticky.exec(this.text);
    if (found === null) return null;
    this.at += found[0].length;
    return found[0];
  }

  /** The error for whatever stands here. */
  refuse(): never {
    const rest = this.text.slice(this.at).trimStart();
    const culprit = /^[^\p{L}\p{N}_\s]+/u.exec(rest)?.[0] ?? rest.slice(0, 1);
    throw new PatternError(culprit === '' ? 'Invalid filter pattern' : `Invalid character(s) in term '${culprit}'`);
  }

  /** `"text"` with `\"` and `\\`, or null when there is none here. */
  quoted(): string | null {
    if (this.text[this.at] !== '"') return null;
    const found = this.match(/"(?:[^"\\]|\\.)*"/sy);
    if (found === null) this.refuse();
    return found.slice(1, -1).replace(/\\(["\\])/g, '$1');
  }

  /** `%expression%`, or null when there is none here. */
  regex(): ((value: string) => boolean) | null {
    if (this.text[this.at] !== '%') return null;
    const found = this.match(/%[^%]*%/y);
    if (found === null) this.refuse();
    this.#regexes += 1;
    if (this.#regexes > regexesMax) throw new PatternError('Too many regular expressions in filter pattern');
    const compiled = compileRegex(found.slice(1, -1));
    if (typeof compiled === 'string') throw new PatternError(compiled);
    return compiled;
  }

  /** A value after an operator: quoted, regular expression, or bare up to what `bare` leaves. */
  value(bare: RegExp): ValueTest {
    this.skipSpace();
    const regex = this.regex();
    if (regex !== null) return { text: null, quoted: false, accepts: regex };
    const quoted = this.quoted();
    const text = quoted ?? this.match(bare);
    if (text === null || (quoted === null && text === '')) this.refuse();
    return { text, quoted: quoted !== null, accepts: wildcard(text) };
  }
}

/** `*` stands for any text. Linear: the pieces are looked for one after the other. */
export function wildcard(pattern: string): (value: string) => boolean {
  const pieces = pattern.split('*');
  if (pieces.length === 1) return (value) => value === pattern;
  const first = pieces[0]!;
  const last = pieces.at(-1)!;
  const middle = pieces.slice(1, -1);
  return (value) => {
    if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false;
    let at = first.length;
    for (const piece of middle) {
      const found = value.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= value.length - last.length;
  };
}
