import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInput, type RawRequest } from './input.js';
import type { OperationName } from './operations.js';

function request(parts: Partial<Omit<RawRequest, 'body'>> & { readonly body?: unknown } = {}): RawRequest {
  const { body = '', ...rest } = parts;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return { pathParameters: {}, query: null, headers: {}, ...rest, body: bytes };
}
function value(operation: OperationName, raw: RawRequest): unknown {
  const parsed = parseInput(operation, raw);
  assert(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}
function failure(operation: OperationName, raw: RawRequest): readonly [string, string] {
  const parsed = parseInput(operation, raw);
  assert(!parsed.ok);
  return [parsed.failure.code, parsed.failure.message];
}

test('Invoke: members from path, query and headers; the payload is the very bytes of the body', () => {
  const body = Buffer.from('not json');
  const raw = request({
    pathParameters: { FunctionName: 'f' },
    query: new URLSearchParams('Qualifier=live&Other=1'),
    headers: { 'x-amz-invocation-type': 'Event', 'x-amz-log-type': 'Tail', 'content-type': 'text/plain' },
    body,
  });
  const input = parseInput('Invoke', raw);
  assert(input.ok);
  assert.deepEqual(input.value, {
    FunctionName: 'f',
    Qualifier: 'live',
    InvocationType: 'Event',
    LogType: 'Tail',
    Payload: body,
  });
  assert.equal(input.value.Payload, body);
});

test('an absent payload is left out, a required one is empty', () => {
  const raw = request({ pathParameters: { FunctionName: 'f' } });
  assert.deepEqual(value('Invoke', raw), { FunctionName: 'f' });
  assert.deepEqual(value('InvokeAsync', raw), { FunctionName: 'f', InvokeArgs: Buffer.alloc(0) });
});

test('JSON members: blobs, nesting, null as absent, unknown members ignored', () => {
  const body = {
    FunctionName: 'f',
    Code: { ZipFile: 'UEs=', Unknown: [1] },
    Environment: { Variables: { A: '1', B: null } },
    Layers: ['x', null],
    Description: null,
    MemorySize: 256.9,
    Publish: true,
    Nonsense: { deep: [] },
  };
  assert.deepEqual(value('CreateFunction', request({ body })), {
    FunctionName: 'f',
    Code: { ZipFile: Buffer.from('PK') },
    Environment: { Variables: { A: '1', B: null } },
    Layers: ['x', null],
    MemorySize: 256,
    Publish: true,
  });
});

test('path members win over members of the body with the same name', () => {
  const raw = request({ pathParameters: { FunctionName: 'path' }, body: { FunctionName: 'body', Name: 'a' } });
  assert.deepEqual(value('CreateAlias', raw), { FunctionName: 'path', Name: 'a' });
});

test('query lists, integers, booleans and timestamps', () => {
  const query = (text: string) => request({ query: new URLSearchParams(text) });
  assert.deepEqual(value('UntagResource', { ...query('tagKeys=a&tagKeys=b%20c'), pathParameters: { Resource: 'r' } }), {
    Resource: 'r',
    TagKeys: ['a', 'b c'],
  });
  assert.deepEqual(value('ListFunctions', query('MaxItems=7&FunctionVersion=ALL')), {
    MaxItems: 7,
    FunctionVersion: 'ALL',
  });
  const execution = value(
    'ListDurableExecutionsByFunction',
    query('ReverseOrder=true&StartedAfter=2026-01-02T03:04:05Z'),
  );
  assert.deepEqual(execution, {
    FunctionName: '',
    ReverseOrder: true,
    StartedAfter: new Date('2026-01-02T03:04:05Z'),
  });
  assert.deepEqual(failure('ListFunctions', query('MaxItems=many')), [
    'SerializationException',
    'STRING_VALUE can not be converted to an Integer',
  ]);
});

test('JSON of the wrong type', () => {
  const cases: [unknown, string][] = [
    [{ Timeout: '3' }, 'STRING_VALUE can not be converted to an Integer'],
    [{ Timeout: 2 ** 31 }, 'NUMBER_VALUE can not be converted to an Integer'],
    [{ FunctionName: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    [{ FunctionName: false }, 'FALSE_VALUE can not be converted to a String'],
    [{ FunctionName: {} }, 'Start of structure or map found where not expected.'],
    [{ FunctionName: [] }, 'Start of list found where not expected'],
    [{ Publish: 'true' }, 'STRING_VALUE can not be converted to a Boolean'],
    [{ Layers: 'x' }, 'Expected list or null'],
    [{ Layers: {} }, 'Start of structure or map found where not expected.'],
    [{ Code: 'x' }, 'Expected null'],
    [{ Code: [] }, 'Start of list found where not expected'],
    [{ Code: { ZipFile: 'no base64!' } }, 'STRING_VALUE can not be converted to a Blob'],
    [{ Tags: { a: 1 } }, 'NUMBER_VALUE can not be converted to a String'],
    [[], 'Start of list found where not expected'],
    ['"text"', 'Expected null'],
  ];
  for (const [body, message] of cases) {
    assert.deepEqual(failure('CreateFunction', request({ body })), ['SerializationException', message]);
  }
});

test('what is not JSON', () => {
  for (const body of ['{', 'x', '{"a":}', Buffer.from([0xff, 0xfe]), '['.repeat(100_000)]) {
    const [code, message] = failure('CreateFunction', request({ body }));
    assert.equal(code, 'InvalidRequestContentException');
    assert.match(message, /^Could not parse request body into json: /);
  }
});

test('__proto__ of a client stays data', () => {
  const body = '{"FunctionName":"f","__proto__":{"Role":"r"},"Tags":{"__proto__":"x"},"Code":{}}';
  const input = value('CreateFunction', request({ body })) as { Role?: string; Tags: object };
  assert.equal(input.Role, undefined);
  assert.deepEqual(Object.entries(input.Tags), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(input.Tags), Object.prototype);
});

test('structure payloads are parsed', () => {
  const raw = request({ pathParameters: { CallbackId: 'c' }, body: { ErrorType: 'E' } });
  assert.deepEqual(value('SendDurableExecutionCallbackFailure', raw), { CallbackId: 'c', Error: { ErrorType: 'E' } });
});
