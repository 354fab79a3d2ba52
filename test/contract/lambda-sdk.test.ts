import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-lambda';
import fc from 'fast-check';
import { inputBindings, outputBindings } from '../../src/wire/lambda/binding.js';
import { parseInput } from '../../src/wire/lambda/input.js';
import { type OperationName, operationNames, operations } from '../../src/wire/lambda/operations.js';
import { serializeOutput } from '../../src/wire/lambda/output.js';
import { route } from '../../src/wire/lambda/router.js';
import type { Schema } from '../../src/wire/lambda/schema.js';
import { arbitraryOf } from './lambdaarbitrary.js';

/**
 * The official SDK as the other end of the wire, without a network: what it serializes must come back out of routing
 * and parsing unchanged, and what we serialize must come back out of the SDK.
 */
interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}
interface WireResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

async function exchange(
  operation: OperationName,
  input: unknown,
  answer: (request: WireRequest) => WireResponse,
): Promise<Record<string, unknown>> {
  const client = new sdk.LambdaClient({
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
    requestHandler: { handle: async (request: WireRequest) => ({ response: answer(request) }) } as never,
  });
  const Command = (sdk as unknown as Record<string, new (input: unknown) => never>)[`${operation}Command`];
  assert(Command !== undefined, `the SDK has no ${operation}`);
  try {
    return (await client.send(new Command(input))) as unknown as Record<string, unknown>;
  } finally {
    client.destroy();
  }
}

function bytesOf(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body as Uint8Array);
}

function parsedFrom(request: WireRequest): { readonly operation: OperationName; readonly input: unknown } {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query)) {
    for (const item of Array.isArray(value) ? value : [value]) query.append(name, item ?? '');
  }
  const found = route(request.method, request.path, query);
  assert(found.kind === 'operation', `${request.method} ${request.path}: ${found.kind}`);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, v]) => [name.toLowerCase(), v]));
  const { pathParameters } = found;
  const parsed = parseInput(found.operation, { pathParameters, query, headers, body: bytesOf(request.body) });
  assert(parsed.ok, JSON.stringify(parsed));
  return { operation: found.operation, input: parsed.value };
}

/** What the SDK does not send: empty labels are refused, empty headers, lists in queries and payloads leave no trace. */
function sendable(name: OperationName, input: Record<string, unknown>): Record<string, unknown> {
  const result = { ...input };
  const binding = inputBindings.get(name)!;
  for (const { name: member } of binding.uri) if (result[member] === '') result[member] = 'x';
  for (const { name: member } of binding.header) if (result[member] === '') delete result[member];
  for (const { name: member } of binding.query) {
    if (Array.isArray(result[member]) && result[member].length === 0) delete result[member];
  }
  const payload = binding.payload;
  if (payload !== null && Buffer.isBuffer(result[payload.name]) && (result[payload.name] as Buffer).length === 0) {
    result[payload.name] = Buffer.from('{}');
  }
  // An absent structure is sent as an empty one.
  if (payload?.field.schema.kind === 'structure') result[payload.name] ??= {};
  return result;
}

test('every request of the SDK is routed and parsed into what the caller gave it', async () => {
  for (const name of operationNames) {
    const inputs = arbitraryOf(operations[name].input) as fc.Arbitrary<Record<string, unknown>>;
    for (const sample of fc.sample(inputs, { numRuns: 3, seed: 11 })) {
      const input = sendable(name, sample);
      let seen: ReturnType<typeof parsedFrom> | null = null;
      await exchange(name, input, (request) => {
        seen = parsedFrom(request);
        return { statusCode: operations[name].status, headers: {}, body: Buffer.from('{}') };
      }).catch((error: unknown) => {
        if (seen === null) throw error;
      });
      assert(seen !== null);
      const { operation, input: parsed } = seen as { operation: OperationName; input: Record<string, unknown> };
      // The SDK fills idempotency tokens in by itself.
      const expected = 'ClientToken' in parsed ? { ...input, ClientToken: parsed.ClientToken } : input;
      assert.deepEqual({ operation, input: parsed }, { operation: name, input: expected });
    }
  }
});

/** Values as the SDK gives them back: bytes as Uint8Array of its own kind. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Date || value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

test('every answer reaches the caller of the SDK as the handler gave it', async () => {
  for (const name of operationNames) {
    const schema: Schema | null = operations[name].output;
    const binding = outputBindings.get(name)!;
    if (schema === null || binding.payload?.field.schema.kind === 'eventstream') continue;
    const [valid] = fc.sample(arbitraryOf(operations[name].input, true), { numRuns: 1, seed: 5 });
    const outputs = arbitraryOf(schema) as fc.Arbitrary<Record<string, unknown>>;
    for (const sample of fc.sample(outputs, { numRuns: 3, seed: 13 })) {
      const output = { ...sample };
      for (const { name: member } of binding.header) if (output[member] === '') delete output[member];
      if (binding.status !== null) output[binding.status.name] = operations[name].status;
      if (binding.payload !== null) output[binding.payload.name] = Buffer.from('payload');
      const { $metadata, ...received } = await exchange(name, sendable(name, valid as Record<string, unknown>), () => {
        const { status, headers, body } = serializeOutput(name, output as never);
        return { statusCode: status, headers: lowerCased(headers), body: bytesOf(body) };
      });
      assert.equal(($metadata as { httpStatusCode?: number }).httpStatusCode, operations[name].status);
      const given = Object.fromEntries(Object.entries(received).filter(([, value]) => value !== undefined));
      assert.deepEqual(plain(given), plain(output), name);
    }
  }
});

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
