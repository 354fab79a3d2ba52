import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import * as units from '../../src/kernel/units.js';

/** One line of a table of SPECIFICATION.md: its cells by the table's head. */
export type Row = Readonly<Record<string, string>>;

/** All tables whose last column is "held by". A row without as many cells as its head is a problem. */
export function rowsOf(text: string, problems: string[]): Row[] {
  const rows: Row[] = [];
  let head: readonly string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('|')) {
      head = [];
      continue;
    }
    const cells = line
      .slice(1, line.lastIndexOf('|'))
      .split('|')
      .map((cell) => cell.trim());
    if (head.length === 0) head = cells;
    else if (head.at(-1) !== 'held by' || cells.every((cell) => /^:?-+:?$/.test(cell))) continue;
    else if (cells.length !== head.length || cells.some((cell) => cell === '')) problems.push(`broken row: ${line}`);
    else rows.push(Object.fromEntries(head.map((name, at) => [name, cells[at] ?? ''])));
  }
  return rows;
}

const sizes = { bytes: 1, KiB: units.kib, MiB: units.mib, GiB: 1024 * units.mib };
const times = {
  ms: 1,
  s: units.secondMs,
  seconds: units.secondMs,
  min: units.minuteMs,
  minutes: units.minuteMs,
  h: units.hourMs,
  hours: units.hourMs,
  days: units.dayMs,
};
const quantity =
  /(\d[\d,]*(?:\.\d+)?)(?:[ -]?(bytes|KiB|MiB|GiB|MB|ms|seconds|s|minutes|min|hours|h|days|%|×|µs)(?![\w/]))?/gu;

export interface Quantity {
  readonly number: number;
  readonly unit: string;
}

/** The quantities that a text speaks of; `unit` is empty for bare numbers. */
export function quantitiesOf(text: string): Quantity[] {
  return [...text.matchAll(quantity)].map(([, digits = '', unit = '']) => ({
    number: Number(digits.replaceAll(',', '')),
    unit,
  }));
}

/** Equal quantities have equal text, in whatever unit they were written. */
export function canonical({ number, unit }: Quantity): string {
  if (unit in sizes) return `${number * sizes[unit as keyof typeof sizes]} bytes`;
  if (unit in times) return `${number * times[unit as keyof typeof times]} ms`;
  return unit === '' ? String(number) : `${number} ${unit}`;
}

/** What a constant must be to mean this quantity; its name tells its unit, if it has one. */
function expected({ number, unit }: Quantity, constant: string): number {
  if (unit === '%') return number / 100;
  if (unit in sizes) {
    const bytes = number * sizes[unit as keyof typeof sizes];
    return /Mib/.test(constant) || /^(MemorySize|EphemeralStorage)\b/.test(constant) ? bytes / units.mib : bytes;
  }
  if (unit in times) {
    const ms = number * times[unit as keyof typeof times];
    return /[sS]econds/.test(constant) || /^Timeout\b/.test(constant) ? ms / units.secondMs : ms;
  }
  return number;
}

/** The numbers that a name is given in a source, by arithmetic on numbers, units and names of the same file. */
function valuesIn(source: string, name: string, limits: Readonly<Record<string, number>>): Set<number> {
  const values = new Set<number>();
  const given = new RegExp(
    `\\b${name}\\b\\??(?:: [\\w<>]+)? ?(?:=|:|\\?\\?) ?([\\w.*+\\-/ ()]+?)(?=[,;}\\n]|\\)[;,])`,
    'g',
  );
  for (const [, expression = ''] of source.matchAll(given)) {
    let known = true;
    const arithmetic = expression.replaceAll(/\b[a-zA-Z_]\w*(\.\w+)*\b/g, (word) => {
      const unit = (units as Readonly<Record<string, number>>)[word] ?? limits[word.replace(/^limits\./, '')];
      const values = unit === undefined && word !== name ? [...valuesIn(source, word, limits)] : [unit];
      if (values.length !== 1 || values[0] === undefined) known = false;
      return String(values[0]);
    });
    const digits = arithmetic.replaceAll(/(\d)_(?=\d)/g, '$1');
    if (!known || !/^[\d\s.*+\-/()]*\d[\d\s.*+\-/()]*$/.test(digits)) continue;
    const value: unknown = new Function(`return (${digits});`)();
    if (typeof value === 'number') values.add(value);
  }
  return values;
}

