import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inputBindings } from '../../src/wire/lambda/binding.js';
import { memberPath } from '../../src/wire/lambda/constraint.js';
import { parseInput } from '../../src/wire/lambda/input.js';
import { operationNames, operations } from '../../src/wire/lambda/operations.js';
import { serializeOutput } from '../../src/wire/lambda/output.js';
import { fieldOf, type Members, type Schema } from '../../src/wire/lambda/schema.js';
import { validate } from '../../src/wire/lambda/validation.js';
import { arbitraryOf, membersArbitrary } from './lambdaarbitrary.js';

/** What a client would send: JSON with base64 and epoch seconds. */
function toJson(schema: Schema, value: unknown): unknown {
  switch (schema.kind) {
    case 'blob':
      return (value as Buffer).toString('base64');
    case 'timestamp':
      return (value as Date).getTime() / 1000;
    case 'list':
      return (value as unknown[]).map((element) => toJson(schema.member, element));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, toJson(schema.value, item)]),
      );
    case 'structure':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => {
          const member = schema.members[key];
          assert(member !== undefined);
          return [key, toJson(fieldOf(member).schema, item)];
        }),
      );
    default:
      return value;
  }
}

test('whatever the constraints allow is valid, for every operation', () => {
  for (const name of operationNames) {
    const inputs = arbitraryOf(operations[name].input);
    const property = fc.property(inputs, (input) => assert.deepEqual(validate(name, input as never), []));
    fc.assert(property, { numRuns: 25 });
  }
});

interface Site {
  /** Member names from the input down. */
  readonly trail: readonly string[];
  readonly schema: Schema;
  readonly required: boolean;
}
function sites(members: Members, trail: readonly string[] = []): readonly Site[] {
  return Object.entries(members).flatMap(([name, member]): readonly Site[] => {
    const { schema, required } = fieldOf(member);
    const here: Site = { trail: [...trail, name], schema, required };
    return schema.kind === 'structure' ? [here, ...sites(schema.members, here.trail)] : [here];
  });
}

/** Pairs of a value and the constraint it breaks (it may break others too). */
function breakers(schema: Schema): readonly (readonly [unknown, string])[] {
  const { min, max } = schema as { readonly min?: number; readonly max?: number };
  const pairs: (readonly [unknown, string])[] = [];
  if (schema.kind === 'integer' || schema.kind === 'double') {
    if (max !== undefined) pairs.push([max + 1, 'Member must have value less than or equal to ']);
    if (min !== undefined) pairs.push([min - 1, 'Member must have value greater than or equal to ']);
  }
  if (schema.kind === 'string') {
    if (max !== undefined && max < 100_000)
      pairs.push(['a'.repeat(max + 1), `Member must have length less than or equal to ${max}`]);
    if (min !== undefined && min > 0) pairs.push(['', `Member must have length greater than or equal to ${min}`]);
    if (schema.values !== undefined)
      pairs.push(['?', `Member must satisfy enum value set: [${schema.values.join(', ')}]`]);
    // No pattern but `.*` takes a line break; `\s` classes do not either.
    if (schema.pattern !== undefined)
      pairs.push(['\n\t{"}', `Member must satisfy regular expression pattern: ${schema.pattern}`]);
  }
  if (schema.kind === 'list' && max !== undefined) {
    pairs.push([Array.from({ length: max + 1 }, () => null), `Member must have length less than or equal to ${max}`]);
  }
  return pairs;
}

function replace(input: unknown, [name = '', ...rest]: readonly string[], value: unknown): Record<string, unknown> {
  const copy = { ...(input as Record<string, unknown>) };
  if (rest.length > 0) copy[name] = replace(copy[name], rest, value);
  else if (value === undefined) delete copy[name];
  else copy[name] = value;
  return copy;
}

test('one broken member gives violations of exactly that member, with the right text', () => {
  let broken = 0;
  for (const name of operationNames) {
    const [valid] = fc.sample(arbitraryOf(operations[name].input, true), { numRuns: 1, seed: 7 });
    for (const { trail, schema, required } of sites(operations[name].input.members)) {
      const path = trail.map(memberPath).join('.');
      const missing = validate(name, replace(valid, trail, undefined) as never);
      const text = `Value null at '${path}' failed to satisfy constraint: Member must not be null`;
      assert.deepEqual(missing, required ? [text] : [], `${name} without ${path}`);
      for (const [value, constraint] of breakers(schema)) {
        const found = validate(name, replace(valid, trail, value) as never);
        assert(
          found.some((entry) => entry.includes(`failed to satisfy constraint: ${constraint}`)),
          `${name} ${path}: ${constraint}: ${found.join('; ')}`,
        );
        assert(
          found.every((entry) => entry.includes(` at '${path}`)),
          `${name} ${path}: ${found.join('; ')}`,
        );
        broken++;
      }
    }
  }
  assert(broken > 500, `only ${broken} mutations`);
});

test('what a client serializes is what parseInput reads, for every operation', () => {
  for (const name of operationNames) {
    const binding = inputBindings.get(name)!;
    const property = fc.property(membersArbitrary(operations[name].input.members, false), (input) => {
      const query = new URLSearchParams();
      const pathParameters: Record<string, string> = {};
      const headers: Record<string, string> = {};
      const json: Record<string, unknown> = {};
      let body: Buffer = Buffer.alloc(0);
      for (const { name: member, wireName, field } of [
        ...binding.uri,
        ...binding.query,
        ...binding.header,
        ...binding.body,
      ]) {
        const value = input[member];
        if (value === undefined) continue;
        const text = (item: unknown) => (item instanceof Date ? item.toISOString() : String(item));
        if (field.location === 'uri') pathParameters[wireName] = text(value);
        else if (field.location === 'header') headers[wireName] = text(value);
        else if (field.location === 'body') json[member] = toJson(field.schema, value);
        else for (const item of Array.isArray(value) ? value : [value]) query.append(wireName, text(item));
      }
      if (binding.body.length > 0) body = Buffer.from(JSON.stringify(json));
      const expected = { ...input };
      if (binding.payload !== null) {
        const { name: member, field } = binding.payload;
        const value = input[member];
        if (Buffer.isBuffer(value)) {
          body = value;
          if (value.length === 0 && !field.required) delete expected[member];
        } else if (value !== undefined) body = Buffer.from(JSON.stringify(toJson(field.schema, value)));
      }
      for (const { name: member, field } of binding.query) {
        // An empty list leaves no trace in a query string.
        if (field.schema.kind === 'list' && (input[member] as unknown[] | undefined)?.length === 0)
          delete expected[member];
      }
      const parsed = parseInput(name, { pathParameters, query, headers, body });
      assert.deepEqual(parsed, { ok: true, value: expected });
    });
    fc.assert(property, { numRuns: 15 });
  }
});

test('JSON outputs carry what the schema says and nothing is lost, for every operation', () => {
  for (const name of operationNames) {
    const schema: Schema | null = operations[name].output;
    if (schema === null) continue;
    const property = fc.property(membersArbitrary(schema.members, false), (output) => {
      const { body } = serializeOutput(name, output as never);
      if (typeof body !== 'string') return;
      const expected = Object.entries(output).filter(([member]) => {
        const definition = schema.members[member];
        return definition !== undefined && fieldOf(definition).location === 'body';
      });
      const wanted = toJson(schema, Object.fromEntries(expected));
      assert.deepEqual(JSON.parse(body), JSON.parse(JSON.stringify(wanted)));
    });
    fc.assert(property, { numRuns: 15 });
  }
});
