/** Whether an event satisfies a filter pattern. Pure; costs time in proportion to event and pattern. */
export type EventMatcher = (event: unknown) => boolean;

type Json = Readonly<Record<string, unknown>>;
type LeafTest = (value: unknown) => boolean;

/** Patterns nest no deeper: more than any event that is written by hand, and no stack is used up. */
const depthMax = 64;

class PatternError extends Error {}

/**
 * Compiles a filter pattern (AWS documentation, "Lambda event filtering"): an object that repeats the event's structure,
 * with lists of what each value may be: literals, `prefix`, `suffix`, `equals-ignore-case`, `anything-but`, `numeric`,
 * `exists`, and `$or` for alternatives between members. Null: not a valid pattern.
 */
export function compilePattern(text: string): EventMatcher | null {
  try {
    const pattern: unknown = JSON.parse(text);
    return compileObject(objectOf(pattern), 0);
  } catch (error) {
    if (error instanceof PatternError || error instanceof SyntaxError) return null;
    throw error;
  }
}

function compileObject(pattern: Json, depth: number): EventMatcher {
  if (depth > depthMax) throw new PatternError('too deep');
  const tests = Object.entries(pattern).map(([name, inner]): EventMatcher => {
    if (name === '$or') return compileOr(inner, depth);
    return Array.isArray(inner) ? compileLeaf(name, inner) : compileNested(name, objectOf(inner), depth);
  });
  if (tests.length === 0) throw new PatternError('empty');
  return (event) => tests.every((test) => test(event));
}

function compileOr(alternatives: unknown, depth: number): EventMatcher {
  if (!Array.isArray(alternatives) || alternatives.length < 2) throw new PatternError('$or wants two or more');
  const tests = alternatives.map((one) => compileObject(objectOf(one), depth + 1));
  return (event) => tests.some((test) => test(event));
}

function compileNested(name: string, pattern: Json, depth: number): EventMatcher {
  const test = compileObject(pattern, depth + 1);
  return (event) => {
    const value = member(event, name);
    // Of a list of objects, one has to match.
    return Array.isArray(value) ? value.some((element) => test(element)) : test(value);
  };
}

function compileLeaf(name: string, choices: readonly unknown[]): EventMatcher {
  if (choices.length === 0) throw new PatternError('no choices');
  const tests = choices.map(compileChoice);
  return (event) => {
    const value = member(event, name);
    // `undefined` is what is absent: only `exists` cares.
    return tests.some((test) => (Array.isArray(value) ? value.some(test) : test(value)));
  };
}

function compileChoice(choice: unknown): LeafTest {
  if (choice === null || ['string', 'number', 'boolean'].includes(typeof choice)) return (value) => value === choice;
  const [entry, ...more] = Object.entries(objectOf(choice));
  if (entry === undefined || more.length > 0) throw new PatternError('one operator each');
  const [operator, operand] = entry;
  switch (operator) {
    case 'exists': {
      if (typeof operand !== 'boolean') throw new PatternError('exists');
      // Members that hold objects do not count as leaves, as with EventBridge.
      return (value) => (value !== undefined && (typeof value !== 'object' || value === null)) === operand;
    }
    case 'numeric':
      return compileNumeric(operand);
    case 'anything-but':
      return compileAnythingBut(operand);
    default:
      return compileText(operator, operand);
  }
}

function compileText(operator: string, operand: unknown): LeafTest {
  if (typeof operand !== 'string') throw new PatternError(operator);
  switch (operator) {
    case 'prefix':
      return (value) => typeof value === 'string' && value.startsWith(operand);
    case 'suffix':
      return (value) => typeof value === 'string' && value.endsWith(operand);
    case 'equals-ignore-case': {
      const wanted = operand.toLowerCase();
      return (value) => typeof value === 'string' && value.toLowerCase() === wanted;
    }
    default:
      throw new PatternError(operator);
  }
}

/** A literal, a list of literals, or a text operator that must not hold. What is absent does not match. */
function compileAnythingBut(operand: unknown): LeafTest {
  const isText = typeof operand === 'object' && operand !== null && !Array.isArray(operand);
  const choices = Array.isArray(operand) ? operand : [operand];
  if (choices.length === 0) throw new PatternError('anything-but');
  const excluded = isText
    ? [compileText(...(Object.entries(operand)[0] ?? ['', null]))]
    : choices.map((one) => {
        if (typeof one !== 'string' && typeof one !== 'number') throw new PatternError('anything-but');
        return (value: unknown) => value === one;
      });
  return (value) => value !== undefined && !excluded.some((test) => test(value));
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** `["=", 3]`, or one or two bounds: `[">", 0, "<=", 5]`. */
function compileNumeric(operand: unknown): LeafTest {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) throw new PatternError('numeric');
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < operand.length; at += 2) {
    const [name, bound] = [operand[at] as unknown, operand[at + 1] as unknown];
    if (typeof name !== 'string' || !Object.hasOwn(comparisons, name)) throw new PatternError('numeric');
    if (typeof bound !== 'number') throw new PatternError('numeric');
    tests.push((value) => comparisons[name]!(value, bound));
  }
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}

function member(event: unknown, name: string): unknown {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return undefined;
  return Object.hasOwn(event, name) ? (event as Json)[name] : undefined;
}

function objectOf(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new PatternError('an object is wanted');
}
