import assert from 'node:assert/strict';
import fc from 'fast-check';
import { constraintsOf } from '../../src/wire/lambda/constraint.js';
import { fieldOf, type Members, type Schema, type StringSchema } from '../../src/wire/lambda/schema.js';

/** Texts for patterns with look-around or Unicode classes, which the generator cannot derive. */
const handmade = ['live', 'my-bucket', 'Größe 1', 'a', '$LATEST', 'arn:aws:lambda:us-east-1:123456789012:function:f'];

const texts = new Map<StringSchema, fc.Arbitrary<string>>();
function textArbitrary(schema: StringSchema): fc.Arbitrary<string> {
  const known = texts.get(schema);
  if (known !== undefined) return known;
  const arbitrary = makeText(schema);
  texts.set(schema, arbitrary);
  return arbitrary;
}
function makeText(schema: StringSchema): fc.Arbitrary<string> {
  if (schema.values !== undefined) return fc.constantFrom(...schema.values);
  const { min = 0, max = 64, pattern } = schema;
  if (pattern === undefined) return fc.string({ minLength: min, maxLength: Math.min(max, min + 64) });
  const valid = (text: string) => constraintsOf(schema).every(({ holds }) => holds(text));
  let derived: string[] = [];
  try {
    derived = fc.sample(fc.stringMatching(new RegExp(`^(?:${pattern})$`)), { numRuns: 60, seed: 1 });
  } catch {
    // Look-around: only the handmade texts.
  }
  // Some patterns demand longer texts than random ones are.
  const repeated = derived.map((text) => text + 'a'.repeat(Math.max(0, min - text.length)));
  const usable = [...derived, ...repeated, ...handmade].filter(valid);
  assert(usable.length > 0, `no text for ${pattern}`);
  return fc.constantFrom(...usable);
}

/** Values that satisfy every constraint of a schema. Optional members come and go, unless `all` is asked for. */
export function arbitraryOf(schema: Schema, all = false): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'string':
      return textArbitrary(schema);
    case 'integer':
    case 'long':
      return fc.integer({ min: schema.min ?? -1000, max: schema.max ?? 1_000_000 });
    case 'double':
      return fc.double({ min: schema.min ?? -1000, max: schema.max ?? 1000, noNaN: true }).map((value) => value + 0);
    case 'boolean':
      return fc.boolean();
    case 'timestamp':
      return fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000));
    case 'blob':
      return fc.uint8Array({ minLength: schema.min ?? 0, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    case 'list': {
      const { min = 0, max = 3 } = schema;
      return fc.array(arbitraryOf(schema.member, all), { minLength: min, maxLength: Math.max(min, Math.min(max, 3)) });
    }
    case 'map': {
      const { min = 0, max = 3 } = schema;
      return fc.dictionary(textArbitrary(schema.key), arbitraryOf(schema.value, all), {
        minKeys: Math.min(min, schema.key.values?.length ?? min),
        maxKeys: Math.min(max, 3),
        noNullPrototype: true,
      });
    }
    case 'structure':
      return membersArbitrary(schema.members, all);
    case 'eventstream':
      return fc.constant(undefined);
  }
}
/** Values of a structure's members; `all` forces the optional ones. */
export function membersArbitrary(members: Members, all: boolean): fc.Arbitrary<Record<string, unknown>> {
  const arbitraries: Record<string, fc.Arbitrary<unknown>> = {};
  const requiredKeys: string[] = [];
  for (const [name, member] of Object.entries(members)) {
    const { schema, required } = fieldOf(member);
    arbitraries[name] = arbitraryOf(schema, all);
    if (all || required) requiredKeys.push(name);
  }
  return fc.record(arbitraries, { requiredKeys, noNullPrototype: true });
}
