/**
 * The regular expressions of filter patterns: characters, classes, `.`, `\`, `^`, `$`, `|`, and `? * + {m,n}` after one
 * of them; no parentheses. Run as a set of states, so that no expression makes a search slow: JavaScript's own engine
 * would need hours for `%.*.*.*.*.*x%` over a long line.
 */
type Step =
  | { readonly kind: 'character'; readonly accepts: (code: number) => boolean }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' };

interface Item {
  readonly step: Step;
  /** May be left out, may come again. */
  readonly optional: boolean;
  readonly repeats: boolean;
}

/** After writing out `{m,n}`: bounds the work per character of a message (256 KiB of them: some 0.2 s at worst). */
const itemsMax = 200;

/** A test whether a text contains a match, or the reason why this is no expression. */
export function compileRegex(source: string): ((text: string) => boolean) | string {
  const invalid = /[^A-Za-z0-9:_#=@/;,\-^$?[\]{}|\\*+.\s]/.exec(source);
  // An escaped character may be anything: \( is a parenthesis.
  if (invalid !== null && source[invalid.index - 1] !== '\\') return `Invalid character(s) in term '${invalid[0]}'`;
  const alternatives: Item[][] = [[]];
  for (let at = 0; at < source.length; ) {
    const items = alternatives.at(-1)!;
    if (source[at] === '|') {
      alternatives.push([]);
      at += 1;
      continue;
    }
    const found = readStep(source, at);
    if (found === null) return 'Invalid regular expression in filter pattern';
    const times = readTimes(source, found.next);
    if (times === null) return 'Invalid regular expression in filter pattern';
    at = times.next;
    for (let i = 0; i < times.least; i += 1) items.push({ step: found.step, optional: false, repeats: false });
    if (times.most === null) items.push({ step: found.step, optional: true, repeats: true });
    else
      for (let i = times.least; i < times.most; i += 1)
        items.push({ step: found.step, optional: true, repeats: false });
    if (items.length > itemsMax) return 'Regular expression in filter pattern is too large';
  }
  return (text) => alternatives.some((items) => contains(items, text));
}

/** Positions in the expression that the text so far can have led to, each once. */
class States {
  readonly list: Int32Array;
  count = 0;
  /** At which character a position was last put in. */
  readonly #since: Int32Array;

  constructor(size: number) {
    this.list = new Int32Array(size);
    this.#since = new Int32Array(size).fill(-1);
  }

  /** Adds a position and all that follow it without a character. True when the end of the expression is reached. */
  enter(items: readonly Item[], from: number, at: number, length: number): boolean {
    for (let state = from; ; state += 1) {
      const item = items[state];
      if (item === undefined) return true;
      if (item.step.kind === 'character') {
        if (this.#since[state] === at) return false;
        this.#since[state] = at;
        this.list[this.count] = state;
        this.count += 1;
        if (!item.optional) return false;
      } else if (!item.optional && at !== (item.step.kind === 'start' ? 0 : length)) {
        return false;
      }
    }
  }
}

function contains(items: readonly Item[], text: string): boolean {
  let states = new States(items.length);
  let next = new States(items.length);
  for (let at = 0; at <= text.length; at += 1) {
    // A match may begin anywhere.
    if (states.enter(items, 0, at, text.length)) return true;
    if (at === text.length) return false;
    const code = text.charCodeAt(at);
    next.count = 0;
    for (let i = 0; i < states.count; i += 1) {
      const state = states.list[i]!;
      const { step, repeats } = items[state]!;
      if (step.kind !== 'character' || !step.accepts(code)) continue;
      if (next.enter(items, repeats ? state : state + 1, at + 1, text.length)) return true;
    }
    [states, next] = [next, states];
  }
  return false;
}

function readStep(source: string, at: number): { readonly step: Step; readonly next: number } | null {
  const character = source[at]!;
  const step = (accepts: (code: number) => boolean, next: number) =>
    ({ step: { kind: 'character', accepts }, next }) as const;
  if (character === '^') return { step: { kind: 'start' }, next: at + 1 };
  if (character === '$') return { step: { kind: 'end' }, next: at + 1 };
  if (character === '.') return step(() => true, at + 1);
  if (character === '[') return readClass(source, at);
  if ('?*+{}]'.includes(character)) return null;
  if (character !== '\\') {
    const code = source.charCodeAt(at);
    return step((other) => other === code, at + 1);
  }
  const escaped = source[at + 1];
  if (escaped === undefined) return null;
  return step(escapedTest(escaped), at + 2);
}

/** `\d \w \s` and their opposites; any other escaped character is itself. */
function escapedTest(escaped: string): (code: number) => boolean {
  if ('dwsDWS'.includes(escaped)) {
    const tests = { d: /\d/, w: /\w/, s: /\s/ };
    const test = tests[escaped.toLowerCase() as 'd' | 'w' | 's'];
    const wanted = escaped === escaped.toLowerCase();
    return (code) => test.test(String.fromCharCode(code)) === wanted;
  }
  const code = escaped.charCodeAt(0);
  return (other) => other === code;
}

function readClass(source: string, at: number): { readonly step: Step; readonly next: number } | null {
  const negated = source[at + 1] === '^';
  const tests: ((code: number) => boolean)[] = [];
  let i = at + (negated ? 2 : 1);
  for (; source[i] !== ']'; ) {
    if (i >= source.length) return null;
    if (source[i] === '\\') {
      if (source[i + 1] === undefined) return null;
      tests.push(escapedTest(source[i + 1]!));
      i += 2;
      continue;
    }
    const first = source.charCodeAt(i);
    const isRange = source[i + 1] === '-' && source[i + 2] !== undefined && source[i + 2] !== ']';
    const last = isRange ? source.charCodeAt(i + 2) : first;
    if (last < first) return null;
    tests.push((code) => code >= first && code <= last);
    i += isRange ? 3 : 1;
  }
  if (tests.length === 0) return null;
  const accepts = (code: number) => tests.some((test) => test(code)) !== negated;
  return { step: { kind: 'character', accepts }, next: i + 1 };
}

interface Times {
  readonly least: number;
  readonly most: number | null;
  readonly next: number;
}

function readTimes(source: string, at: number): Times | null {
  if (source[at] === '?') return { least: 0, most: 1, next: at + 1 };
  if (source[at] === '*') return { least: 0, most: null, next: at + 1 };
  if (source[at] === '+') return { least: 1, most: null, next: at + 1 };
  if (source[at] !== '{') return { least: 1, most: 1, next: at };
  const braces = /\{(\d{1,4})(?:,\s*(\d{1,4})?)?\}/y;
  braces.lastIndex = at;
  const found = braces.exec(source);
  if (found === null) return null;
  const least = Number(found[1]);
  const most = found[2] !== undefined ? Number(found[2]) : found[0].includes(',') ? null : least;
  if (most !== null && most < least) return null;
  return { least, most, next: at + found[0].length };
}
