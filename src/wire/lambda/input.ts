import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { type BoundMember, inputBindings } from './binding.js';
import { type Decoded, decodeStructure, decodeText } from './decode.js';
import { type LiftedBlob, putBack } from './liftedblob.js';
import type { Input, OperationName } from './operations.js';
import type { QueryReader } from './router.js';

/** The parts of a request that input members come from. */
export interface RawRequest {
  readonly pathParameters: Readonly<Record<string, string>>;
  /** Null: the request has no query string. */
  readonly query: QueryReader | null;
  /** Lower-case names, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** The body's one large blob, decoded already; absent or null: nothing was. */
  readonly lifted?: LiftedBlob | null;
}

/**
 * Gathers the input of an operation from path, query, headers and body. Payload members are the body itself, never
 * parsed. Members that are absent or JSON `null` are left out, unknown members are ignored; constraints are the
 * business of `validate`. Fails with InvalidRequestContentException (not JSON) or SerializationException (JSON of the
 * wrong type).
 */
export function parseInput<Op extends OperationName>(operation: Op, request: RawRequest): Result<Input<Op>> {
  const binding = inputBindings.get(operation)!;
  const input: Record<string, unknown> = {};
  for (const member of binding.uri) {
    const failure = put(input, member, [request.pathParameters[member.wireName] ?? '']);
    if (failure !== null) return serializationFailure(failure);
  }
  if (request.query !== null) {
    for (const member of binding.query) {
      const failure = put(input, member, request.query.getAll(member.wireName));
      if (failure !== null) return serializationFailure(failure);
    }
  }
  for (const member of binding.header) {
    const value = request.headers[member.wireName];
    if (value === undefined) continue;
    const failure = put(input, member, [typeof value === 'string' ? value : value.join(', ')]);
    if (failure !== null) return serializationFailure(failure);
  }
  if (binding.payload !== null) {
    const { name, field } = binding.payload;
    if (field.schema.kind === 'blob') {
      if (request.body.length > 0 || field.required) input[name] = request.body;
    } else if (request.body.length > 0) {
      const json = parseBody(request);
      if (!json.ok) return json;
      const decoded = decodeStructure(field.schema, json.value);
      if (!decoded.ok) return serializationFailure(decoded.failure);
      input[name] = decoded.value;
    }
  } else if (binding.body.length > 0 && request.body.length > 0) {
    const json = parseBody(request);
    if (!json.ok) return json;
    const decoded = decodeStructure(null, json.value, binding.body);
    if (!decoded.ok) return serializationFailure(decoded.failure);
    Object.assign(input, decoded.value);
  }
  return ok(input as Input<Op>);
}

/** Stores the value of a member given as text; answers the failure's message, or null. */
function put(input: Record<string, unknown>, member: BoundMember, texts: readonly string[]): string | null {
  const first = texts[0];
  if (first === undefined) return null;
  const schema = member.field.schema;
  if (schema.kind === 'string') {
    input[member.name] = first;
    return null;
  }
  const decoded: Decoded = schema.kind === 'list' ? decodeTexts(schema.member, texts) : decodeText(schema, first);
  if (!decoded.ok) return decoded.failure;
  input[member.name] = decoded.value;
  return null;
}

function decodeTexts(schema: Parameters<typeof decodeText>[0], texts: readonly string[]): Decoded {
  const values: unknown[] = [];
  for (const text of texts) {
    const decoded = decodeText(schema, text);
    if (!decoded.ok) return decoded;
    values.push(decoded.value);
  }
  return ok(values);
}

function parseBody({ body, lifted = null }: RawRequest): Result<unknown> {
  if (lifted === null) return parseJson(body);
  const json = parseJson(lifted.rest);
  // A zip where the API has none: whatever it is, the body itself says.
  return json.ok && putBack(json.value, lifted) ? json : parseJson(body);
}

function parseJson(body: Buffer): Result<unknown> {
  try {
    return ok(JSON.parse(body.toString('utf8')) as unknown);
  } catch (error) {
    // Only JSON.parse and the string's size limit throw here; both say what is wrong with the client's bytes.
    const reason = error instanceof Error ? error.message : String(error);
    return fail(apiFailure('InvalidRequestContentException', `Could not parse request body into json: ${reason}`));
  }
}

function serializationFailure(message: string): Result<never> {
  return fail(apiFailure('SerializationException', message));
}
