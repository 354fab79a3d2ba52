import type { Piece } from './sql.js';

/**
 * Columns that every event has before any command: `t` and `i` (times of event and ingestion), `s` (stream), `m`
 * (message), `g` (`ACCOUNT:GROUP`), `f` (file), `n` (place among the lines read).
 */
const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

function found(pattern: string): string {
  return `nullif(regexp_extract(m, '${pattern}', 1), '')`;
}

/** A figure of a REPORT line, or of `platform.report` in the JSON format; `factor` makes bytes of MB. */
function figure(label: string, unit: 'ms' | 'MB', member: string): Piece {
  const value = `CASE WHEN starts_with(m, 'REPORT ') THEN ${found(`\\t${label}: ([\\d.]+) ${unit}`)}
    WHEN starts_with(m, '{') AND contains(m, '"platform.report"') THEN ${found(`"${member}":([\\d.]+)`)} END`;
  // The service counts a MB as 1,000,000 bytes here (its sample queries divide by 1000 twice).
  return { kind: 'number', sql: `(TRY_CAST(${value} AS DOUBLE)${unit === 'MB' ? ' * 1000000' : ''})` };
}

const types = [
  ['start', 'START'],
  ['runtimeDone', 'END'],
  ['report', 'REPORT'],
  ['initStart', 'INIT_START'],
  ['initReport', 'INIT_REPORT'],
  ['restoreStart', 'RESTORE_START'],
  ['restoreReport', 'RESTORE_REPORT'],
  ['extension', 'EXTENSION'],
  ['telemetrySubscription', 'TELEMETRY'],
  ['logsSubscription', 'LOGS'],
] as const;
const typeOfJson = types.map(([json, text]) => `WHEN '${json}' THEN '${text}'`).join(' ');
const typeOfText = `${found(`^(${types.map(([, text]) => text).join('|')})[ \\t]`)}`;

/** Fields that begin with `@`; the others are discovered in JSON. Lambda's are those of the user guide's table. */
export const systemFields: ReadonlyMap<string, Piece> = new Map<string, Piece>([
  ['@timestamp', { kind: 'time', sql: 't' }],
  ['@ingestionTime', { kind: 'time', sql: 'i' }],
  ['@message', { kind: 'value', sql: 'm' }],
  ['@logStream', { kind: 'value', sql: 's' }],
  ['@log', { kind: 'value', sql: 'g' }],
  [
    '@ptr',
    {
      kind: 'value',
      sql: "to_base64(encode(concat_ws('|', regexp_extract(f, '(\\d+)-\\d+\\.ndjson$', 1), t, md5(s || '|' || m), g)))",
    },
  ],
  [
    '@type',
    {
      kind: 'value',
      sql: `CASE WHEN starts_with(m, '{"time":') THEN CASE regexp_extract(m, '"type":"platform\\.([A-Za-z]+)"', 1) ${typeOfJson} END ELSE ${typeOfText} END`,
    },
  ],
  [
    '@requestId',
    {
      kind: 'value',
      sql: `coalesce(${found(`RequestId: (${uuid})`)}, ${found(`"requestId": ?"(${uuid})"`)}, ${found(`(?:\\t|^\\S+Z )(${uuid})[\\t ]`)})`,
    },
  ],
  ['@duration', figure('Duration', 'ms', 'durationMs')],
  ['@billedDuration', figure('Billed Duration', 'ms', 'billedDurationMs')],
  ['@initDuration', figure('Init Duration', 'ms', 'initDurationMs')],
  ['@maxMemoryUsed', figure('Max Memory Used', 'MB', 'maxMemoryUsedMB')],
  ['@memorySize', figure('Memory Size', 'MB', 'memorySizeMB')],
  [
    '@xrayTraceId',
    { kind: 'value', sql: `coalesce(${found('XRAY TraceId: (\\S+)')}, ${found('"value":"Root=([^;"]+)')})` },
  ],
  [
    '@xraySegmentId',
    {
      kind: 'value',
      sql: `coalesce(${found('\\tSegmentId: (\\S+)')}, ${found('"tracing":\\{"spanId":"([^"]+)"')})`,
    },
  ],
]);
