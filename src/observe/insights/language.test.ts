import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuery } from './commands.js';
import { compileQuery } from './compile.js';
import { MalformedQuery } from './malformed.js';
import type { Command, Expression } from './tree.js';

const options = { limit: 10_000, nowMs: 1_732_241_842_000 };

/** An expression as its structure, in prefix notation. */
function shape(expression: Expression): string {
  const of = (...parts: readonly Expression[]) => parts.map(shape).join(' ');
  switch (expression.kind) {
    case 'number':
      return String(expression.value);
    case 'text':
      return JSON.stringify(expression.text);
    case 'period':
      return expression.ms > 0 ? `${expression.ms}ms` : `${expression.months}mo`;
    case 'field':
      return expression.name;
    case 'call':
      return `(${[expression.name, expression.star ? '*' : of(...expression.args)].join(' ').trim()})`;
    case 'negate':
      return `(neg ${of(expression.operand)})`;
    case 'not':
      return `(not ${of(expression.operand)})`;
    case 'like': {
      const { pattern } = expression;
      const sought = pattern.kind === 'text' ? JSON.stringify(pattern.text) : `/${pattern.source}/`;
      return `(${expression.negated ? 'unlike' : 'like'} ${of(expression.operand)} ${sought})`;
    }
    case 'in':
      return `(${expression.negated ? 'out' : 'in'} ${of(expression.operand, ...expression.values)})`;
    case 'arithmetic':
    case 'compare':
      return `(${expression.operator} ${of(expression.left, expression.right)})`;
    case 'and':
    case 'or':
      return `(${expression.kind} ${of(expression.left, expression.right)})`;
  }
}

function outline(command: Command): string {
  const columns = (all: readonly { readonly expression: Expression; readonly name: string }[]) =>
    all.map(({ expression, name }) => `${name}: ${shape(expression)}`).join(', ');
  switch (command.kind) {
    case 'fields':
    case 'display':
      return `${command.kind} ${columns(command.columns)}`;
    case 'filter':
      return `filter ${shape(command.condition)}`;
    case 'stats':
      return `stats ${columns(command.aggregates)}${command.by.length === 0 ? '' : ` by ${columns(command.by)}`}`;
    case 'sort':
      return `sort ${command.keys.map(({ expression, ascending }) => `${shape(expression)} ${ascending ? 'asc' : 'desc'}`).join(', ')}`;
    case 'limit':
      return `limit ${command.count}`;
    case 'dedup':
      return `dedup ${command.keys.map(shape).join(', ')}`;
    case 'parse':
      return `parse ${shape(command.operand)} /${command.regex.source}/ ${command.names.map(({ name, group }) => `${group}: ${name}`).join(', ')}`;
  }
}

const readings: Readonly<Record<string, readonly string[]>> = {
  'fields @timestamp, @message.a as b , `x-y`': ['fields @timestamp: @timestamp, b: @message.a, x-y: x-y'],
  'FIELDS a + b*c^2^d - -e % 3': ['fields a + b*c^2^d - -e % 3: (- (+ a (* b (^ c (^ 2 d)))) (% (neg e) 3))'],
  'filter a = 1 and not b != "x" or c >= 2 and (d or e)': [
    'filter (or (and (= a 1) (not (!= b "x"))) (and (>= c 2) (or d e)))',
  ],
  "filter a == true and b == 'it\\'s' # a remark | limit 1\n| limit 20": [
    'filter (and (= a 1) (= b "it\'s"))',
    'limit 20',
  ],
  'filter @message like /a\\/b(?<n>.)/ and x not like "y" or z =~ /q/': [
    'filter (or (and (like @message /a/b(?P<n>.)/) (unlike x "y")) (like z /q/))',
  ],
  'filter a in [1, "b"] or c not in [2.5]': ['filter (or (in a 1 "b") (out c 2.5))'],
  'stats count(*), Avg(@duration) as d by bin(5m), datefloor(t, 1mo) as m': [
    'stats count(*): (count *), d: (avg @duration) by bin(5m): (bin 300000ms), m: (datefloor t 1mo)',
  ],
  'sort a desc, b, c asc | dedup a, b | limit 3': ['sort a desc, b asc, c asc', 'dedup a, b', 'limit 3'],
  'parse "a.b=*, c [*]" as x, `y z`': ['parse @message /a\\.b=(.*?), c \\[(.*?)\\]/ 1: x, 2: y z'],
  'parse f "*: *" as k, v': ['parse f /(.*?): (.*)/ 1: k, 2: v'],
  'parse @message /(?<a>\\d+)(x)(?<b>y)/': ['parse @message /(?P<a>\\d+)(x)(?P<b>y)/ 1: a, 3: b'],
  'parse @message /(\\d+) (?:z)(.)/ as n, c | display n': [
    'parse @message /(\\d+) (?:z)(.)/ 1: n, 2: c',
    'display n: n',
  ],
};

