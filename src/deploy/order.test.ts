import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Resource, Value } from './model.js';
import { physicalName, stackName } from './naming.js';
import { deployOrder } from './order.js';

const resource = (value: Value, dependsOn: readonly string[] = []): Resource => ({
  type: 'AWS::Lambda::Function',
  properties: { value },
  condition: null,
  dependsOn,
});

test('what is needed comes first: by Ref, GetAtt, Sub and DependsOn', () => {
  const order = deployOrder(
    new Map([
      ['A', resource({ Ref: 'B' })],
      ['B', resource({ 'Fn::GetAtt': ['C', 'Arn'] })],
      ['C', resource({ 'Fn::Sub': 'x-${D.Arn}-${AWS::Region}-${!No}' })],
      ['D', resource(1, ['E'])],
      ['E', resource({ Ref: 'AWS::Region' })],
    ]),
  );
  assert.deepEqual(order, ['E', 'D', 'C', 'B', 'A']);
});

test('a circle is named', () => {
  const circle = new Map([
    ['A', resource({ Ref: 'B' })],
    ['B', resource({ Ref: 'A' })],
  ]);
  assert.throws(() => deployOrder(circle), /need each other: A → B → A/);
});

test('any graph without circles is put in order, complete', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 }), (edges) => {
      // Edges to earlier resources only: no circle.
      const resources = new Map(
        edges.map((to, index) => [`R${index}`, resource(index === 0 ? 0 : to.map((n) => ({ Ref: `R${n % index}` })))]),
      );
      const shuffled = new Map([...resources].reverse());
      const order = deployOrder(shuffled);
      assert.equal(order.length, resources.size);
      edges.forEach((to, index) => {
        if (index > 0) for (const n of to) assert.ok(order.indexOf(`R${n % index}`) < order.indexOf(`R${index}`));
      });
    }),
  );
});

test('names are stable, and never longer than Lambda allows', () => {
  assert.equal(physicalName('app', 'Hello'), 'app-Hello');
  const long = physicalName('app', 'H'.repeat(80));
  assert.equal(long.length, 64);
  assert.equal(long, physicalName('app', 'H'.repeat(80)));
  assert.notEqual(long, physicalName('app', 'H'.repeat(81)));
  assert.equal(stackName('my app_1'), 'my-app-1');
  assert.equal(stackName('123'), 'stack');
});
