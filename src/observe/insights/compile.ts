import { limits } from '../../kernel/limits.js';
import { aggregates } from './aggregates.js';
import { documentOf, loggedDocument, memberOf } from './discovery.js';
import { systemFields } from './fields.js';
import { callFunction, functions } from './functions.js';
import { refused, unexpected } from './malformed.js';
import { arithmetic, combine, compare, isIn, like, sideOf, sortKeys } from './operators.js';
import { asNumber, asShown, asText, asTruth, type Piece, piece, quote } from './sql.js';
import type { Column, Command, Expression, Query, Span } from './tree.js';

/** A query in SQL over `eventsOf`, whose statement is given as text. */
export interface Compiled {
  /** Names of the answer's columns; the statement has as many, all text. */
  readonly columns: readonly string[];
  /** Rows are events, not figures of `stats`: the last column is `@ptr`. */
  readonly hasEvents: boolean;
  rows(events: string): string;
  /** One row of two texts: events read, and events that all filters before the first `stats` let through. */
  counts(events: string): string;
}

export interface CompileOptions {
  /** Most rows, as StartQuery's `limit` asks. */
  readonly limit: number;
  readonly nowMs: number;
}

/** What names mean at a place of the query. */
interface Scope {
  readonly names: ReadonlyMap<string, Piece>;
  /** After `stats` there are no events any more, only its columns. */
  readonly hasEvents: boolean;
  /** Where aggregates stand for columns worked out before: the second half of `stats`. */
  readonly aggregate?: (call: Expression & { readonly kind: 'call' }) => Piece;
}

interface OrderKey {
  readonly column: string;
  readonly direction: 'ASC' | 'DESC';
}

/** Latest first; of one millisecond the one written last. */
const latestFirst: readonly OrderKey[] = [
  { column: 't', direction: 'DESC' },
  { column: 'g', direction: 'ASC' },
  { column: 'n', direction: 'DESC' },
];

/** Places in a statement that are filled in at the end; no quoted text of a query has a NUL. */
const eventsPlace = '\0events';
const fieldsPlace = '\0fields';

export function compileQuery(query: Query, options: CompileOptions): Compiled {
  return new Compiler(query, options).compile();
}

class Compiler {
  readonly #query: Query;
  readonly #options: CompileOptions;
  /** Fields of events that the query names, and their columns. */
  readonly #fields = new Map<string, Piece & { readonly column: string }>();
  /** Names that the query defined: none may be defined twice. */
  readonly #defined = new Set<string>();
  #scope: Scope = { names: new Map(), hasEvents: true };
  #statement = fieldsPlace;
  /** The statement before the first command that changes what a row is. */
  #matched: string | null = null;
  #filters = false;
  #order: readonly OrderKey[] = latestFirst;
  #shown: string[] = [];
  #displayed: string[] | null = null;
  #columns = 0;

  constructor(query: Query, options: CompileOptions) {
    this.#query = query;
    this.#options = options;
  }

