import { once, quote } from './sql.js';

/**
 * JSON in a log line, in SQL: the line itself, or its first part in braces; also what Node prints of an object and
 * Python of a dict (`{ proactiveInitialization: true }`, `{'proactiveInitialization': True}`).
 */

/** Symbols of an object literal: texts, dates, numbers, names, and everything else one by one. */
const symbols =
  '\'(?:[^\'\\\\]|\\\\.)*\'|"(?:[^"\\\\]|\\\\.)*"|\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z|-?\\d+(?:\\.\\d+)?(?:[eE][-+]?\\d+)?n?|[A-Za-z_$][\\w$]*|(?s:.)';

/** One symbol as JSON has it: `'it\'s'` → `"it's"`, `True` → `true`, a bare name → a text, `10n` → `10`. */
const jsonOfSymbol = `CASE
  WHEN k[1] = '''' THEN '"' || regexp_replace(replace(replace(k[2:-2], '\\''', ''''), '"', '\\"'), '\\\\x([0-9A-Fa-f]{2})', '\\\\u00\\1', 'g') || '"'
  WHEN k[1] = '"' THEN regexp_replace(replace(k, '\\''', ''''), '\\\\x([0-9A-Fa-f]{2})', '\\\\u00\\1', 'g')
  WHEN k IN ('true', 'True') THEN 'true'
  WHEN k IN ('false', 'False') THEN 'false'
  WHEN k IN ('null', 'None', 'undefined', 'NaN', 'nan') THEN 'null'
  WHEN regexp_matches(k, '^[A-Za-z_$]') OR regexp_matches(k, '^\\d{4}-.*Z$') THEN '"' || k || '"'
  WHEN regexp_matches(k, '^-?\\d+n$') THEN k[:-2]
  ELSE k END`;

function jsonOfLiteral(sql: string): string {
  const joined = `array_to_string(list_transform(regexp_extract_all(${sql}, ${quote(symbols)}), lambda k: ${jsonOfSymbol}), '')`;
  return once(joined, 'j', 'CASE WHEN json_valid(j) THEN j END');
}

/** The JSON object that a part of a line is or stands for, or null. */
function jsonOfPart(sql: string): string {
  return once(sql, 'w', `CASE WHEN w = '' THEN NULL WHEN json_valid(w) THEN w ELSE ${jsonOfLiteral('w')} END`);
}

/** Braces within braces that a regular expression can follow. */
const nestingMax = 4;
const balanced = Array.from({ length: nestingMax }).reduce<string>(
  (inner) => `\\{(?:[^{}]${inner === '' ? '' : `|${inner}`})*\\}`,
  '',
);

/** The first JSON object in a text as JSON, or null. */
export function documentOf(sql: string): string {
  const widest = jsonOfPart("regexp_extract(v, '(?s)\\{.*\\}')");
  const first = jsonOfPart(`regexp_extract(v, ${quote(balanced)})`);
  return once(
    sql,
    'v',
    `CASE WHEN NOT contains(v, '{') THEN NULL WHEN starts_with(v, '{') AND json_valid(v) THEN v ELSE coalesce(${widest}, ${first}) END`,
  );
}

/**
 * What a function logged, in a line of Lambda's JSON format (`{"level":…,"message":…}`), where that is an object or a
 * text with one; null for all other lines. The service looks for fields in the line itself only; that the same query
 * works with both log formats is ours.
 */
export function loggedDocument(document: string): string {
  return `CASE WHEN json_exists(${document}, '/level') THEN CASE json_type(${document}, '/message')
    WHEN 'OBJECT' THEN CAST(json_extract(${document}, '/message') AS VARCHAR)
    WHEN 'VARCHAR' THEN ${documentOf(`json_extract_string(${document}, '/message')`)} END END`;
}

/** A member by its dotted name, as text; true and false are 1 and 0. Numbers in the name count elements, from 0. */
export function memberOf(document: string, name: string): string {
  const nested = `/${name.split('.').map(pointerPart).join('/')}`;
  const pointers = name.includes('.') ? [nested, `/${pointerPart(name)}`] : [nested];
  const values = pointers.map((pointer) => {
    const path = quote(pointer);
    return `CASE CAST(json_extract(${document}, ${path}) AS VARCHAR) WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE json_extract_string(${document}, ${path}) END`;
  });
  return values.length === 1 ? values[0]! : `coalesce(${values.join(', ')})`;
}

/** RFC 6901. */
function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