test('queries are read as the language has it', () => {
  for (const [text, expected] of Object.entries(readings)) {
    assert.deepEqual(readQuery(text).commands.map(outline), expected, text);
  }
});

/** Sample queries of the user guide, for all logs and for Lambda. */
const samples = [
  'fields @timestamp, @message | sort @timestamp desc | limit 25',
  'filter @message like /Exception/ | stats count(*) as exceptionCount by bin(1h) | sort exceptionCount desc',
  'fields @message | filter @message not like /Exception/',
  'fields @timestamp, server, severity, message | sort @timestamp desc | dedup server | limit 10',
  'fields @timestamp, @requestId, @message, @logStream | filter @type = "REPORT" and @duration > 1000 | sort @timestamp desc | limit 20',
  'filter @type = "REPORT" | stats max(@memorySize / 1000 / 1000) as provisonedMemoryMB, min(@maxMemoryUsed / 1000 / 1000) as smallestMemoryRequestMB, avg(@maxMemoryUsed / 1000 / 1000) as avgMemoryUsedMB, max(@maxMemoryUsed / 1000 / 1000) as maxMemoryUsedMB, provisonedMemoryMB - maxMemoryUsedMB as overProvisionedMB',
  'filter @type = "REPORT" | stats avg(@duration), max(@duration), min(@duration) by bin(5m)',
  'filter @type = "REPORT" | fields @requestId, @billedDuration | sort by_duration desc',
  'fields @timestamp, @message, @duration | filter @type = "REPORT" and @duration > (avgD + 2) * 3 | limit 20',
  'parse @message "user=*, method:*, latency := *" as @user, @method, @latency | stats avg(@latency) by @method, @user',
  'parse @message /user=(?<user2>.*?), method:(?<method2>.*?), latency := (?<latency2>.*?)/ | stats avg(latency2) by method2, user2',
  'fields @message | parse @message "[*] *" as loggingType, loggingMessage | filter loggingType IN ["ERROR", "INFO"] | display @timestamp, loggingType = "ERROR" as isError',
  'stats count(*) by duration as time | sort time desc',
  'fields strlen(@message) as len | filter len > 0 and strcontains(@message, "x") | stats sum(len) as s by bin(30s) | stats max(s), min(s), avg(s)',
  'filter ispresent(proactiveInitialization) | stats latest(@message), pct(@duration, 99) by @logStream',
];

test('the user guide’s sample queries are understood', () => {
  for (const sample of samples) assert.doesNotThrow(() => compileQuery(readQuery(sample), options), sample);
});

const faults: Readonly<Record<string, string>> = {
  '': 'unexpected symbol found <EOF> at line 1 and position 1',
  'select 1': 'unexpected symbol found select at line 1 and position 1',
  'constructor x': 'unexpected symbol found constructor at line 1 and position 1',
  'fields a |': 'unexpected symbol found <EOF> at line 1 and position 11',
  'fields a\n| filter = 3': 'unexpected symbol found = at line 2 and position 10',
  'fields a b': 'unexpected symbol found b at line 1 and position 10',
  'filter a = ;': 'unexpected symbol found ; at line 1 and position 12',
  'filter a = "open': 'unexpected symbol found "open at line 1 and position 12',
  'filter a like /open': 'unexpected symbol found / at line 1 and position 15',
  'filter a like b': 'unexpected symbol found b at line 1 and position 15',
  'filter a not b': 'unexpected symbol found b at line 1 and position 14',
  'filter a in (1)': 'unexpected symbol found ( at line 1 and position 13',
  'filter a like /(?=x)/': 'Invalid regular expression: look-around is not supported ([14,21])',
  'filter a like /(x)\\1/': 'Invalid regular expression: references to groups are not supported ([14,21])',
  'filter a like /(x/': 'Invalid regular expression: unterminated group ([14,18])',
  'filter a like /x{2000}/': 'Invalid regular expression: more than 1000 repetitions ([14,23])',
  'parse @message /x/': 'The regular expression has no named group ([15,18])',
  'parse @message "* *" as a': '2 wildcards of the glob have 1 names ([15,20])',
  'parse @message /(x)/ as a, b': '1 groups of the expression have 2 names ([15,20])',
  'parse "*" as a | parse "*" as a': 'Ephemeral field is already defined: a ([30,31])',
  'fields 1 as a | stats max(a) as a': 'Ephemeral field is already defined: a ([22,28])',
  'limit 0': 'The limit must be between 1 and 10000 ([6,7])',
  'limit 10001': 'The limit must be between 1 and 10000 ([6,11])',
  'limit 5m': 'unexpected symbol found 5m at line 1 and position 7',
  'dedup a | sort b': 'unexpected symbol found sort at line 1 and position 11',
  'fields 5x': 'unexpected symbol found 5x at line 1 and position 8',
  'fields 5m': 'unexpected symbol found 5m at line 1 and position 8',
  'fields bin(5)': 'A period such as 5m is expected ([11,12])',
  'fields count(*)': 'unexpected symbol found count(*) at line 1 and position 8',
  'filter nothing(a)': 'unexpected symbol found nothing(a) at line 1 and position 8',
  'stats avg(*)': 'unexpected symbol found avg(*) at line 1 and position 7',
  'stats pct(a, 101)': 'A percentage between 0 and 100 is expected ([13,16])',
  'stats pct(a)': 'pct takes 2 arguments, not 1 ([6,12])',
  'stats a by b': 'Field is not defined: a ([6,7])',
  'stats count() by b | filter c = 1': 'Field is not defined: c ([28,29])',
  'stats count() by b | stats latest(b)': 'unexpected symbol found latest(b) at line 1 and position 28',
  [`fields ${'('.repeat(200)}1`]: 'The query is nested deeper than 100 levels ([107,108])',
  [`limit 1${' | limit 1'.repeat(50)}`]: 'A query has at most 50 commands ([500,505])',
};

