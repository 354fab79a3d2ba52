import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { errorKinds } from '../../src/kernel/errors.js';
import type { OperationSpec } from '../../src/wire/lambda/operation.js';
import { operationNames, operations } from '../../src/wire/lambda/operations.js';
import { fieldOf, type Members, type Schema } from '../../src/wire/lambda/schema.js';

/**
 * Holds the operation table against the published service model, when its files lie beside the project. They are data
 * for this test only: the product never reads them.
 */
const models = join(projectRoot, '..', 'shared', 'models');

interface ModelShape {
  readonly type: string;
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, ModelMember>>;
  readonly member?: { readonly shape: string };
  readonly key?: { readonly shape: string };
  readonly value?: { readonly shape: string };
  readonly pattern?: string;
  readonly min?: number;
  readonly max?: number;
  readonly enum?: readonly string[];
  readonly sensitive?: boolean;
  readonly payload?: string;
  readonly eventstream?: boolean;
  readonly error?: { readonly httpStatusCode?: number };
}
interface ModelMember {
  readonly shape: string;
  readonly location?: string;
  readonly locationName?: string;
  readonly eventpayload?: boolean;
}
interface ServiceModel {
  readonly operations: Readonly<
    Record<
      string,
      {
        readonly http: { readonly method: string; readonly requestUri: string; readonly responseCode: number };
        readonly input: { readonly shape: string };
        readonly output?: { readonly shape: string };
        readonly errors: readonly { readonly shape: string }[];
      }
    >
  >;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}
interface OperationList {
  readonly groups: Readonly<
    Record<
      string,
      readonly { readonly op: string; readonly http: string; readonly status: number; readonly errors?: string[] }[]
    >
  >;
}

function read<T>(file: string): T | null {
  const path = join(models, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null;
}
const model = read<ServiceModel>('lambda-service-2.json');
const list = read<OperationList>('lambda-operations.json');
const absent = `the service model is not beside the project (looked in ${models})`;

/** Both sides are brought into this form and compared as a whole, so that nothing goes unchecked. */
type Plain = null | string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain };

function fromModel(shapes: ServiceModel['shapes'], name: string): Plain {
  const shape = shapes[name];
  assert(shape !== undefined, `shape ${name}`);
  const shared = {
    kind: shape.eventstream === true ? 'eventstream' : shape.type,
    min: shape.min ?? null,
    max: shape.max ?? null,
  };
  const hidden = shape.sensitive === true;
  switch (shape.type) {
    case 'string':
      return { ...shared, pattern: shape.pattern ?? null, values: shape.enum ?? null, sensitive: hidden };
    case 'blob':
      return { ...shared, sensitive: hidden };
    case 'list':
      return { ...shared, member: fromModel(shapes, shape.member?.shape ?? '') };
    case 'map': {
      const key = fromModel(shapes, shape.key?.shape ?? '');
      return { ...shared, sensitive: hidden, key, value: fromModel(shapes, shape.value?.shape ?? '') };
    }
    case 'structure': {
      const locations: Readonly<Record<string, string>> = { querystring: 'query', statusCode: 'status' };
      const members = Object.entries(shape.members ?? {}).map(([memberName, member]): Plain => {
        const payload = shape.payload === memberName || member.eventpayload === true;
        const location = locations[member.location ?? ''] ?? member.location ?? (payload ? 'payload' : 'body');
        return {
          name: memberName,
          location,
          wireName: location === 'status' ? memberName : (member.locationName ?? memberName),
          required: shape.required?.includes(memberName) === true,
          schema: fromModel(shapes, member.shape),
        };
      });
      return { kind: shared.kind, members };
    }
    default:
      return shared;
  }
}

function fromTable(schema: Schema): Plain {
  const bounds = schema as { readonly min?: number; readonly max?: number };
  const shared = { kind: schema.kind, min: bounds.min ?? null, max: bounds.max ?? null };
  switch (schema.kind) {
    case 'string': {
      const { pattern = null, values = null, sensitive = false } = schema;
      return { ...shared, pattern, values, sensitive };
    }
    case 'blob':
      return { ...shared, sensitive: schema.sensitive === true };
    case 'list':
      return { ...shared, member: fromTable(schema.member) };
    case 'map': {
      const key = fromTable(schema.key);
      return { ...shared, sensitive: schema.sensitive === true, key, value: fromTable(schema.value) };
    }
    case 'structure':
    case 'eventstream':
      return { kind: schema.kind, members: membersOf(schema.members) };
    default:
      return shared;
  }
}

function membersOf(members: Members): Plain {
  return Object.entries(members).map(([name, member]): Plain => {
    const field = fieldOf(member);
    return {
      name,
      location: field.location,
      wireName: field.wireName ?? name,
      required: field.required,
      schema: fromTable(field.schema),
    };
  });
}

const table: Readonly<Record<string, OperationSpec>> = operations;

test('the table has exactly the 88 operations of the list, with group, method, path and status', (t) => {
  if (list === null) return t.skip(absent);
  const listed = Object.entries(list.groups).flatMap(([group, rows]) =>
    rows.map(({ op, http, status }) => ({ op, group: group.split('.')[0], http, status })),
  );
  const ours = operationNames.map((op) => {
    const { group, method, path, status } = operations[op];
    return { op, group, http: `${method} ${path}`, status };
  });
  const byName = (a: { op: string }, b: { op: string }) => (a.op < b.op ? -1 : 1);
  assert.deepEqual(ours.sort(byName), listed.sort(byName));
  assert.equal(ours.length, 88);
});

test('the errors of every operation are those of the list', (t) => {
  if (list === null) return t.skip(absent);
  for (const { op, errors } of Object.values(list.groups).flat()) {
    if (errors !== undefined) assert.deepEqual(table[op]?.errors, errors, op);
  }
});

test('every operation of the service model is in the table as modelled: binding, errors, shapes, constraints', (t) => {
  if (model === null) return t.skip(absent);
  for (const [name, { http, errors, input, output }] of Object.entries(model.operations)) {
    const ours = table[name];
    assert(ours !== undefined, `${name} is missing`);
    assert.deepEqual([ours.method, ours.path, ours.status], [http.method, http.requestUri, http.responseCode], name);
    assert.deepEqual(
      ours.errors,
      errors.map(({ shape }) => shape),
      `${name}: errors`,
    );
    assert.deepEqual(fromTable(ours.input), fromModel(model.shapes, input.shape), `${name}: input`);
    const modelled: Plain = output === undefined ? null : fromModel(model.shapes, output.shape);
    assert.deepEqual(ours.output === null ? null : fromTable(ours.output), modelled, `${name}: output`);
  }
});

test('the error table gives modelled errors the status of the service model', (t) => {
  if (model === null) return t.skip(absent);
  for (const [code, { status }] of Object.entries(errorKinds)) {
    const modelled: number | undefined = model.shapes[code]?.error?.httpStatusCode;
    if (modelled !== undefined) assert.equal(status, modelled, code);
  }
});
