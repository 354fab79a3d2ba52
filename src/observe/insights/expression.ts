import type { Lexer } from './lexer.js';
import { refused } from './malformed.js';
import { readPeriod } from './period.js';
import type { Comparison, Expression, LikePattern } from './tree.js';

/** Parentheses, functions and operators within each other: more is refused, so that no query exhausts the stack. */
const depthMax = 100;

const comparisons: ReadonlyMap<string, Comparison> = new Map([
  ['=', '='],
  ['==', '='],
  ['!=', '!='],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);

/** Reads one expression: `or` binds least, then `and`, `not`, comparisons, `+ -`, `* / %`, `^`, signs. */
export function readExpression(lexer: Lexer, depth = 0): Expression {
  return readChoices(lexer, depth);
}

function deeper(lexer: Lexer, depth: number): number {
  if (depth >= depthMax) throw refused(`The query is nested deeper than ${depthMax} levels`, lexer.next);
  return depth + 1;
}

function readChoices(lexer: Lexer, depth: number): Expression {
  let left = readConjunction(lexer, deeper(lexer, depth));
  while (lexer.takeWord('or')) {
    const right = readConjunction(lexer, depth + 1);
    left = { kind: 'or', left, right, start: left.start, end: right.end };
  }
  return left;
}

function readConjunction(lexer: Lexer, depth: number): Expression {
  let left = readNegation(lexer, depth);
  while (lexer.takeWord('and')) {
    const right = readNegation(lexer, depth);
    left = { kind: 'and', left, right, start: left.start, end: right.end };
  }
  return left;
}

function readNegation(lexer: Lexer, depth: number): Expression {
  const { start } = lexer.next;
  if (!lexer.takeWord('not')) return readComparison(lexer, depth);
  const operand = readNegation(lexer, deeper(lexer, depth));
  return { kind: 'not', operand, start, end: operand.end };
}

function readComparison(lexer: Lexer, depth: number): Expression {
  const left = readSum(lexer, depth);
  const { start } = left;
  const operator = lexer.next.kind === 'symbol' ? comparisons.get(lexer.next.text) : undefined;
  if (operator !== undefined) {
    lexer.take();
    const right = readSum(lexer, depth);
    return { kind: 'compare', operator, left, right, start, end: right.end };
  }
  const negated = lexer.takeWord('not');
  if (lexer.takeWord('like') || (!negated && lexer.takeSymbol('=~'))) {
    const pattern = readPattern(lexer);
    return { kind: 'like', operand: left, pattern, negated, start, end: lexer.end };
  }
  if (lexer.takeWord('in')) {
    const values = readList(lexer, '[', ']', depth);
    return { kind: 'in', operand: left, values, negated, start, end: lexer.end };
  }
  if (negated) throw lexer.unexpected();
  return left;
}

function readPattern(lexer: Lexer): LikePattern {
  const regex = lexer.takeRegex();
  if (regex !== null) return regex;
  if (lexer.next.kind !== 'text') throw lexer.unexpected();
  return { kind: 'text', text: lexer.take().text };
}

function readSum(lexer: Lexer, depth: number): Expression {
  let left = readProduct(lexer, depth);
  while (lexer.isSymbol('+', '-')) {
    const operator = lexer.take().text as '+' | '-';
    const right = readProduct(lexer, depth);
    left = { kind: 'arithmetic', operator, left, right, start: left.start, end: right.end };
  }
  return left;
}

function readProduct(lexer: Lexer, depth: number): Expression {
  let left = readPower(lexer, depth);
  while (lexer.isSymbol('*', '/', '%')) {
    const operator = lexer.take().text as '*' | '/' | '%';
    const right = readPower(lexer, depth);
    left = { kind: 'arithmetic', operator, left, right, start: left.start, end: right.end };
  }
  return left;
}

function readPower(lexer: Lexer, depth: number): Expression {
  const { start } = lexer.next;
  if (lexer.takeSymbol('-')) {
    const operand = readPower(lexer, deeper(lexer, depth));
    return { kind: 'negate', operand, start, end: operand.end };
  }
  const left = readPrimary(lexer, depth);
  if (!lexer.takeSymbol('^')) return left;
  const right = readPower(lexer, deeper(lexer, depth));
  return { kind: 'arithmetic', operator: '^', left, right, start, end: right.end };
}

/** Words that end an expression or stand between its parts: a field of this name needs backticks. */
const keywords = ['and', 'or', 'not', 'in', 'like', 'as', 'by'];

function readPrimary(lexer: Lexer, depth: number): Expression {
  const token = lexer.next;
  const { start, end } = token;
  if (token.kind === 'number') {
    lexer.take();
    if (token.unit === '') return { kind: 'number', value: Number(token.text), text: token.text, start, end };
    const period = readPeriod(Number(token.text), token.unit);
    if (period === null) throw lexer.unexpected(token);
    return { kind: 'period', ...period, start, end };
  }
  if (token.kind === 'text') {
    lexer.take();
    return { kind: 'text', text: token.text, start, end };
  }
  if (token.kind === 'quoted') {
    lexer.take();
    return { kind: 'field', name: token.text, start, end };
  }
  if (lexer.takeSymbol('(')) {
    const inner = readExpression(lexer, depth);
    lexer.expectSymbol(')');
    return { ...inner, start, end: lexer.end };
  }
  if (token.kind !== 'name' || keywords.includes(token.text.toLowerCase())) throw lexer.unexpected();
  lexer.take();
  if (lexer.isSymbol('(')) return readCall(lexer, token.text, start, depth);
  const lower = token.text.toLowerCase();
  // The service discovers true and false as 1 and 0.
  if (lower === 'true' || lower === 'false') {
    return { kind: 'number', value: lower === 'true' ? 1 : 0, text: lower, start, end };
  }
  return { kind: 'field', name: token.text, start, end };
}

function readCall(lexer: Lexer, name: string, start: number, depth: number): Expression {
  lexer.expectSymbol('(');
  const star = lexer.takeSymbol('*');
  const args: Expression[] = [];
  if (!star && !lexer.isSymbol(')')) {
    do args.push(readExpression(lexer, depth));
    while (lexer.takeSymbol(','));
  }
  lexer.expectSymbol(')');
  return { kind: 'call', name: name.toLowerCase(), args, star, start, end: lexer.end };
}

function readList(lexer: Lexer, open: string, close: string, depth: number): readonly Expression[] {
  lexer.expectSymbol(open);
  const values: Expression[] = [];
  do values.push(readExpression(lexer, depth));
  while (lexer.takeSymbol(','));
  lexer.expectSymbol(close);
  return values;
}
