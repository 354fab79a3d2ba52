import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { barsView, faultView, tableView } from './queryview.js';

const rows = (...all: readonly Readonly<Record<string, string>>[]) => all.map((row) => new Map(Object.entries(row)));
const plain = (text: string | null) =>
  stripVTControlCharacters(text ?? 'null')
    .split('\n')
    .map((line) => line.trimEnd());

test('a table has every column in the order of the query, also of rows that lack some', () => {
  const drawn = tableView(
    rows({ a: '1', c: '3', '@ptr': 'x' }, { a: '4', b: '5', c: '6' }, { b: 'two\nlines\u001b[31m\n' }),
  );
  assert.deepEqual(plain(drawn), [
    'a  b                 c',
    '1                    3',
    '4  5                 6',
    '   two ⏎ lines�[31m',
  ]);
  assert.equal(tableView([]), 'No results.');
});

test('bars: the last column of numbers, scaled to the width, an eighth of a character exact', () => {
  const drawn = barsView(rows({ day: 'Mon', n: '8' }, { day: 'Tuesday', n: '4' }, { n: '0.5' }, { day: 'none' }), 30);
  assert.deepEqual(plain(drawn), [
    '         n',
    'Mon        8  ████████████████',
    'Tuesday    4  ████████',
    '—        0.5  █',
    'none',
  ]);
});

test('bars of what has no numbers are none; zeros, negative numbers and narrow terminals are drawn', () => {
  assert.equal(barsView(rows({ a: 'x' }, { a: 'y' }), 80), null);
  assert.equal(barsView([], 80), 'No results.');
  assert.deepEqual(plain(barsView(rows({ a: 'x', n: '0' }, { a: 'y', n: '-3' }), 80)), ['   n', 'x   0', 'y  -3']);
  const narrow = plain(barsView(rows({ a: 'a very long label', n: '1' }), 20));
  assert.deepEqual(narrow.slice(1), ['a very lo…  1  ████████']);
});

test('the place of a fault is shown below its line', () => {
  const query = 'fields a\n| filter = 3';
  assert.deepEqual(plain(faultView(query, 18, 19)), ['  | filter = 3', '           ^']);
  assert.deepEqual(plain(faultView(query, query.length, query.length)), ['  | filter = 3', '              ^']);
});
