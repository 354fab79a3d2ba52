import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Input, type OperationName, operations } from './operations.js';
import { validate, validationFailure } from './validation.js';

const role = 'arn:aws:iam::123456789012:role/r';
const create: Input<'CreateFunction'> = { FunctionName: 'f', Role: role, Code: {} };

/** Violations of an input that the compiler would refuse, as clients send them. */
function violations(operation: OperationName, input: object): readonly string[] {
  return validate(operation, input as never);
}
function ofCreate(members: object): readonly string[] {
  return violations('CreateFunction', { ...create, ...members });
}
function at(path: string, constraint: string, shown: string | null): readonly string[] {
  const value = shown === null ? 'Value' : `Value '${shown}'`;
  return [`${value} at '${path}' failed to satisfy constraint: ${constraint}`];
}

test('a valid input has no violations', () => {
  assert.deepEqual(validate('CreateFunction', create), []);
});

test('scalars: pattern, length, range, enum', () => {
  const { pattern } = operations.CreateFunction.input.members.FunctionName.schema;
  assert.deepEqual(
    ofCreate({ FunctionName: 'a b' }),
    at('functionName', `Member must satisfy regular expression pattern: ${pattern}`, 'a b'),
  );
  assert.deepEqual(
    ofCreate({ Description: 'd'.repeat(257) }),
    at('description', 'Member must have length less than or equal to 256', 'd'.repeat(257)),
  );
  assert.deepEqual(
    ofCreate({ MemorySize: 127 }),
    at('memorySize', 'Member must have value greater than or equal to 128', '127'),
  );
  assert.deepEqual(
    ofCreate({ EphemeralStorage: { Size: 10_241 } }),
    at('ephemeralStorage.size', 'Member must have value less than or equal to 10240', '10241'),
  );
  assert.deepEqual(
    violations('Invoke', { FunctionName: 'f', LogType: 'All' }),
    at('logType', 'Member must satisfy enum value set: [None, Tail]', 'All'),
  );
  assert.match(ofCreate({ KMSKeyArn: 'k' })[0] ?? '', /^Value 'k' at 'kMSKeyArn' failed/);
});

test('missing members, also nested ones', () => {
  assert.deepEqual(violations('CreateFunction', { FunctionName: 'f', EphemeralStorage: {} }), [
    "Value null at 'role' failed to satisfy constraint: Member must not be null",
    "Value null at 'code' failed to satisfy constraint: Member must not be null",
    "Value null at 'ephemeralStorage.size' failed to satisfy constraint: Member must not be null",
  ]);
});

test('elements of a list are judged together, its own length apart', () => {
  assert.deepEqual(
    ofCreate({ Architectures: ['arm64', 'sparc'] }),
    [
      ...at('architectures', 'Member must have length less than or equal to 1', 'arm64, sparc'),
      ...at(
        'architectures',
        'Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]',
        'arm64, sparc',
      ),
    ].map((text) => text.replace('arm64, sparc', '[arm64, sparc]')),
  );
  const { min, max, pattern } = operations.CreateFunction.input.members.Layers.member;
  const all = `Member must have length less than or equal to ${max}, Member must have length greater than or equal to ${min}, Member must satisfy regular expression pattern: ${pattern}, Member must not be null`;
  assert.deepEqual(
    ofCreate({ Layers: ['bad', null] }),
    at('layers', `Member must satisfy constraint: [${all}]`, '[bad, null]'),
  );
});

test('structures in a list are judged one by one', () => {
  const config = { Arn: 'x', LocalMountPath: '/mnt/a' };
  assert.match(
    ofCreate({ FileSystemConfigs: [config] })[0] ?? '',
    /^Value 'x' at 'fileSystemConfigs\.1\.member\.arn' failed to satisfy constraint: Member must satisfy regular/,
  );
  assert.deepEqual(
    violations('CreateEventSourceMapping', { FunctionName: 'f', FilterCriteria: { Filters: [{}, null] } }),
    ["Value null at 'filterCriteria.filters.2.member' failed to satisfy constraint: Member must not be null"],
  );
});

test('maps: keys and values are judged together; sensitive ones are not shown', () => {
  assert.deepEqual(
    ofCreate({ Environment: { Variables: { 'foo-bar': 'secret' } } }),
    at(
      'environment.variables',
      'Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]',
      null,
    ),
  );
  const alias = { FunctionName: 'f', Name: 'a', FunctionVersion: '1' };
  assert.deepEqual(
    violations('CreateAlias', { ...alias, RoutingConfig: { AdditionalVersionWeights: { 1: 2 } } }),
    at(
      'routingConfig.additionalVersionWeights',
      'Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]',
      '{1=2.0}',
    ),
  );
  const manyLists = { SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: [] } } };
  assert.deepEqual(
    violations('CreateEventSourceMapping', { FunctionName: 'f', ...manyLists }),
    at(
      'selfManagedEventSource.endpoints.KAFKA_BOOTSTRAP_SERVERS.member',
      'Member must have length greater than or equal to 1',
      '[]',
    ),
  );
});

test('letters of any script in tags', () => {
  assert.deepEqual(ofCreate({ Tags: { Größe: 'zwölf 日本' } }), []);
  assert.match(ofCreate({ Tags: { a: '*' } })[0] ?? '', /^Value '\{a=\*\}' at 'tags' .*Map value must/);
});

test('one message for all violations, counted', () => {
  assert.deepEqual(validationFailure(['A', 'B']), {
    code: 'ValidationException',
    message: '2 validation errors detected: A; B',
  });
  assert.equal(validationFailure(['A']).message, '1 validation error detected: A');
});

test('neither a huge value nor many violations make a huge error', () => {
  const [text = ''] = ofCreate({ FunctionName: 'x'.repeat(1_000_000) });
  assert(text.length < 6_000);
  const huge = { Variables: { ['A'.repeat(100_000)]: 'x' } };
  assert.match(ofCreate({ Environment: huge })[0] ?? '', /Map keys must/);
  const Filters = Array.from({ length: 5_000 }, () => null);
  const found = violations('CreateEventSourceMapping', { FunctionName: 'f', FilterCriteria: { Filters } });
  assert.equal(found.length, 100);
});
