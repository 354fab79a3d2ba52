import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationNames, operations } from './operations.js';
import { route } from './router.js';

const arn = 'arn:aws:lambda:us-east-1:123456789012:function:f';

test('every operation is found by its own method and path, with and without a trailing slash', () => {
  for (const name of operationNames) {
    const { method, path } = operations[name];
    const [template = '', query = ''] = path.split('?');
    const expected: Record<string, string> = {};
    const concrete = template.replace(/\{(\w+)\}/g, (_, label: string) => {
      expected[label] = `${arn}/${label} ü%`;
      return encodeURIComponent(expected[label]);
    });
    for (const requested of [concrete, `${concrete}/`]) {
      const found = route(method, requested, new URLSearchParams(query));
      assert.deepEqual(found, { kind: 'operation', operation: name, pathParameters: expected });
    }
  }
});

test('a query parameter tells operations with one path apart', () => {
  const found = (path: string, query: string) => {
    const result = route('GET', path, new URLSearchParams(query));
    return result.kind === 'operation' ? result.operation : result.kind;
  };
  assert.equal(found('/2018-10-31/layers', ''), 'ListLayers');
  assert.equal(found('/2018-10-31/layers', 'find=LayerVersion&Arn=x'), 'GetLayerVersionByArn');
  assert.equal(found('/2018-10-31/layers', 'find=Other'), 'ListLayers');
  const provisioned = '/2019-09-30/functions/f/provisioned-concurrency';
  assert.equal(found(provisioned, 'Qualifier=1'), 'GetProvisionedConcurrencyConfig');
  assert.equal(found(provisioned, 'List=ALL'), 'ListProvisionedConcurrencyConfigs');
});

test('the hot path takes encoded and plain ARNs', () => {
  for (const label of [arn, encodeURIComponent(arn)]) {
    assert.deepEqual(route('POST', `/2015-03-31/functions/${label}/invocations`), {
      kind: 'operation',
      operation: 'Invoke',
      pathParameters: { FunctionName: arn },
    });
  }
});

test('what is not in the table is unknown', () => {
  const paths = [
    '',
    '/',
    '*',
    '//',
    '/2015-03-31',
    '/2015-03-31/functions/f/nope',
    '/2015-03-31/functions/a/b/invocations',
  ];
  const broken = [
    '/2015-03-31/functions//invocations',
    '/2015-03-31/functions/%zz/invocations',
    '/2015-03-31/functions/%ff',
  ];
  for (const path of [...paths, ...broken]) {
    assert.deepEqual(route('POST', path), { kind: 'unknown-path' }, path);
  }
});

test('a known path with another method says which methods it has', () => {
  const found = route('PATCH', '/2015-03-31/functions/f');
  assert.equal(found.kind, 'unknown-method');
  assert.deepEqual(found.kind === 'unknown-method' && [...found.methods].sort(), ['DELETE', 'GET']);
  assert.equal(route('GET', '/2015-03-31/functions/f/invocations').kind, 'unknown-method');
});
