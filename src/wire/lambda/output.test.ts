import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serializeOutput } from './output.js';

test('Invoke: status and headers from members, the payload as it is', () => {
  const Payload = Buffer.from('{}');
  const output = { StatusCode: 200, FunctionError: 'Unhandled', ExecutedVersion: '3', LogResult: undefined, Payload };
  assert.deepEqual(serializeOutput('Invoke', output), {
    status: 200,
    headers: { 'X-Amz-Function-Error': 'Unhandled', 'X-Amz-Executed-Version': '3' },
    body: Payload,
  });
  assert.deepEqual(serializeOutput('Invoke', { StatusCode: 202 }), { status: 202, headers: {}, body: null });
});

test('JSON bodies hold only what the table knows', () => {
  const output = { FunctionName: 'f', Description: undefined, Environment: { Variables: { A: 'b' } }, secret: 1 };
  const { status, headers, body } = serializeOutput('CreateFunction', output);
  assert.equal(status, 201);
  assert.deepEqual(headers, { 'Content-Type': 'application/json' });
  assert.deepEqual(JSON.parse(String(body)), { FunctionName: 'f', Environment: { Variables: { A: 'b' } } });
});

test('timestamps are epoch seconds, lists and nulls as they should', () => {
  const mapping = { UUID: 'u', LastModified: new Date(1_500), Topics: ['t'], StateTransitionReason: undefined };
  const { body } = serializeOutput('GetEventSourceMapping', mapping);
  assert.deepEqual(JSON.parse(String(body)), { UUID: 'u', LastModified: 1.5, Topics: ['t'] });
});

test('no body where the operation or the status has none', () => {
  assert.deepEqual(serializeOutput('DeleteAlias', null), { status: 204, headers: {}, body: null });
  assert.deepEqual(serializeOutput('DeleteFunction', { StatusCode: 204 }), { status: 204, headers: {}, body: null });
});
