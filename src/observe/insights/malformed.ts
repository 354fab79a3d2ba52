import type { Span } from './tree.js';

/** A query that cannot be understood: thrown while reading it, answered as MalformedQueryException. */
export class MalformedQuery extends Error {
  override readonly name = 'MalformedQuery';
  constructor(
    message: string,
    readonly at: Span,
  ) {
    super(message);
  }
}

/** The service's words: `unexpected symbol found bad at line 1 and position 843` (line and position from 1). */
export function unexpected(text: string, at: Span): MalformedQuery {
  const symbol = text.slice(at.start, at.end);
  const before = text.slice(0, at.start).split('\n');
  const place = `at line ${before.length} and position ${before.at(-1)!.length + 1}`;
  return new MalformedQuery(`unexpected symbol found ${symbol === '' ? '<EOF>' : symbol} ${place}`, at);
}

/** With the place in characters after the message: `Ephemeral field is already defined: x ([15,20])`. */
export function refused(message: string, at: Span): MalformedQuery {
  return new MalformedQuery(`${message} ([${at.start},${at.end}])`, at);
}
