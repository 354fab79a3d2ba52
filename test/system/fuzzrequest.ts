import fc from 'fast-check';
import { inputBindings } from '../../src/wire/lambda/binding.js';
import { type OperationName, operations } from '../../src/wire/lambda/operations.js';
import { fieldOf, type Schema } from '../../src/wire/lambda/schema.js';
import { arbitraryOf } from '../contract/lambdaarbitrary.js';

/** A request before it is signed. */
export interface FuzzRequest {
  readonly method: string;
  /** As it goes on the wire. */
  readonly path: string;
  readonly query: Readonly<Record<string, string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Values that lead somewhere, by member name: without them nearly every request ends at "not found". */
export type Pools = Readonly<Record<string, readonly unknown[]>>;

const deep = (levels: number): unknown => {
  let value: unknown = 'end';
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** What members must not be, and clients send. */
const hostile: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '../../../etc/passwd',
  '%00%0d%0a',
  '{{7*7}}<!--',
  "'; drop table functions --",
  '$LATEST',
  'constructor',
  'toString',
  '__proto__',
  '*',
  'x'.repeat(300),
  'ü'.repeat(5_000),
  'arn:aws:lambda:us-east-1:123456789012:function:',
  'arn:aws:lambda:eu-west-9:999999999999:function:target:live',
  [],
  [null],
  [[]],
  {},
  { constructor: { prototype: 1 } },
  { toString: 'x', valueOf: null, hasOwnProperty: 1 },
  JSON.parse('{"__proto__":{"polluted":true}}'),
  deep(200),
  Array.from({ length: 2_000 }, (_, at) => at),
];

/** Optional in the model, and nothing is created without them. */
const needed: ReadonlySet<string> = new Set([
  'Runtime',
  'Handler',
  'ZipFile',
  'Enabled',
  'EventSourceArn',
  'Code',
  'Content',
]);

/** Random numbers that a run of the property owns. */
type Dice = () => number;

/** A small generator of its own for the many choices of a run: the property's values are biased towards the extremes. */
function diceOf(seed: number): Dice {
  let state = seed | 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const pick = <T>(dice: Dice, items: readonly T[]): T => items[dice() % items.length]!;

/** Requests of one operation: well-formed ones, ones with something wrong in one place, and bodies that are no JSON. */
export function requestsOf(operation: OperationName, pools: Pools): fc.Arbitrary<FuzzRequest> {
  const { input } = operations[operation];
  return fc
    .tuple(arbitraryOf(input), fc.noBias(fc.integer()), fc.uint8Array({ maxLength: 60 }))
    .map(([value, seed, noise]) => {
      const dice = diceOf(seed);
      const steered = steer(value as Record<string, unknown>, input, pools, dice);
      // Half of them are as good as the model can tell: what they meet lies behind its checks.
      const isGood = dice() % 2 === 0;
      const request = encode(operation, (isGood ? steered : spoil(steered, dice)) as Record<string, unknown>, dice);
      if (isGood) return request;
      switch (dice() % 8) {
        case 0:
          return { ...request, body: Buffer.from(noise) };
        case 1:
          return { ...request, body: request.body.subarray(0, dice() % (request.body.length + 1)) };
        case 2:
          return { ...request, body: Buffer.concat([request.body, Buffer.from(noise)]) };
        default:
          return request;
      }
    });
}

function steer(
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
  pools: Pools,
  dice: Dice,
): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = { ...value };
  if (schema.kind !== 'structure') return result;
  for (const [name, member] of Object.entries(schema.members)) {
    const { schema: inner, required } = fieldOf(member);
    const pool = pools[name];
    // The more members, the surer one of them is refused: most that may be absent are.
    if (!required && !needed.has(name) && dice() % 3 > 0) delete result[name];
    else if (
      pool !== undefined &&
      (required || needed.has(name) || name in result || dice() % 2 === 0) &&
      dice() % 8 > 0
    ) {
      result[name] = pick(dice, pool);
    } else if (inner.kind === 'structure' && name in result) {
      result[name] = steer(result[name] as Record<string, unknown>, inner, pools, dice);
    }
  }
  return result;
}

/** One place of the value replaced, removed or added to. */
function spoil(value: unknown, dice: Dice): unknown {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value) || value instanceof Date) {
    return pick(dice, hostile);
  }
  const keys = Object.keys(value);
  if (keys.length === 0 || dice() % 12 === 0)
    return Array.isArray(value) ? pick(dice, hostile) : { ...value, [`x${dice() % 9}`]: pick(dice, hostile) };
  const key = pick(dice, keys);
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...value };
  if (dice() % 6 === 0 && !Array.isArray(copy)) delete copy[key];
  else copy[key] = dice() % 3 === 0 ? pick(dice, hostile) : spoil(copy[key], dice);
  return copy;
}

function encode(operation: OperationName, input: Readonly<Record<string, unknown>>, dice: Dice): FuzzRequest {
  const binding = inputBindings.get(operation)!;
  const spec = operations[operation];
  const labels = new Map(binding.uri.map(({ name, wireName }) => [wireName, textOf(input[name] ?? 'target')]));
  const path = spec.path.replaceAll(/\{(\w+)\+?\}/g, (_, label: string) => escaped(labels.get(label) || '-'));
  // Some paths have a query of their own, which tells operations apart.
  const [plainPath = '', own] = path.split('?');
  const query: Record<string, string[]> = own === undefined ? {} : { [own.split('=')[0]!]: [own.split('=')[1] ?? ''] };
  for (const { name, wireName } of binding.query) {
    const value = input[name];
    if (value !== undefined)
      query[wireName] = (Array.isArray(value) ? value.slice(0, 5) : [value]).map((one) => textOf(one).slice(0, 2_000));
  }
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  for (const { name, wireName } of binding.header) {
    const value = input[name];
    // What no HTTP client sends is the business of other tests.
    if (value !== undefined)
      headers[wireName] = textOf(value)
        .replaceAll(/[^\x21-\x7e]/g, '_')
        .slice(0, 2_000);
  }
  let body: Buffer = Buffer.alloc(0);
  if (binding.payload !== null) {
    const value = input[binding.payload.name];
    body = Buffer.isBuffer(value)
      ? dice() % 2 === 0
        ? Buffer.from('{"a":1}')
        : value
      : Buffer.from(jsonOf(value ?? {}));
  } else if (binding.body.length > 0) {
    const known = new Set([...binding.uri, ...binding.query, ...binding.header].map(({ name }) => name));
    body = Buffer.from(jsonOf(Object.fromEntries(Object.entries(input).filter(([name]) => !known.has(name)))));
  }
  return { method: spec.method, path: plainPath, query, headers, body };
}

/** Blobs as base64, times as seconds. */
function jsonOf(value: unknown): string {
  const plain = (inner: unknown): unknown => {
    if (Buffer.isBuffer(inner)) return inner.toString('base64');
    if (inner instanceof Date) return inner.getTime() / 1000;
    if (Array.isArray(inner)) return inner.map(plain);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, plain(one)]));
  };
  return JSON.stringify(plain(value)) ?? 'null';
}

/** For paths, queries and headers. Lone surrogates, which have no bytes, become question marks. */
function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return (typeof value === 'object' ? jsonOf(value) : String(value)).replaceAll(/[\ud800-\udfff]/g, '?');
}

/** As Signature Version 4 wants it. */
export function escaped(text: string): string {
  const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text.slice(0, 2_000)).replace(/[!'()*]/g, percent);
}
