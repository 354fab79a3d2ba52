import colours from 'picocolors';
import { table } from './terminal.js';

/** One row of a query's answer: names of fields and their texts. */
export type Row = ReadonlyMap<string, string>;

/** Names in the order of the query; the pointer to the event's record is for programs. */
function columnsOf(rows: readonly Row[]): string[] {
  const columns: string[] = [];
  for (const row of rows) {
    let at = 0;
    for (const name of row.keys()) {
      const known = columns.indexOf(name);
      if (known < 0) columns.splice(at, 0, name);
      at = (known < 0 ? at : known) + 1;
    }
  }
  return columns.filter((name) => name !== '@ptr');
}

/** On one line, without what would move the cursor. */
function oneLine(text: string): string {
  return (
    text
      .trimEnd()
      .replace(/\s*\n\s*/g, ' ⏎ ')
      .replaceAll('\t', '  ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
      .replace(/[\u0000-\u001f\u007f-\u009f]/g, '�')
  );
}

export function tableView(rows: readonly Row[]): string {
  if (rows.length === 0) return 'No results.';
  const columns = columnsOf(rows);
  return table(
    columns,
    rows.map((row) => columns.map((name) => oneLine(row.get(name) ?? ''))),
  );
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `filled` cells of a bar, to an eighth. */
function bar(filled: number): string {
  const whole = Math.floor(filled);
  return '█'.repeat(whole) + eighths[Math.floor((filled - whole) * 8)]!;
}

/**
 * A bar a row: the last column of numbers, the others before it. Null when there is no such column. `width` is the
 * terminal's, in characters.
 */
export function barsView(rows: readonly Row[], width: number): string | null {
  if (rows.length === 0) return 'No results.';
  const columns = columnsOf(rows);
  const isNumber = (text: string | undefined) => text === undefined || /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text);
  const measured = columns.findLast(
    (name) => rows.every((row) => isNumber(row.get(name))) && rows.some((row) => row.has(name)),
  );
  if (measured === undefined) return null;
  const labels = rows.map((row) =>
    columns
      .filter((name) => name !== measured)
      .map((name) => oneLine(row.get(name) ?? '—'))
      .join('  '),
  );
  const values = rows.map((row) => row.get(measured) ?? '');
  const labelWidth = Math.min(Math.max(...labels.map((label) => label.length)), Math.floor(width / 2));
  const valueWidth = Math.max(...values.map((value) => value.length));
  const room = Math.max(8, width - labelWidth - valueWidth - 4);
  const largest = Math.max(...values.map((value) => Number(value || 0)), 0);
  const head = colours.dim(`${' '.repeat(labelWidth)}  ${measured}`);
  const lines = rows.map((_, i) => {
    const label = labels[i]!.length > labelWidth ? `${labels[i]!.slice(0, labelWidth - 1)}…` : labels[i]!;
    const share = largest === 0 ? 0 : Math.max(0, Number(values[i] || 0)) / largest;
    return `${label.padEnd(labelWidth)}  ${values[i]!.padStart(valueWidth)}  ${bar(share * room)}`.trimEnd();
  });
  return [head, ...lines].join('\n');
}

/** The query with the place of its fault below, as compilers show it. */
export function faultView(query: string, start: number, end: number): string {
  const from = query.lastIndexOf('\n', start - 1) + 1;
  const to = query.indexOf('\n', start);
  const line = query.slice(from, to < 0 ? query.length : to);
  const length = Math.max(1, Math.min(end, from + line.length) - start);
  return `  ${line}\n  ${' '.repeat(start - from)}${colours.red('^'.repeat(length))}`;
}
