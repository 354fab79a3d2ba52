import type { LoggingSpec } from '../../wire/functionspec.js';

/** Says whether one line of a function's raw output is kept. */
export type LineFilter = (line: string) => boolean;

const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
/** What other logging libraries call them. */
const aliases: Readonly<Record<string, string>> = { WARNING: 'WARN', CRITICAL: 'FATAL', INFORMATION: 'INFO' };
/** Where a line's time may be: the names that the managed runtimes' own formats have. */
const timeNames = ['timestamp', 'time', '@timestamp'];
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/;

/**
 * The application level filter over lines that the runtime's own logger did not make (developer guide, "Log-level
 * filtering"): a JSON object counts at its `level`, or as INFO when it names no valid one or no valid time. Lines that
 * are no JSON object have no level and stay. Null: nothing is filtered.
 */
export function levelFilter({ format, applicationLevel }: LoggingSpec): LineFilter | null {
  if (format !== 'JSON' || applicationLevel === null) return null;
  const lowest = levels.indexOf(applicationLevel);
  if (lowest === 0) return null;
  return (line) => {
    const rank = rankOf(line);
    return rank === null || rank >= lowest;
  };
}

function rankOf(line: string): number | null {
  if (!/^\s*\{/.test(line)) return null;
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
  const timed = timeNames.some((name) => typeof value[name] === 'string' && rfc3339.test(value[name]));
  const named = typeof value.level === 'string' ? value.level.toUpperCase() : '';
  const rank = (levels as readonly string[]).indexOf(aliases[named] ?? named);
  return timed && rank >= 0 ? rank : levels.indexOf('INFO');
}
