import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import { messageOf } from './envelope.js';
import type { AsyncEvent, AttemptEnd, Conclusion } from './messages.js';

const event: AsyncEvent = {
  requestId: 'e4b46cbf-b738-4d1f-8880-a18cdf61200e' as RequestId,
  account: '123456789012' as AccountId,
  region: 'us-east-2' as Region,
  functionName: 'my-function',
  qualifier: null,
  invokedFunctionArn: 'arn:aws:lambda:us-east-2:123456789012:function:my-function',
  clientContext: null,
  traceHeader: 'Root=1-2-3',
  acceptedMs: 0,
  attempts: 3,
  setbacks: 0,
};
const atMs = Date.UTC(2019, 10, 14, 18, 16, 5, 568);
const concluded = (more: Partial<Conclusion>): Conclusion => ({
  condition: 'RetriesExhausted',
  end: null,
  atMs,
  left: [{ kind: 'destination', arn: 'arn:aws:sqs:us-east-2:123456789012:q' }],
  tries: 0,
  ...more,
});
const dead = [{ kind: 'dead-letter', arn: 'arn:aws:sqs:us-east-2:123456789012:d' }] as const;
const failure: AttemptEnd = {
  outcome: 'function-error',
  executedVersion: '$LATEST',
  functionError: 'Unhandled',
  response: '{"errorMessage":"RequestId: e4b46cbf Process exited before completing request"}',
};
const bodyOf = (more: Partial<Conclusion>, payload = '{"ORDER_IDS":["9e07af03"]}', of = event) =>
  messageOf(of, Buffer.from(payload), concluded(more)).body;

test('the record of a failure, as the developer guide shows it, member for member', () => {
  assert.equal(
    bodyOf({ end: failure }),
    '{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z",' +
      '"requestContext":{"requestId":"e4b46cbf-b738-4d1f-8880-a18cdf61200e",' +
      '"functionArn":"arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",' +
      '"condition":"RetriesExhausted","approximateInvokeCount":3},' +
      '"requestPayload":{"ORDER_IDS":["9e07af03"]},' +
      '"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},' +
      '"responsePayload":{"errorMessage":"RequestId: e4b46cbf Process exited before completing request"}}',
  );
});

test('the record of a success has no error; the function goes by the qualifier it was invoked with', () => {
  const end: AttemptEnd = { outcome: 'success', executedVersion: '7', response: 'null' };
  const record = JSON.parse(bodyOf({ condition: 'Success', end }, '1', { ...event, qualifier: 'live', attempts: 1 }));
  assert.deepEqual(record.requestContext, {
    requestId: event.requestId,
    functionArn: 'arn:aws:lambda:us-east-2:123456789012:function:my-function:live',
    condition: 'Success',
    approximateInvokeCount: 1,
  });
  assert.deepEqual(record.responseContext, { statusCode: 200, executedVersion: '7' });
  assert.deepEqual([record.requestPayload, record.responsePayload], [1, null]);
});

test('an event that was never attempted has no response; one that was throttled says so', () => {
  const never = JSON.parse(bodyOf({ condition: 'ZeroReservedConcurrency' }, '{}', { ...event, attempts: 0 }));
  assert.deepEqual(Object.keys(never), ['version', 'timestamp', 'requestContext', 'requestPayload']);
  assert.equal(never.requestContext.approximateInvokeCount, 0);
  const end: AttemptEnd = { outcome: 'throttled', status: 429, message: 'Rate Exceeded.' };
  const old = JSON.parse(bodyOf({ condition: 'EventAgeExceeded', end }));
  assert.deepEqual(old.responseContext, { statusCode: 429 });
  assert.equal('responsePayload' in old, false);
});

test('payloads stay as they are: large numbers, and what is no JSON as text', () => {
  const end: AttemptEnd = { outcome: 'success', executedVersion: '1', response: 'not "JSON"' };
  const body = bodyOf({ end }, '{"id": 12345678901234567890}');
  assert.ok(body.includes('"requestPayload":{"id": 12345678901234567890}'));
  assert.equal(JSON.parse(body).responsePayload, 'not "JSON"');
});

test('property: whatever a function answers, the record is JSON that has it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), fc.json(), (response, payload) => {
      const record = JSON.parse(bodyOf({ end: { outcome: 'success', executedVersion: '1', response } }, payload));
      let expected: unknown = response;
      try {
        expected = JSON.parse(response);
      } catch {
        // Told as text.
      }
      assert.deepEqual(record.responsePayload, expected);
      assert.deepEqual(record.requestPayload, JSON.parse(payload));
    }),
  );
});

const attributes = (more: Partial<Conclusion>) => {
  const message = messageOf(event, Buffer.from('{"a": 1}'), concluded({ left: dead, ...more }));
  assert.equal(message.body, '{"a": 1}');
  return Object.fromEntries(Object.entries(message.attributes).map(([name, { type, value }]) => [name, [type, value]]));
};

test('a dead letter is the event as it came, with what went wrong as attributes', () => {
  assert.deepEqual(attributes({ end: failure }), {
    RequestID: ['String', event.requestId],
    ErrorCode: ['Number', '200'],
    ErrorMessage: ['String', 'RequestId: e4b46cbf Process exited before completing request'],
  });
  const end: AttemptEnd = { outcome: 'throttled', status: 429, message: 'Rate Exceeded.' };
  assert.deepEqual(attributes({ end }).ErrorCode, ['Number', '429']);
  assert.deepEqual(attributes({ end }).ErrorMessage, ['String', 'Rate Exceeded.']);
  const zero = attributes({ condition: 'ZeroReservedConcurrency' });
  assert.equal(zero.ErrorCode, undefined);
  assert.match(zero.ErrorMessage![1]!, /^Function not invoked\./);
  for (const response of ['', null, '{"errorMessage":""}', '[]']) {
    assert.ok(attributes({ end: { ...failure, response } }).ErrorMessage![1]!.length > 0);
  }
});

test('the message of an error is cut to 1 KB, at no half of a character', () => {
  const response = JSON.stringify({ errorMessage: `${'x'.repeat(1_023)}é` });
  assert.equal(attributes({ end: { ...failure, response } }).ErrorMessage![1], 'x'.repeat(1_023));
  const even = JSON.stringify({ errorMessage: 'é'.repeat(600) });
  assert.equal(attributes({ end: { ...failure, response: even } }).ErrorMessage![1], 'é'.repeat(512));
});

test('whether the trace is recorded travels on, where that was decided', () => {
  const told = (of: AsyncEvent) => messageOf(of, Buffer.from('{}'), concluded({})).traced;
  assert.deepEqual(
    [told(event), told({ ...event, traced: true }), told({ ...event, traced: false })],
    [undefined, true, false],
  );
});
