import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region } from '../../kernel/ids.js';
import { formatFunctionArn, formatLayerArn, parseFunctionName, parseLayerName } from './arn.js';
import { FunctionName, NamespacedFunctionName } from './shapes.js';

const account = '123456789012' as AccountId;
const region = 'eu-west-1' as Region;

test('every spelling of a function', () => {
  const bare = { account: null, region: null, name: 'f', qualifier: null };
  const cases: [string, object][] = [
    ['f', bare],
    ['f:live', { ...bare, qualifier: 'live' }],
    ['f:$LATEST', { ...bare, qualifier: '$LATEST' }],
    ['function:f', bare],
    ['123456789012:function:f', { ...bare, account }],
    ['123456789012:function:f:7', { ...bare, account, qualifier: '7' }],
    ['eu-west-1:123456789012:function:f', { ...bare, account, region }],
    ['arn:aws:lambda:eu-west-1:123456789012:function:f', { ...bare, account, region }],
    ['arn:aws:lambda:eu-west-1:123456789012:function:f:live', { ...bare, account, region, qualifier: 'live' }],
    ['arn:aws-cn:lambda:cn-north-1:123456789012:function:f', { ...bare, account, region: 'cn-north-1' }],
    ['function', { ...bare, name: 'function' }],
    ['123456789012', { ...bare, name: '123456789012' }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseFunctionName(text), expected, text);
});

test('what names no function', () => {
  const texts = [
    '',
    ':',
    'a b',
    'f:',
    ':f',
    'f:live:more',
    'arn:aws:s3:eu-west-1:123456789012:function:f',
    'f:$OLD',
    'arn:aws:lambda',
  ];
  for (const text of texts) assert.equal(parseFunctionName(text), null, text);
});

test('whatever the patterns of the table let through can be read', () => {
  for (const { pattern } of [FunctionName, NamespacedFunctionName]) {
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(`^(?:${pattern})$`)), (text) => parseFunctionName(text) !== null),
      { numRuns: 300 },
    );
  }
});

test('a formatted ARN reads back', () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/);
  const qualifier = fc.option(fc.constantFrom('$LATEST', '1', 'live'), { nil: null });
  fc.assert(
    fc.property(name, qualifier, (name, qualifier) => {
      const arn = formatFunctionArn(account, region, name, qualifier);
      assert.deepEqual(parseFunctionName(arn), { account, region, name, qualifier });
    }),
  );
  fc.assert(
    fc.property(name, fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: null }), (name, version) => {
      const arn = formatLayerArn(account, region, name, version);
      assert.deepEqual(parseLayerName(arn), { account, region, name, version });
    }),
  );
  assert.equal(formatFunctionArn(account, 'us-gov-west-1' as Region, 'f').split(':')[1], 'aws-us-gov');
});

test('layers by name, and what names none', () => {
  assert.deepEqual(parseLayerName('lib'), { account: null, region: null, name: 'lib', version: null });
  const texts = [
    '',
    'a.b',
    'x'.repeat(141),
    'arn:aws:lambda:eu-west-1:123456789012:function:f',
    'arn:aws:lambda:eu-west-1:123456789012:layer:l:0',
  ];
  for (const text of texts) assert.equal(parseLayerName(text), null, text);
});
