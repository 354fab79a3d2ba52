import { limits } from '../../kernel/limits.js';
import { readExpression } from './expression.js';
import { Lexer } from './lexer.js';
import { refused } from './malformed.js';
import { regexOfGlob } from './regex.js';
import type { Column, Command, Expression, Query, Span } from './tree.js';

/** Commands of one query: far more than anybody writes, and each is a nested statement. Ours. */
const commandsMax = 50;
/** Columns of one command. Ours. */
const columnsMax = 200;

const readers: Readonly<Record<string, (lexer: Lexer) => Command>> = {
  fields: (lexer) => ({ kind: 'fields', columns: readColumns(lexer) }),
  display: (lexer) => ({ kind: 'display', columns: readColumns(lexer) }),
  filter: (lexer) => ({ kind: 'filter', condition: readExpression(lexer) }),
  stats: readStats,
  sort: readSort,
  limit: readLimit,
  dedup: (lexer) => ({ kind: 'dedup', keys: readColumns(lexer).map(({ expression }) => expression) }),
  parse: readParse,
};

/** Reads a query: commands between `|`, comments from `#` to the end of the line. Throws `MalformedQuery`. */
export function readQuery(text: string): Query {
  const lexer = new Lexer(text);
  const commands: Command[] = [];
  do {
    const { next } = lexer;
    const read = next.kind === 'name' ? readers[next.text.toLowerCase()] : undefined;
    if (read === undefined || !Object.hasOwn(readers, next.text.toLowerCase())) throw lexer.unexpected();
    if (commands.length === commandsMax) throw refused(`A query has at most ${commandsMax} commands`, next);
    // Only limit may come after dedup (query syntax, "dedup").
    const isLate = commands.some(({ kind }) => kind === 'dedup') && next.text.toLowerCase() !== 'limit';
    if (isLate) throw lexer.unexpected();
    lexer.take();
    commands.push(read(lexer));
  } while (lexer.takeSymbol('|'));
  if (lexer.next.kind !== 'end') throw lexer.unexpected();
  return { text, commands };
}

function readColumns(lexer: Lexer): Column[] {
  const columns: Column[] = [];
  do {
    if (columns.length === columnsMax) throw refused(`A command has at most ${columnsMax} columns`, lexer.next);
    columns.push(readColumn(lexer));
  } while (lexer.takeSymbol(','));
  return columns;
}

function readColumn(lexer: Lexer): Column {
  const expression = readExpression(lexer);
  if (lexer.takeWord('as')) return { expression, name: readName(lexer).name, aliased: true };
  return { expression, name: nameOf(lexer, expression), aliased: false };
}

function nameOf(lexer: Lexer, expression: Expression): string {
  return expression.kind === 'field' ? expression.name : lexer.text.slice(expression.start, expression.end);
}

function readName(lexer: Lexer): Span & { readonly name: string } {
  const token = lexer.next;
  if (token.kind !== 'name' && token.kind !== 'quoted') throw lexer.unexpected();
  lexer.take();
  return { name: token.text, start: token.start, end: token.end };
}

function readStats(lexer: Lexer): Command {
  const aggregates = readColumns(lexer);
  return { kind: 'stats', aggregates, by: lexer.takeWord('by') ? readColumns(lexer) : [] };
}

function readSort(lexer: Lexer): Command {
  const keys: { readonly expression: Expression; readonly ascending: boolean }[] = [];
  do {
    const expression = readExpression(lexer);
    const descending = lexer.takeWord('desc');
    if (!descending) lexer.takeWord('asc');
    keys.push({ expression, ascending: !descending });
  } while (lexer.takeSymbol(','));
  return { kind: 'sort', keys };
}

function readLimit(lexer: Lexer): Command {
  const token = lexer.next;
  const count = token.kind === 'number' && token.unit === '' ? Number(token.text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw lexer.unexpected();
  lexer.take();
  if (count < 1 || count > limits.insightsRowsMax) {
    throw refused(`The limit must be between 1 and ${limits.insightsRowsMax}`, token);
  }
  return { kind: 'limit', count };
}

/** `parse [field] "glob *" as a, …`, `parse [field] /re(?<a>…)/`, `parse [field] /re(…)/ as a, …`. */
function readParse(lexer: Lexer): Command {
  const at = lexer.next;
  let operand: Expression = { kind: 'field', name: '@message', start: at.start, end: at.start };
  // Only a field: what follows may be a regular expression, and would divide anything longer.
  if (at.kind !== 'text' && !lexer.isSymbol('/')) operand = { kind: 'field', ...readName(lexer) };
  const regex = lexer.takeRegex();
  if (regex !== null) {
    if (!lexer.isWord('as')) {
      const names = regex.groups.flatMap((name, i) =>
        name === null ? [] : [{ name, group: i + 1, start: regex.start, end: regex.end }],
      );
      if (names.length === 0) throw refused('The regular expression has no named group', regex);
      return { kind: 'parse', operand, regex, keepsEmpty: false, names };
    }
    const names = readNames(lexer);
    if (names.length !== regex.groups.length) {
      throw refused(`${regex.groups.length} groups of the expression have ${names.length} names`, regex);
    }
    return { kind: 'parse', operand, regex, keepsEmpty: false, names };
  }
  const glob = lexer.next;
  if (glob.kind !== 'text') throw lexer.unexpected();
  lexer.take();
  const { source, count } = regexOfGlob(glob.text);
  const names = readNames(lexer);
  if (names.length !== count) throw refused(`${count} wildcards of the glob have ${names.length} names`, glob);
  const groups = names.map(() => null);
  const { start, end } = glob;
  return { kind: 'parse', operand, regex: { kind: 'regex', source, groups, start, end }, keepsEmpty: true, names };
}

function readNames(lexer: Lexer): (Span & { readonly name: string; readonly group: number })[] {
  if (!lexer.takeWord('as')) throw lexer.unexpected();
  const names: (Span & { readonly name: string; readonly group: number })[] = [];
  do {
    if (names.length === columnsMax) throw refused(`A command has at most ${columnsMax} columns`, lexer.next);
    names.push({ ...readName(lexer), group: names.length + 1 });
  } while (lexer.takeSymbol(','));
  return names;
}
