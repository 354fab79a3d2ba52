import { refused } from './malformed.js';
import type { Regex, Span } from './tree.js';

/** RE2, which runs the expressions, writes nothing out more often. */
const repetitionsMax = 1_000;

/**
 * A regular expression of a query in RE2's spelling. RE2 is linear in the text whatever the expression, and for that has
 * neither look-around nor references to groups: these are refused. `\/` is a slash. Throws `MalformedQuery`.
 */
export function readRegex(written: string, at: Span): Regex {
  const invalid = (why: string) => refused(`Invalid regular expression: ${why}`, at);
  let source = '';
  const groups: (string | null)[] = [];
  let inClass = false;
  for (let i = 0; i < written.length; i += 1) {
    const character = written[i]!;
    if (character === '\\') {
      const escaped = written[i + 1];
      if (escaped === undefined) throw invalid('it ends with a backslash');
      if (/[1-9]/.test(escaped) && !inClass) throw invalid('references to groups are not supported');
      if (escaped === 'k' && !inClass) throw invalid('references to groups are not supported');
      source += escaped === '/' ? '/' : `\\${escaped}`;
      i += 1;
      continue;
    }
    if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else if (character === '(') {
      const opening = /\((?:\?(?:<([A-Za-z][A-Za-z0-9_]*)>|P<([A-Za-z][A-Za-z0-9_]*)>|[imsU-]*:|[imsU-]+\)))?/y;
      opening.lastIndex = i;
      const [found = '(', named, named2] = opening.exec(written) ?? [];
      if (found === '(' && written[i + 1] === '?') throw invalid('look-around is not supported');
      const name = named ?? named2;
      if (found === '(' || name !== undefined) groups.push(name ?? null);
      source += name === undefined ? found : `(?P<${name}>`;
      i += found.length - 1;
      continue;
    }
    source += character;
  }
  const named = groups.filter((name) => name !== null);
  if (new Set(named).size < named.length) throw invalid('two groups have the same name');
  for (const [, least = '', most = least] of source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    if (Number(least) > repetitionsMax || Number(most) > repetitionsMax) {
      throw invalid(`more than ${repetitionsMax} repetitions`);
    }
  }
  checkShape(source, invalid);
  return { kind: 'regex', source, groups, ...at };
}

/** Parentheses, classes and quantifiers: JavaScript's grammar has the same, once flags and names are out of the way. */
function checkShape(source: string, invalid: (why: string) => Error): void {
  const plain = source
    .replace(/\(\?[imsU-]+\)/g, '')
    .replace(/\(\?[imsU-]*:/g, '(?:')
    .replace(/\(\?P<[^>]*>/g, '(');
  try {
    new RegExp(plain);
  } catch (error) {
    const reason = (error as Error).message.split(': ').at(-1) ?? '';
    throw invalid(reason.toLowerCase());
  }
}

/** The expression of a glob: `*` stands for as little as possible, at the end of the glob for the rest of the line. */
export function regexOfGlob(glob: string): { readonly source: string; readonly count: number } {
  const parts = glob.split('*');
  const escaped = parts.map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  const count = parts.length - 1;
  const source = escaped.reduce((left, part, i) => `${left}${i === count && part === '' ? '(.*)' : '(.*?)'}${part}`);
  return { source, count };
}
