/**
 * The vocabulary in which the operation table describes inputs and outputs. Schemas are plain data: routing, parsing,
 * validation and serialization read them at run time, and TypeScript types derive from them at compile time.
 * Constraint names follow their meaning in the service model: `min`/`max` are lengths for strings, blobs, lists and
 * maps (UTF-16 units, bytes, elements, entries) and values for numbers; `pattern` must match the whole value.
 */
export interface StringSchema {
  readonly kind: 'string';
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  /** Order as in the service model: error texts list it. */
  readonly values?: readonly string[];
  /** Error texts leave the value out. */
  readonly sensitive?: true;
}
export interface NumberSchema {
  /** `long` and `double` differ from `integer` in what JSON numbers they take and in how error texts print bounds. */
  readonly kind: 'integer' | 'long' | 'double';
  readonly min?: number;
  readonly max?: number;
}
export interface BooleanSchema {
  readonly kind: 'boolean';
}
/** Base64 in JSON, raw bytes as a payload; a Buffer in between. */
export interface BlobSchema {
  readonly kind: 'blob';
  readonly min?: number;
  readonly max?: number;
  readonly sensitive?: true;
}
/** Epoch seconds in JSON; a Date in between. */
export interface TimestampSchema {
  readonly kind: 'timestamp';
}
export interface ListSchema {
  readonly kind: 'list';
  readonly member: Schema;
  readonly min?: number;
  readonly max?: number;
}
export interface MapSchema {
  readonly kind: 'map';
  readonly key: StringSchema;
  readonly value: Schema;
  readonly min?: number;
  readonly max?: number;
  readonly sensitive?: true;
}
export interface StructureSchema {
  readonly kind: 'structure';
  readonly members: Members;
}
/** A stream of events after the response headers; each event is one member. Never part of a JSON body. */
export interface EventStreamSchema {
  readonly kind: 'eventstream';
  readonly members: Members;
}
export type Schema =
  | StringSchema
  | NumberSchema
  | BooleanSchema
  | BlobSchema
  | TimestampSchema
  | ListSchema
  | MapSchema
  | StructureSchema
  | EventStreamSchema;

/** Where a member travels when it is not part of the JSON body. */
export type Location = 'uri' | 'query' | 'header' | 'payload' | 'status';

/** A member with more to say than its schema. */
export interface Field {
  readonly kind: 'field';
  readonly schema: Schema;
  readonly location: Location | 'body';
  /** Name on the wire; null: the member's own name. */
  readonly wireName: string | null;
  readonly required: boolean;
}
export type Members = { readonly [name: string]: Schema | Field };

export function string<const C extends Omit<StringSchema, 'kind'>>(constraints?: C): { readonly kind: 'string' } & C {
  return { kind: 'string', ...(constraints as C) };
}
export function enumeration<const V extends readonly string[]>(
  values: V,
): { readonly kind: 'string'; readonly values: V } {
  return { kind: 'string', values };
}
export function integer(constraints?: Omit<NumberSchema, 'kind'>): NumberSchema & { readonly kind: 'integer' } {
  return { kind: 'integer', ...constraints };
}
export function long(constraints?: Omit<NumberSchema, 'kind'>): NumberSchema & { readonly kind: 'long' } {
  return { kind: 'long', ...constraints };
}
export function double(constraints?: Omit<NumberSchema, 'kind'>): NumberSchema & { readonly kind: 'double' } {
  return { kind: 'double', ...constraints };
}
export function boolean(): BooleanSchema {
  return { kind: 'boolean' };
}
export function blob(constraints?: Omit<BlobSchema, 'kind'>): BlobSchema {
  return { kind: 'blob', ...constraints };
}
export function timestamp(): TimestampSchema {
  return { kind: 'timestamp' };
}
type Bounds = { readonly min?: number; readonly max?: number };
export function list<const S extends Schema>(
  member: S,
  bounds?: Bounds,
): { readonly kind: 'list'; readonly member: S } & Bounds {
  return { kind: 'list', member, ...bounds };
}
export function map<const K extends StringSchema, const S extends Schema>(
  key: K,
  value: S,
  constraints?: Bounds & { readonly sensitive?: true },
): { readonly kind: 'map'; readonly key: K; readonly value: S } & Bounds & { readonly sensitive?: true } {
  return { kind: 'map', key, value, ...constraints };
}
export function structure<const M extends Members>(members: M): { readonly kind: 'structure'; readonly members: M } {
  return { kind: 'structure', members };
}
export function eventStream<const M extends Members>(
  members: M,
): { readonly kind: 'eventstream'; readonly members: M } {
  return { kind: 'eventstream', members };
}

