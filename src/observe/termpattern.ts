import { PatternCursor } from './patterncursor.js';

/**
 * `ERROR "a phrase" -excluded ?any ?of %regex%`: a term is found anywhere in the message, upper and lower case differ.
 * Terms are letters, digits and `_`; the user guide wants everything else in quotes. `.`, `-` and `/` inside a word
 * are taken too. With terms that must or must not be there, the `?` ones have no effect (user guide).
 */
export function parseTermPattern(text: string): (message: string) => boolean {
  const cursor = new PatternCursor(text);
  const all: ((message: string) => boolean)[] = [];
  const none: ((message: string) => boolean)[] = [];
  const any: ((message: string) => boolean)[] = [];
  for (cursor.skipSpace(); !cursor.ended; cursor.skipSpace()) {
    const sign = cursor.match(/[-?]/y);
    const target = sign === '-' ? none : sign === '?' ? any : all;
    target.push(readTerm(cursor));
    // Terms are apart from each other.
    if (!cursor.ended && !/\s/.test(cursor.text[cursor.at]!)) cursor.refuse();
  }
  if (all.length === 0 && none.length === 0) return (message) => any.some((test) => test(message));
  return (message) => all.every((test) => test(message)) && !none.some((test) => test(message));
}

function readTerm(cursor: PatternCursor): (message: string) => boolean {
  const regex = cursor.regex();
  if (regex !== null) return regex;
  const term = cursor.quoted() ?? cursor.match(/[\p{L}\p{N}_](?:[\p{L}\p{N}_./-]*[\p{L}\p{N}_])?/uy);
  if (term === null) cursor.refuse();
  // A quoted blank is the documented way to match everything.
  if (term.trim() === '') return () => true;
  return (message) => message.includes(term);
}