  compile(): Compiled {
    for (const command of this.#query.commands) this.#add(command);
    const { hasEvents } = this.#scope;
    const names = [...new Set(this.#displayed ?? this.#shown)];
    const parsedOnly = this.#displayed === null && !this.#query.commands.some(({ kind }) => kind === 'fields');
    if (hasEvents && parsedOnly) names.unshift('@timestamp', '@message');
    if (hasEvents && !names.includes('@ptr')) names.push('@ptr');
    const whole = { start: 0, end: this.#query.text.length };
    const pieces = names.map((name) => asShown(this.#field(name, whole, this.#scope)));
    const selected = pieces.map((sql, i) => `${sql} AS o${i + 1}`).join(', ');
    const limit = Math.min(this.#options.limit, limits.insightsRowsMax);
    const ordered = `SELECT * FROM (${this.#statement}) ${this.#orderBy()} LIMIT ${limit}`;
    const rows = `SELECT ${selected} FROM (${ordered}) ${this.#orderBy()}`;
    const fields = this.#fieldsStatement();
    const matched = this.#matched ?? this.#statement;
    const counting = this.#filters
      ? `(SELECT count(*) FROM (${matched.replace(fieldsPlace, () => fields)}))`
      : 'scanned';
    const counts = `SELECT CAST(scanned AS VARCHAR), CAST(${counting} AS VARCHAR) FROM (SELECT count(*) AS scanned FROM (${eventsPlace}))`;
    const over = (sql: string) => (events: string) => sql.replaceAll(eventsPlace, () => events);
    return { columns: names, hasEvents, rows: over(rows.replace(fieldsPlace, () => fields)), counts: over(counts) };
  }

  /** The columns of events with those fields that the query asks for. */
  #fieldsStatement(): string {
    const wanted = [...this.#fields].filter(([name]) => !systemFields.has(name));
    const system = [...this.#fields.values()].map(({ sql, column }) => `${sql} AS ${column}`);
    if (wanted.length === 0) return `SELECT ${['*', ...system].join(', ')} FROM (${eventsPlace})`;
    const documents = `SELECT *, ${loggedDocument('doc')} AS logged FROM (SELECT *, ${documentOf('m')} AS doc FROM (${eventsPlace}))`;
    return `SELECT ${['*', ...system].join(', ')} FROM (${documents})`;
  }

  #add(command: Command): void {
    switch (command.kind) {
      case 'fields':
      case 'display':
        this.#addColumns(command.columns, command.kind);
        return;
      case 'filter':
        this.#filters ||= this.#scope.hasEvents;
        this.#statement = `SELECT * FROM (${this.#statement}) WHERE ${asTruth(this.#compile(command.condition, this.#scope))}`;
        return;
      case 'parse':
        this.#addParse(command);
        return;
      case 'stats':
        this.#addStats(command.aggregates, command.by);
        return;
      case 'sort':
        this.#addSort(command.keys);
        return;
      case 'limit':
        this.#matched ??= this.#statement;
        this.#statement = `SELECT * FROM (${this.#statement}) ${this.#orderBy()} LIMIT ${command.count}`;
        return;
      case 'dedup':
        this.#addDedup(command.keys);
    }
  }

  #addColumns(columns: readonly Column[], kind: 'fields' | 'display'): void {
    const names = new Map(this.#scope.names);
    const added: string[] = [];
    for (const { expression, name, aliased } of columns) {
      const compiled = this.#compile(expression, { ...this.#scope, names });
      if (expression.kind === 'field' && !aliased) continue;
      if (aliased) this.#define(name, expression);
      const column = this.#newColumn();
      added.push(`${compiled.sql} AS ${column}`);
      // Later columns of the command may use it: it is spelled out for them.
      names.set(name, compiled);
      this.#renamed.set(name, { kind: compiled.kind, sql: column });
    }
    if (added.length > 0) this.#statement = `SELECT *, ${added.join(', ')} FROM (${this.#statement})`;
    this.#settle(names);
    const own = columns.map(({ name }) => name);
    if (kind === 'display') this.#displayed = own;
    else this.#shown.push(...own);
  }

  /** Names made by the command in progress, as columns of its statement. */
  readonly #renamed = new Map<string, Piece>();

  #settle(names: ReadonlyMap<string, Piece>): void {
    this.#scope = { ...this.#scope, names: new Map([...names, ...this.#renamed]) };
    this.#renamed.clear();
  }

  #addParse({ operand, regex, keepsEmpty, names }: Command & { readonly kind: 'parse' }): void {
    const value = asText(this.#compile(operand, this.#scope));
    const source = quote(regex.source);
    const groups = regex.groups.map((_, i) => `'g${i + 1}'`).join(', ');
    const found = this.#newColumn();
    const matched = `CASE WHEN regexp_matches(${value}, ${source}) THEN regexp_extract(${value}, ${source}, [${groups}]) END`;
    const columns = names.map(({ name, group, start, end }) => {
      this.#define(name, { start, end });
      const column = this.#newColumn();
      this.#renamed.set(name, { kind: 'value', sql: column });
      const captured = `struct_extract(${found}, 'g${group}')`;
      return `${keepsEmpty ? captured : `nullif(${captured}, '')`} AS ${column}`;
    });
    this.#statement = `SELECT *, ${columns.join(', ')} FROM (SELECT *, ${matched} AS ${found} FROM (${this.#statement}))`;
    this.#settle(this.#scope.names);
    this.#shown.push(...names.map(({ name }) => name));
  }

  #addStats(columns: readonly Column[], by: readonly Column[]): void {
    this.#matched ??= this.#statement;
    const before = this.#scope;
    const grouped: string[] = [];
    const names = new Map<string, Piece>();
    for (const { expression, name, aliased } of by) {
      const compiled = this.#compile(expression, before);
      if (aliased) this.#define(name, expression);
      const column = this.#newColumn();
      grouped.push(`${compiled.sql} AS ${column}`);
      names.set(name, { kind: compiled.kind, sql: column });
    }
    const inner = [...grouped];
    const aggregate = (call: Expression & { readonly kind: 'call' }): Piece => {
      // They go by the time of events.
      if (!before.hasEvents && ['earliest', 'latest'].includes(call.name)) throw unexpected(this.#query.text, call);
      const args = call.args.map((argument) => this.#compile(argument, before));
      const made = callFunction(aggregates.get(call.name)!, call.name, {
        args,
        written: call.args,
        at: call,
        nowMs: this.#options.nowMs,
      });
      const column = this.#newColumn();
      inner.push(`${made.sql} AS ${column}`);
      return { kind: made.kind, sql: column };
    };
    const outer: string[] = [];
    const keys = [...names.values()].map(({ sql }) => sql);
    for (const { expression, name, aliased } of columns) {
      const compiled = this.#compile(expression, { names, hasEvents: false, aggregate });
      if (aliased || names.has(name)) this.#define(name, expression);
      const column = this.#newColumn();
      outer.push(`${compiled.sql} AS ${column}`);
      names.set(name, compiled);
      this.#renamed.set(name, { kind: compiled.kind, sql: column });
    }
    const positions = grouped.map((_, i) => i + 1).join(', ');
    const rest = grouped.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${positions}`;
    this.#statement = `SELECT ${[...keys, ...outer].join(', ')} FROM (SELECT ${inner.join(', ')} FROM (${this.#statement}) ${rest})`;
    this.#scope = { names, hasEvents: false };
    this.#settle(names);
    this.#shown = [...by, ...columns].map(({ name }) => name);
    this.#displayed = null;
    // The service promises no order; ours is the same every time: times latest first, everything else ascending.
    this.#order = by.map(({ name }) => {
      const { kind, sql } = this.#scope.names.get(name)!;
      return { column: sql, direction: kind === 'time' ? 'DESC' : 'ASC' };
    });
  }

  #addSort(keys: readonly { readonly expression: Expression; readonly ascending: boolean }[]): void {
    const order: OrderKey[] = [];
    const added: string[] = [];
    for (const { expression, ascending } of keys) {
      const compiled = this.#compile(expression, this.#scope);
      const direction = ascending ? 'ASC' : 'DESC';
      const add = (sql: string, way: 'ASC' | 'DESC') => {
        const column = this.#newColumn();
        added.push(`${sql} AS ${column}`);
        order.push({ column, direction: way });
      };
      // What has no value comes last, either way.
      add(`(${compiled.sql} IS NULL)`, 'ASC');
      for (const key of sortKeys(compiled)) add(key, direction);
    }
    this.#statement = `SELECT *, ${added.join(', ')} FROM (${this.#statement})`;
    this.#order = this.#scope.hasEvents ? [...order, ...latestFirst] : [...order, ...this.#order];
  }

  #addDedup(keys: readonly Expression[]): void {
    this.#matched ??= this.#statement;
    const values = keys.map((key) => asText(this.#compile(key, this.#scope)));
    const place = this.#newColumn();
    // Rows without one of the values are no duplicates.
    const missing = values.map((sql) => `${sql} IS NULL`).join(' OR ');
    const order = this.#orderBy();
    const placed = `CASE WHEN ${missing} THEN 1 ELSE row_number() OVER (PARTITION BY ${values.join(', ')} ${order}) END`;
    this.#statement = `SELECT * FROM (SELECT *, ${placed} AS ${place} FROM (${this.#statement})) WHERE ${place} = 1`;
  }

  #orderBy(): string {
    if (this.#order.length === 0) return '';
    return `ORDER BY ${this.#order.map(({ column, direction }) => `${column} ${direction} NULLS LAST`).join(', ')}`;
  }

  #newColumn(): string {
    this.#columns += 1;
    return `c${this.#columns}`;
  }

  #define(name: string, at: Span): void {
    if (this.#defined.has(name)) throw refused(`Ephemeral field is already defined: ${name}`, at);
    this.#defined.add(name);
  }

  #field(written: string, at: Span, scope: Scope): Piece {
    const known = scope.names.get(written);
    if (known !== undefined) return known;
    // A column of stats is there under its text only.
    if (!scope.hasEvents) throw refused(`Field is not defined: ${written}`, at);
    const name = written.startsWith('@message.') ? written.slice('@message.'.length) : written;
    const defined = scope.names.get(name);
    if (defined !== undefined) return defined;
    let field = this.#fields.get(name);
    if (field === undefined) {
      const column = `d${this.#fields.size + 1}`;
      const found = systemFields.get(name) ?? {
        kind: 'value',
        sql: `coalesce(${memberOf('doc', name)}, ${memberOf('logged', name)})`,
      };
      field = { ...found, column };
      this.#fields.set(name, field);
    }
    return { kind: field.kind, sql: field.column };
  }

  #compile(expression: Expression, scope: Scope): Piece {
    const each = (part: Expression) => this.#compile(part, scope);
    const text = this.#query.text.slice(expression.start, expression.end);
    const column = expression.kind === 'field' || expression.kind === 'text' ? undefined : scope.names.get(text);
    if (column !== undefined) return column;
    switch (expression.kind) {
      case 'number':
        return piece('number', `${expression.value}::DOUBLE`, expression);
      case 'text':
        return piece('value', quote(expression.text), expression);
      case 'period':
        throw unexpected(this.#query.text, expression);
      case 'field':
        return this.#field(expression.name, expression, scope);
      case 'call':
        return this.#call(expression, scope);
      case 'negate':
        return piece('number', `(-${asNumber(each(expression.operand))})`, expression);
      case 'arithmetic':
        return arithmetic(expression.operator, each(expression.left), each(expression.right), expression);
      case 'compare': {
        const { operator, left, right } = expression;
        return compare(operator, sideOf(left, each(left)), sideOf(right, each(right)), expression);
      }
      case 'like':
        return like(each(expression.operand), expression.pattern, expression.negated, expression);
      case 'in': {
        const { operand, values, negated } = expression;
        const sides = values.map((part) => sideOf(part, each(part)));
        return isIn(sideOf(operand, each(operand)), sides, negated, expression);
      }
      case 'not':
        return piece('truth', `(NOT ${asTruth(each(expression.operand))})`, expression);
      case 'and':
      case 'or':
        return combine(expression.kind, each(expression.left), each(expression.right), expression);
    }
  }

  #call(call: Expression & { readonly kind: 'call' }, scope: Scope): Piece {
    const { name, args: written } = call;
    if (aggregates.has(name)) {
      const starred = call.star && name !== 'count';
      if (scope.aggregate === undefined || starred) throw unexpected(this.#query.text, call);
      return scope.aggregate(call);
    }
    const made = functions.get(name);
    if (made === undefined || call.star) throw unexpected(this.#query.text, call);
    if (name === 'bin' && !scope.hasEvents) throw unexpected(this.#query.text, call);
    const args = written.map((part) =>
      part.kind === 'period' ? ({ kind: 'value', sql: 'NULL' } as const) : this.#compile(part, scope),
    );
    return callFunction(made, name, { args, written, at: call, nowMs: this.#options.nowMs });
  }
}
