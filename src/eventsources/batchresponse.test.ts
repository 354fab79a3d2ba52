import assert from 'node:assert/strict';
import test from 'node:test';
import { failedItems } from './batchresponse.js';

const ids = new Set(['1', '2']);
const judged = (text: string) => failedItems(Buffer.from(text), ids);

test('partial batch responses: what is a success, which messages failed, and what makes no sense', () => {
  for (const text of ['', 'null', '{}', '{"batchItemFailures":[]}', '{"batchItemFailures":null}', '{"other":1}']) {
    assert.deepEqual(judged(text), [], text);
  }
  assert.deepEqual(judged('{"batchItemFailures":[{"itemIdentifier":"2"}]}'), ['2']);
  for (const text of [
    'no json',
    '"text"',
    '[]',
    '{"batchItemFailures":{}}',
    '{"batchItemFailures":["2"]}',
    '{"batchItemFailures":[null]}',
    '{"batchItemFailures":[{"itemIdentifier":""}]}',
    '{"batchItemFailures":[{"itemIdentifier":null}]}',
    '{"batchItemFailures":[{"itemIdentifer":"1"}]}',
    '{"batchItemFailures":[{"itemIdentifier":"3"}]}',
  ]) {
    assert.equal(judged(text), null, text);
  }
});
