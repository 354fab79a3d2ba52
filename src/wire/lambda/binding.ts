import { type OperationName, operationNames, operations } from './operations.js';
import { type Field, fieldOf } from './schema.js';

/** A member together with its name in the API and on the wire. */
export interface BoundMember {
  readonly name: string;
  /** Header names are lower case here, as Node gives them. */
  readonly wireName: string;
  readonly field: Field;
}

/** Members of one structure sorted by where they travel, worked out once so that requests only walk arrays. */
export interface Binding {
  readonly uri: readonly BoundMember[];
  readonly query: readonly BoundMember[];
  readonly header: readonly BoundMember[];
  readonly status: BoundMember | null;
  readonly payload: BoundMember | null;
  readonly body: readonly BoundMember[];
}

function bind(members: Readonly<Record<string, Parameters<typeof fieldOf>[0]>>): Binding {
  const all = Object.entries(members).map(([name, member]): BoundMember => {
    const field = fieldOf(member);
    const wireName = field.wireName ?? name;
    return { name, wireName: field.location === 'header' ? wireName.toLowerCase() : wireName, field };
  });
  const at = (location: Field['location']) => all.filter(({ field }) => field.location === location);
  return {
    uri: at('uri'),
    query: at('query'),
    header: at('header'),
    status: at('status')[0] ?? null,
    payload: at('payload')[0] ?? null,
    body: at('body'),
  };
}

function bindAll(part: 'input' | 'output'): ReadonlyMap<OperationName, Binding> {
  return new Map(operationNames.map((name) => [name, bind(operations[name][part]?.members ?? {})]));
}

export const inputBindings = bindAll('input');
export const outputBindings = bindAll('output');
