import assert from 'node:assert/strict';
import test from 'node:test';
import { parseText } from './document.js';
import { Resolver, type Scope } from './intrinsics.js';
import type { Properties, Value } from './model.js';

const scope = (conditions: Properties = {}): Scope => ({
  parameters: new Map<string, Value>([
    ['Stage', 'dev'],
    ['Names', ['a', 'b']],
    ['AWS::Region', 'eu-west-1'],
  ]),
  mappings: { Sizes: { dev: { memory: 256 } } },
  conditions,
  has: (id) => id === 'Fn',
  ref: (id) => `ref-of-${id}`,
  attribute: (id, name) => `${id}!${name}`,
});

const resolve = (yaml: string, conditions?: Properties) =>
  new Resolver(scope(conditions)).resolve((parseText(`v: ${yaml}`, 'test') as { v: Value }).v, 'test');

test('references, attributes and text are resolved in short and long form', () => {
  assert.equal(resolve('!Ref Stage'), 'dev');
  assert.equal(resolve('{Ref: Fn}'), 'ref-of-Fn');
  assert.equal(resolve('!GetAtt Fn.Arn'), 'Fn!Arn');
  assert.equal(resolve('!GetAtt Fn.A.B'), 'Fn!A.B');
  assert.equal(resolve('{"Fn::GetAtt": [Fn, Arn]}'), 'Fn!Arn');
  assert.equal(
    resolve('!Sub "${Stage}-${Fn}-${Fn.Arn}-${!Literal}-${AWS::Region}"'),
    'dev-ref-of-Fn-Fn!Arn-${Literal}-eu-west-1',
  );
  assert.equal(resolve('!Sub ["${X}/${Stage}", {X: !Ref Fn}]'), 'ref-of-Fn/dev');
  assert.equal(resolve('!Join ["-", [a, !Ref Stage, !Sub "${Fn}"]]'), 'a-dev-ref-of-Fn');
  assert.equal(resolve('!Join [",", !Ref Names]'), 'a,b');
  assert.equal(resolve('!Select [1, !Ref Names]'), 'b');
  assert.equal(resolve('!Select [0, !Split ["-", x-y]]'), 'x');
  assert.equal(resolve('!FindInMap [Sizes, !Ref Stage, memory]'), 256);
  assert.equal(resolve('!Base64 abc'), 'YWJj');
  assert.equal(resolve('{"Fn::Length": !Ref Names}'), 2);
  assert.equal(resolve('{"Fn::ToJsonString": {a: !Ref Stage}}'), '{"a":"dev"}');
});

test('conditions choose, and AWS::NoValue removes', () => {
  const conditions: Properties = {
    IsDev: { 'Fn::Equals': [{ Ref: 'Stage' }, 'dev'] },
    IsOther: { 'Fn::Not': [{ Condition: 'IsDev' }] },
    Both: { 'Fn::And': [{ Condition: 'IsDev' }, { Condition: 'IsOther' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsDev' }, { Condition: 'IsOther' }] },
  };
  assert.equal(resolve('!If [IsDev, 1, 2]', conditions), 1);
  assert.equal(resolve('!If [IsOther, 1, 2]', conditions), 2);
  assert.equal(resolve('!If [Both, 1, 2]', conditions), 2);
  assert.equal(resolve('!If [Either, 1, 2]', conditions), 1);
  assert.deepEqual(resolve('{a: 1, b: !If [IsDev, !Ref AWS::NoValue, 2]}', conditions), { a: 1 });
  assert.deepEqual(resolve('[1, !Ref AWS::NoValue]'), [1]);
  assert.equal(resolve('{"Fn::Equals": [true, "true"]}'), true);
});

test('what cannot be resolved is an error that says where', () => {
  assert.throws(() => resolve('!Ref Nobody'), /test: Nobody is neither a parameter nor a resource/);
  assert.throws(() => resolve('!GetAtt Nobody.Arn'), /there is no resource Nobody/);
  assert.throws(() => resolve('!If [Missing, 1, 2]'), /there is no condition Missing/);
  assert.throws(() => resolve('!FindInMap [Sizes, prod, memory]'), /finds no Sizes.prod.memory/);
  assert.throws(() => resolve('!ImportValue x'), /Fn::ImportValue cannot be resolved/);
  assert.throws(
    () => resolve('!If [A, 1, 2]', { A: { 'Fn::Not': [{ Condition: 'A' }] } }),
    /condition A depends on itself/,
  );
});

test('a broken file is an error with its line', () => {
  assert.throws(() => parseText('a: [1,\nb: 2', 'f.yaml'), /f\.yaml: .*line/s);
  assert.throws(() => parseText('- 1', 'f.yaml'), /holds no object/);
});
