import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationsOf } from './destinations.js';
import { CommandError } from './terminal.js';

test('nothing said: no topics, no URLs, and the minutes of Lambda', () => {
  assert.deepEqual(destinationsOf({}), { destinations: { topics: null, urls: [], extraCa: null } });
});

test('a service of topics, URLs below which destinations may be, and how long a retry waits', () => {
  const choice = destinationsOf({
    'sns-endpoint': 'http://127.0.0.1:4100',
    'destination-url': ['https://hooks.example/a', 'http://127.0.0.1:1/'],
    'retry-seconds': 0.5,
  });
  assert.ok(choice.destinations.topics);
  choice.destinations.topics.close();
  assert.deepEqual(
    choice.destinations.urls?.map(({ href }) => href),
    ['https://hooks.example/a', 'http://127.0.0.1:1/'],
  );
  assert.equal(choice.retryMs, 500);
});

test('what cannot be is refused', () => {
  const cases: [object, RegExp][] = [
    [{ 'sns-endpoint': 'topics' }, /^--sns-endpoint takes a URL/],
    [{ 'destination-url': ['hooks'] }, /^--destination-url takes a URL/],
    [{ 'destination-url': ['ftp://hooks.example'] }, /^--destination-url/],
    [{ 'destination-url': ['https://hooks.example/?a=1'] }, /without a query/],
    [{ 'retry-seconds': -1 }, /^--retry-seconds takes a number from 0 to 60$/],
    [{ 'retry-seconds': 61 }, /^--retry-seconds/],
    [{ 'retry-seconds': Number.NaN }, /^--retry-seconds/],
  ];
  for (const [choice, text] of cases) {
    assert.throws(
      () => destinationsOf(choice),
      (error) => error instanceof CommandError && text.test(error.message) && error.exitCode === 64,
    );
  }
});
