import { unexpected } from './malformed.js';
import { readRegex } from './regex.js';
import type { Regex, Span } from './tree.js';

export type Token = Span &
  (
    | { readonly kind: 'name' | 'quoted' | 'text' | 'symbol'; readonly text: string }
    /** `unit`: letters right after the digits, as in `5m`. */
    | { readonly kind: 'number'; readonly text: string; readonly unit: string }
    | { readonly kind: 'end'; readonly text: '' }
  );

const blank = /(?:\s|#[^\n]*)*/y;
const name = /[A-Za-z_@][\w.@]*/y;
const number = /(\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+(?![A-Za-z_]))?([A-Za-z]*)/y;
const symbol = /==|!=|<=|>=|=~|[=<>()[\],|+\-*/%^]/y;
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', "'": "'", '\\': '\\' };

/** Reads the symbols of a query one by one. A regular expression only where the grammar has one: `/` divides, too. */
export class Lexer {
  readonly text: string;
  #next: Token;
  /** End of the symbol taken last. */
  end = 0;

  constructor(text: string) {
    this.text = text;
    this.#next = this.#read(0);
  }

  get next(): Token {
    return this.#next;
  }

  take(): Token {
    const token = this.#next;
    this.end = token.end;
    if (token.kind !== 'end') this.#next = this.#read(token.end);
    return token;
  }

  isSymbol(...symbols: readonly string[]): boolean {
    return this.#next.kind === 'symbol' && symbols.includes(this.#next.text);
  }

  /** Keywords are names in any case. */
  isWord(...words: readonly string[]): boolean {
    return this.#next.kind === 'name' && words.includes(this.#next.text.toLowerCase());
  }

  takeSymbol(wanted: string): boolean {
    if (!this.isSymbol(wanted)) return false;
    this.take();
    return true;
  }

  takeWord(wanted: string): boolean {
    if (!this.isWord(wanted)) return false;
    this.take();
    return true;
  }

  expectSymbol(wanted: string): void {
    if (!this.takeSymbol(wanted)) throw this.unexpected();
  }

  /** The regular expression that begins with the next symbol, or null when that is no `/`. */
  takeRegex(): Regex | null {
    if (!this.isSymbol('/')) return null;
    const { start } = this.#next;
    let at = start + 1;
    for (; this.text[at] !== '/'; at += 1) {
      if (at >= this.text.length) throw unexpected(this.text, this.#next);
      if (this.text[at] === '\\') at += 1;
    }
    const regex = readRegex(this.text.slice(start + 1, at), { start, end: at + 1 });
    this.end = at + 1;
    this.#next = this.#read(at + 1);
    return regex;
  }

  unexpected(token: Span = this.#next): Error {
    return unexpected(this.text, token);
  }

  #read(from: number): Token {
    const { text } = this;
    blank.lastIndex = from;
    const start = from + blank.exec(text)![0].length;
    const first = text[start];
    if (first === undefined) return { kind: 'end', text: '', start, end: start };
    if (first === '"' || first === "'") return this.#readText(start, first);
    if (first === '`') return this.#readQuoted(start);
    number.lastIndex = start;
    const digits = number.exec(text);
    if (digits !== null) {
      const unit = digits[2]!;
      const end = start + digits[0].length;
      return { kind: 'number', text: text.slice(start, end - unit.length), unit, start, end };
    }
    for (const [kind, pattern] of [
      ['name', name],
      ['symbol', symbol],
    ] as const) {
      pattern.lastIndex = start;
      const found = pattern.exec(text)?.[0];
      if (found !== undefined) return { kind, text: found, start, end: start + found.length };
    }
    throw unexpected(text, { start, end: start + String.fromCodePoint(text.codePointAt(start)!).length });
  }

  #readText(start: number, quote: string): Token {
    let value = '';
    for (let at = start + 1; at < this.text.length; at += 1) {
      const character = this.text[at]!;
      if (character === quote) return { kind: 'text', text: value, start, end: at + 1 };
      if (character !== '\\') {
        value += character;
        continue;
      }
      at += 1;
      const escaped = this.text[at] ?? '';
      value += escapes[escaped] ?? `\\${escaped}`;
    }
    throw unexpected(this.text, { start, end: this.text.length });
  }

  #readQuoted(start: number): Token {
    const end = this.text.indexOf('`', start + 1);
    if (end <= start + 1) throw unexpected(this.text, { start, end: end < 0 ? this.text.length : end + 1 });
    return { kind: 'quoted', text: this.text.slice(start + 1, end), start, end: end + 1 };
  }
}
