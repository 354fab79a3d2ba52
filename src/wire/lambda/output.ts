import { outputBindings } from './binding.js';
import { type OperationName, type Output, operations } from './operations.js';
import { fieldOf, type Schema } from './schema.js';

/** A success answer, short of connection-level headers. */
export interface RawResponse {
  readonly status: number;
  /** Header-bound members, and `Content-Type` when there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no body. JSON text, or the raw payload. */
  readonly body: string | Buffer | null;
}

const empty: Readonly<Record<string, string>> = {};

/**
 * Turns what a handler answers into HTTP. Only members that the table knows go out; `undefined` means absent. Event
 * streams are not serialized here: their operation's headers come out with a null body.
 */
export function serializeOutput<Op extends OperationName>(operation: Op, output: Output<Op>): RawResponse {
  const spec = operations[operation];
  if (output === null) return { status: spec.status, headers: empty, body: null };
  const binding = outputBindings.get(operation)!;
  const values = output as Readonly<Record<string, unknown>>;
  const headers: Record<string, string> = {};
  for (const { name, field } of binding.header) {
    const value = values[name];
    if (value !== undefined && value !== null) headers[field.wireName ?? name] = String(value);
  }
  const given = binding.status === null ? undefined : values[binding.status.name];
  const status = typeof given === 'number' ? given : spec.status;
  if (binding.payload !== null) {
    const payload = values[binding.payload.name];
    return { status, headers, body: Buffer.isBuffer(payload) ? payload : null };
  }
  if (status === 204) return { status, headers, body: null };
  headers['Content-Type'] = 'application/json';
  const body: Record<string, unknown> = {};
  for (const { name, field } of binding.body) {
    const value = values[name];
    if (value !== undefined && value !== null) body[name] = encode(field.schema, value);
  }
  return { status, headers, body: JSON.stringify(body) };
}

function encode(schema: Schema, value: unknown): unknown {
  switch (schema.kind) {
    case 'blob':
      return (value as Buffer).toString('base64');
    case 'timestamp':
      return (value as Date).getTime() / 1000;
    case 'list':
      return (value as readonly unknown[]).map((element) => encode(schema.member, element));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, element]) => [key, encode(schema.value, element)]),
      );
    case 'structure': {
      const result: Record<string, unknown> = {};
      for (const [name, member] of Object.entries(schema.members)) {
        const element = (value as Readonly<Record<string, unknown>>)[name];
        if (element !== undefined && element !== null) result[name] = encode(fieldOf(member).schema, element);
      }
      return result;
    }
    default:
      return value;
  }
}
