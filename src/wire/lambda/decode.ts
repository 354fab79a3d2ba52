import { fail, ok, type Result } from '../../kernel/result.js';
import type { BoundMember } from './binding.js';
import { fieldOf, type Schema } from './schema.js';

/** A decoded value, or the text of a SerializationException, worded as AWS's services word it. */
export type Decoded = Result<unknown, string>;

const int32Max = 2 ** 31 - 1;

/** Turns JSON into the value of a schema. Null stays null: whoever holds it decides what it means. */
export function decodeJson(schema: Schema, json: unknown): Decoded {
  if (json === null) return ok(null);
  switch (schema.kind) {
    case 'string':
      return typeof json === 'string' ? ok(json) : mismatch(json, 'a String');
    case 'boolean':
      return typeof json === 'boolean' ? ok(json) : mismatch(json, 'a Boolean');
    case 'integer':
    case 'long':
    case 'double':
      return typeof json === 'number' ? decodeNumber(schema.kind, json) : mismatch(json, numberNames[schema.kind]);
    case 'timestamp':
      if (typeof json === 'string') return decodeText(schema, json);
      return typeof json === 'number' ? ok(new Date(json * 1000)) : mismatch(json, 'a Timestamp');
    case 'blob':
      // Decoded before the rest was parsed.
      if (Buffer.isBuffer(json)) return ok(json);
      return typeof json === 'string' ? decodeBase64(json) : mismatch(json, 'a Blob');
    case 'list': {
      if (!Array.isArray(json)) return typeof json === 'object' ? startOfMap : fail('Expected list or null');
      const values: unknown[] = [];
      for (const element of json) {
        const decoded = decodeJson(schema.member, element);
        if (!decoded.ok) return decoded;
        values.push(decoded.value);
      }
      return ok(values);
    }
    case 'map': {
      if (Array.isArray(json)) return startOfList;
      if (typeof json !== 'object') return expectedNull;
      const values: Record<string, unknown> = {};
      for (const [key, element] of Object.entries(json)) {
        const decoded = decodeJson(schema.value, element);
        if (!decoded.ok) return decoded;
        // `__proto__` from a client must stay an entry and not become the object's prototype.
        if (key === '__proto__') Object.defineProperty(values, key, { value: decoded.value, enumerable: true });
        else values[key] = decoded.value;
      }
      return ok(values);
    }
    case 'structure':
      return decodeStructure(schema, json);
    case 'eventstream':
      return fail('Event streams cannot be part of a request');
  }
}

/** Decodes the members of a structure; `members` replaces the schema's own where only some travel in the body. */
export function decodeStructure(
  schema: Schema | null,
  json: unknown,
  members?: readonly BoundMember[],
): Result<Record<string, unknown> | null, string> {
  if (json === null) return ok(members === undefined ? null : {});
  if (Array.isArray(json)) return startOfList;
  if (typeof json !== 'object') return expectedNull;
  const source = json as Record<string, unknown>;
  const values: Record<string, unknown> = {};
  const fields =
    members?.map(({ name, field }) => [name, field] as const) ??
    (schema?.kind === 'structure' ? Object.entries(schema.members) : []);
  for (const [name, member] of fields) {
    if (!Object.hasOwn(source, name) || source[name] === null) continue;
    const decoded = decodeJson(fieldOf(member).schema, source[name]);
    if (!decoded.ok) return decoded;
    values[name] = decoded.value;
  }
  return ok(values);
}

/** Turns the text of a path label, query parameter or header into the value of a scalar schema. */
export function decodeText(schema: Schema, text: string): Decoded {
  switch (schema.kind) {
    case 'string':
      return ok(text);
    case 'boolean':
      if (text === 'true') return ok(true);
      return text === 'false' ? ok(false) : mismatch(text, 'a Boolean');
    case 'integer':
    case 'long':
    case 'double': {
      const value = text.trim() === '' ? Number.NaN : Number(text);
      return Number.isFinite(value) ? decodeNumber(schema.kind, value) : mismatch(text, numberNames[schema.kind]);
    }
    case 'timestamp': {
      const seconds = Number(text);
      const date = text.trim() !== '' && Number.isFinite(seconds) ? new Date(seconds * 1000) : new Date(text);
      return Number.isNaN(date.getTime()) ? mismatch(text, 'a Timestamp') : ok(date);
    }
    default:
      return mismatch(text, 'a Structure');
  }
}

const numberNames = { integer: 'an Integer', long: 'a Long', double: 'a Double' } as const;
const startOfMap = fail('Start of structure or map found where not expected.');
const startOfList = fail('Start of list found where not expected');
const expectedNull = fail('Expected null');

/** AWS cuts fractions off where an integer is wanted, and refuses what does not fit. */
function decodeNumber(kind: 'integer' | 'long' | 'double', value: number): Decoded {
  if (kind === 'double') return ok(value);
  const whole = Math.trunc(value);
  const fits = kind === 'integer' ? whole <= int32Max && whole >= -int32Max - 1 : Number.isSafeInteger(whole);
  return fits ? ok(whole === 0 ? 0 : whole) : mismatch(value, numberNames[kind]);
}

/** Node's decoder skips what is not base64, so a shorter result than the length promises shows illegal characters. */
function decodeBase64(text: string): Decoded {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === Buffer.byteLength(text, 'base64') ? ok(bytes) : mismatch(text, 'a Blob');
}

function mismatch(found: unknown, expected: string): Result<never, string> {
  if (Array.isArray(found)) return startOfList;
  if (typeof found === 'object') return startOfMap;
  const token =
    typeof found === 'boolean' ? (found ? 'TRUE' : 'FALSE') : typeof found === 'number' ? 'NUMBER' : 'STRING';
  return fail(`${token}_VALUE can not be converted to ${expected}`);
}
