/** Files of one log group to read, in the order of their writing. */
export interface GroupFiles {
  /** `ACCOUNT:GROUP`, as `@log` has it. */
  readonly log: string;
  /** Relative to the folder of the analytics; without `*?[`, which its reader takes for patterns. */
  readonly paths: readonly string[];
  /** Events before this are past their retention. Epoch milliseconds. */
  readonly keptFromMs: number;
  /** A stream was deleted in one of the files: what it had before is gone. */
  readonly hasDeletions: boolean;
}

/** Both ends inclusive. */
export interface TimeRange {
  readonly startMs: number;
  readonly endMs: number;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
}

/** A line is one event of at most 256 KiB, which JSON's escapes make up to six times as long. */
const lineBytesMax = 2 * 1024 * 1024;

const columns =
  "{timestampMs: 'BIGINT', ingestionMs: 'BIGINT', stream: 'VARCHAR', message: 'VARCHAR', mark: 'VARCHAR'}";

/**
 * All events of the groups in the range, with the columns of `fields.ts`. The parts are not to be materialized: the engine
 * reads them as a stream. Lines that are damaged, or being written, are left out.
 */
export function eventsOf(groups: readonly GroupFiles[], { startMs, endMs }: TimeRange): Statement {
  const parameters: (string | number)[] = [];
  const bind = (value: string | number) => `$${parameters.push(value)}`;
  const selections = groups
    .filter(({ paths }) => paths.length > 0)
    .map(({ log, paths, keptFromMs, hasDeletions }) => {
      const files = paths.map((path) => `${bind(path)}::VARCHAR`).join(', ');
      const lines = `(SELECT timestampMs AS t, ingestionMs AS i, stream AS s, message AS m, mark AS k, filename AS f, row_number() OVER () AS n
        FROM read_json([${files}], format = 'newline_delimited', columns = ${columns}, maximum_object_size = ${lineBytesMax}, ignore_errors = true, filename = true))`;
      const inRange = `m IS NOT NULL AND t BETWEEN ${bind(Math.max(startMs, keptFromMs))}::BIGINT AND ${bind(endMs)}::BIGINT`;
      const named = `${bind(log)}::VARCHAR AS g`;
      if (!hasDeletions) return `SELECT t, i, s, m, ${named}, f, n FROM ${lines} WHERE ${inRange}`;
      // Deletion goes by place of writing, whatever timestamps say.
      const deleted = `(SELECT s AS ds, max(n) AS dn FROM ${lines} WHERE k = 'deleted' GROUP BY s)`;
      return `SELECT t, i, s, m, ${named}, f, n FROM ${lines} LEFT JOIN ${deleted} ON s = ds WHERE ${inRange} AND n > coalesce(dn, 0)`;
    });
  if (selections.length > 0) return { sql: selections.join(' UNION ALL '), parameters };
  const none = ['t::BIGINT', 'i::BIGINT', 's::VARCHAR', 'm::VARCHAR', 'g::VARCHAR', 'f::VARCHAR', 'n::BIGINT'];
  const empty = none.map((column) => column.replace(/^(\w)::(\w+)$/, 'NULL::$2 AS $1')).join(', ');
  return { sql: `SELECT ${empty} WHERE false`, parameters };
}