interface FieldOf<S extends Schema, R extends boolean> extends Field {
  readonly schema: S;
  readonly required: R;
}
type SchemaIn<F extends Schema | Field> = F extends { readonly kind: 'field'; readonly schema: infer S extends Schema }
  ? S
  : F extends Schema
    ? F
    : never;

/** A label of the path: always required. */
export function uri<const S extends Schema>(schema: S): FieldOf<S, true> {
  return { kind: 'field', schema, location: 'uri', wireName: null, required: true };
}
export function query<const S extends Schema>(schema: S, wireName: string | null = null): FieldOf<S, false> {
  return { kind: 'field', schema, location: 'query', wireName, required: false };
}
export function header<const S extends Schema>(schema: S, wireName: string): FieldOf<S, false> {
  return { kind: 'field', schema, location: 'header', wireName, required: false };
}
/** The whole body is this member. */
export function payload<const S extends Schema>(schema: S): FieldOf<S, false> {
  return { kind: 'field', schema, location: 'payload', wireName: null, required: false };
}
/** The HTTP status is this member. */
export function status(): FieldOf<NumberSchema & { readonly kind: 'integer' }, false> {
  return { kind: 'field', schema: integer(), location: 'status', wireName: null, required: false };
}
export function required<const F extends Schema | Field>(field: F): FieldOf<SchemaIn<F>, true> {
  const base: Field =
    field.kind === 'field' ? field : { kind: 'field', schema: field, location: 'body', wireName: null, required: true };
  return { ...base, required: true } as FieldOf<SchemaIn<F>, true>;
}

type Simplify<T> = { [K in keyof T]: T[K] } & {};
type RequiredNames<M> = { [K in keyof M]: M[K] extends { readonly required: true } ? K : never }[keyof M];
/** Object type of a structure's members. Optional members take `undefined`: it means absent. */
export type MembersValue<M> = Simplify<
  { readonly [K in keyof M as K extends RequiredNames<M> ? K : never]: MemberValue<M[K]> } & {
    readonly [K in keyof M as K extends RequiredNames<M> ? never : K]?: MemberValue<M[K]> | undefined;
  }
>;
type MemberValue<F> = F extends { readonly kind: 'field'; readonly schema: infer S } ? ValueOf<S> : ValueOf<F>;
/** TypeScript type of the values that a schema describes. */
export type ValueOf<S> = S extends { readonly kind: 'string'; readonly values: readonly (infer V)[] }
  ? V
  : S extends { readonly kind: 'string' }
    ? string
    : S extends { readonly kind: 'integer' | 'long' | 'double' }
      ? number
      : S extends { readonly kind: 'boolean' }
        ? boolean
        : S extends { readonly kind: 'blob' }
          ? Buffer
          : S extends { readonly kind: 'timestamp' }
            ? Date
            : S extends { readonly kind: 'list'; readonly member: infer E }
              ? readonly ValueOf<E>[]
              : S extends { readonly kind: 'map'; readonly value: infer E }
                ? { readonly [key: string]: ValueOf<E> }
                : S extends { readonly kind: 'structure'; readonly members: infer M }
                  ? MembersValue<M>
                  : S extends { readonly kind: 'eventstream'; readonly members: infer M }
                    ? AsyncIterable<MembersValue<M>>
                    : never;

/** Every member as a field, whichever way the table spelled it. */
export function fieldOf(member: Schema | Field): Field {
  return member.kind === 'field'
    ? member
    : { kind: 'field', schema: member, location: 'body', wireName: null, required: false };
}
