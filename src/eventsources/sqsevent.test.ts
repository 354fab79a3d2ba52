import assert from 'node:assert/strict';
import test from 'node:test';
import { compilePattern } from './eventpattern.js';
import { isWanted, recordOf } from './sqsevent.js';

const arn = 'arn:aws:sqs:eu-west-1:123456789012:q';
const message = (Body: string) => ({ MessageId: 'm', ReceiptHandle: 'h', Body, MD5OfBody: 'd' });
const record = (Body: string) => recordOf(message(Body), arn, false);

test('a message without attributes is the record of the documentation', () => {
  assert.deepEqual(record('b'), {
    messageId: 'm',
    receiptHandle: 'h',
    body: 'b',
    attributes: {},
    messageAttributes: {},
    md5OfBody: 'd',
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: 'eu-west-1',
  });
});

test('the digest of attributes that are not there: null with a batching window, absent without', () => {
  assert.equal('md5OfMessageAttributes' in record('b'), false);
  assert.equal(recordOf(message('b'), arn, true).md5OfMessageAttributes, null);
  const given = { ...message('b'), MD5OfMessageAttributes: 'm' };
  assert.equal(recordOf(given, arn, false).md5OfMessageAttributes, 'm');
});

test('filters look into bodies that are JSON, and at plain ones as text: the table of the documentation', () => {
  const wanted = (pattern: object, body: string) => isWanted([compilePattern(JSON.stringify(pattern))!], record(body));
  assert.equal(isWanted([], record('x')), true);
  assert.equal(wanted({ body: ['x'] }, 'x'), true);
  assert.equal(wanted({ body: ['x'] }, 'y'), false);
  assert.equal(wanted({ messageId: ['m'] }, 'x'), true);
  assert.equal(wanted({ body: { a: ['x'] } }, 'x'), false);
  assert.equal(wanted({ body: [{ prefix: '{' }] }, '{"a":"x"}'), false);
  assert.equal(wanted({ messageId: ['m'] }, '{"a":"x"}'), true);
  assert.equal(wanted({ body: { a: ['x'] } }, '{"a":"x"}'), true);
});