test('what is wrong is said with its place, in the service’s words where they are known', () => {
  for (const [text, message] of Object.entries(faults)) {
    assert.throws(
      () => compileQuery(readQuery(text), options),
      (error) => error instanceof MalformedQuery && error.message === message,
      `${text.slice(0, 40)}: ${fault(text)}`,
    );
  }
});

function fault(text: string): string {
  try {
    compileQuery(readQuery(text), options);
    return 'understood';
  } catch (error) {
    return (error as Error).message;
  }
}

test('a query whose statement would be enormous is refused', () => {
  let nested = 'x';
  for (let i = 0; i < 90; i += 1) nested = `coalesce(coalesce(${nested}, y) < z, w)`;
  assert.match(fault(`filter ${nested} = 1`), /too complex|nested deeper/);
  let alias = 'fields a + a as c0';
  for (let i = 1; i < 60; i += 1) alias += `, c${i - 1} + c${i - 1} as c${i}`;
  assert.match(fault(alias), /too complex/);
});

/** Without the spaces that only make it readable. */
const compact = (sql: string) => sql.replace(/\s+/g, ' ');

test('a query becomes one nested statement over the events', () => {
  const query =
    "fields @timestamp | filter @logStream = 'it''s' | stats count(*) as n by bin(1m) | sort n desc | limit 5";
  assert.match(fault(query), /unexpected symbol/);
  const compiled = compileQuery(readQuery(query.replace("'it''s'", '"it\'s"')), options);
  assert.deepEqual(compiled.columns, ['bin(1m)', 'n']);
  assert.equal(compiled.hasEvents, false);
  const sql = compact(compiled.rows('EVENTS'));
  const inOrder = [
    'SELECT list_transform([c1], lambda v: CASE WHEN v BETWEEN',
    'CAST(CAST(v AS BIGINT) AS VARCHAR)',
    'FROM (SELECT * FROM (SELECT * FROM (SELECT *, (c3 IS NULL) AS c4, c3 AS c5 FROM',
    '(SELECT c1, c2 AS c3 FROM (SELECT list_transform([t], lambda v: CAST(floor(v / 60000) AS BIGINT) * 60000)[1] AS c1, CAST(count(*) AS DOUBLE) AS c2 FROM',
    "(SELECT * FROM (SELECT *, t AS d1, s AS d2 FROM (EVENTS)) WHERE coalesce(d2 = 'it''s', false))",
    'GROUP BY 1)',
    'ORDER BY c4 ASC NULLS LAST, c5 DESC NULLS LAST, c1 DESC NULLS LAST LIMIT 5',
    'LIMIT 10000',
  ];
  let at = 0;
  for (const part of inOrder) {
    const found = sql.indexOf(part, at);
    assert.ok(found >= 0, `${part}\nnot in order in\n${sql}`);
    at = found;
  }
  const counts = compact(compiled.counts('EVENTS'));
  assert.ok(
    counts.includes(
      "(SELECT count(*) FROM (SELECT * FROM (SELECT *, t AS d1, s AS d2 FROM (EVENTS)) WHERE coalesce(d2 = 'it''s', false)))",
    ),
    counts,
  );
});

test('only queries that name discovered fields look for JSON', () => {
  const plain = compileQuery(readQuery('filter @message like "x" | fields @duration'), options);
  assert.ok(!plain.rows('EVENTS').includes('json_'));
  const discovering = compileQuery(readQuery('filter level = "ERROR"'), options);
  assert.ok(discovering.rows('EVENTS').includes("json_extract(doc, '/level')"));
});