/** What `name` is in the file: of the running module when exported, else as its source says. */
async function constantOf(path: string, name: string): Promise<ReadonlySet<number>> {
  const source = readFileSync(join(projectRoot, path), 'utf8');
  const [first = '', ...rest] = name.split('.');
  if (path.endsWith('.ts') && new RegExp(`^export const ${first}\\b`, 'm').test(source)) {
    let value: unknown = await import(new URL(`../../${path.replace(/\.ts$/, '.js')}`, import.meta.url).href);
    for (const part of [first, ...rest]) value = (value as Record<string, unknown> | undefined)?.[part];
    return new Set(typeof value === 'number' ? [value] : []);
  }
  const { limits } = await import('../../src/kernel/limits.js');
  return valuesIn(source, name, limits);
}

/** `constant` cell: `name` (`src/path.ts`). */
async function constantProblem(row: Row): Promise<string | null> {
  const cell = row.constant ?? '';
  const [, name = '', path = ''] = /^`([\w.]+)` \(`([^`]+)`\)$/.exec(cell) ?? [];
  if (path === '' || !existsSync(join(projectRoot, path))) return `no such constant: ${cell}`;
  const values = await constantOf(path, name);
  const [wanted] = quantitiesOf(row.number ?? '');
  if (wanted === undefined) return `not a number: ${row.number}`;
  const value = expected(wanted, name);
  if (values.size === 1 && values.has(value)) return null;
  return `${row.what}: ${row.number} is ${value}, but ${name} in ${path} is ${[...values].join(' or ') || 'no number'}`;
}

function quoted(text: string): RegExp {
  const literal = text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", "\\\\?'");
  return new RegExp(`\\(\\s*(['"\`])${literal}\\1,`);
}

/** `held by` cell: `path` › title, one or more with <br> between. Tests by their title, figures by their name. */
function holderProblem(row: Row, holder: string): string | null {
  const [, path = '', title = ''] = /^`([^`]+)` › (.+)$/.exec(holder) ?? [];
  if (path === '' || !existsSync(join(projectRoot, path))) return `no such test or bench: ${holder}`;
  const source = readFileSync(join(projectRoot, path), 'utf8');
  if (!path.startsWith('bench/')) return quoted(title).test(source) ? null : `no such test: ${holder}`;
  const name = source.indexOf(`'${title}',`);
  if (name < 0) return `no such figure: ${holder}`;
  const [, kind = '', value = ''] = /kind: 'at-(least|most)',\s+value: ([\d_.]+)/.exec(source.slice(name)) ?? [];
  const [, sign = ''] = /^([≥≤])/.exec(row.limit ?? '') ?? [];
  const [limit] = quantitiesOf(row.limit ?? '');
  const held = { least: '≥', most: '≤' }[kind] === sign && Number(value.replaceAll('_', '')) === limit?.number;
  return held ? null : `${row.what}: ${row.limit}, but ${path} holds at ${kind} ${value}`;
}

/** Everything in the text that is not so. */
export async function problemsOf(text: string): Promise<string[]> {
  const problems: string[] = [];
  const rows = rowsOf(text, problems);
  for (const row of rows) {
    if (row.constant !== undefined) {
      const problem = await constantProblem(row);
      if (problem !== null) problems.push(problem);
    }
    for (const holder of (row['held by'] ?? '').split('<br>')) {
      const problem = holderProblem(row, holder.trim());
      if (problem !== null) problems.push(problem);
    }
  }
  if (rows.length === 0) problems.push('no rows');
  return problems;
}

/** Quantities with a unit, and ports, that a document's prose states and the specification does not. */
export function unspecified(prose: string, specification: string): string[] {
  const known = new Set(quantitiesOf(specification).map(canonical));
  const text = prose.replaceAll(/^```(?!mermaid)\w+\n[\s\S]*?^```/gm, '').replaceAll(/^#.*$/gm, '');
  const stated = quantitiesOf(text).filter(({ unit }) => unit !== '');
  const ports = [...text.matchAll(/\d\.\d+:(\d{2,5})\b/g)].map(([, port]) => ({ number: Number(port), unit: '' }));
  return [...stated, ...ports].map(canonical).filter((one) => !known.has(one));
}
