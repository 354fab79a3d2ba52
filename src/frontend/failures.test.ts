import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiFailure, type ErrorCode, errorKinds } from '../kernel/errors.js';
import { failureText } from './failures.js';

const id = '00000000-0000-4000-8000-000000000000';

test('Lambda: the body says who is to blame, in the recorded spelling', () => {
  const text = (code: ErrorCode, more = {}) => failureText('rest-json', apiFailure(code, 'm', more), id);
  assert.deepEqual(text('ResourceNotFoundException'), {
    status: 404,
    contentType: 'application/json',
    body: '{"Type":"User","Message":"m"}',
  });
  assert.equal(text('ResourceConflictException').body, '{"Type":"User","message":"m"}');
  assert.equal(text('InvalidSignatureException').body, '{"message":"m"}');
  assert.equal(text('InvalidParameterValueException', { omitType: true }).body, '{"message":"m"}');
  const throttled = text('TooManyRequestsException', {
    members: { Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' },
  });
  assert.equal(throttled.status, 429);
  assert.equal(
    throttled.body,
    '{"Type":"User","message":"m","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}',
  );
});

test('every error has a body in every protocol', () => {
  for (const code of Object.keys(errorKinds) as ErrorCode[]) {
    const failure = apiFailure(code, 'a <b> & "c" \u0000');
    const rest = failureText('rest-json', failure, id);
    assert.equal(rest.status, errorKinds[code].status);
    assert.ok(Object.values(JSON.parse(rest.body)).includes(failure.message));
    const json = failureText('json-1.1', failure, id);
    assert.deepEqual(JSON.parse(json.body), { __type: code, message: failure.message });
    const xml = failureText('query', failure, id).body;
    assert.match(xml, /<Code>\w+<\/Code>/);
    assert.match(xml, /<Message>(a &lt;b&gt; &amp; "c" \?|Request is missing Authentication Token)<\/Message>/);
  }
});
