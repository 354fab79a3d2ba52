import { assert } from '../../kernel/assert.js';
import { type OperationName, operationNames, operations } from './operations.js';

/** What routing and parsing need of a query string; URLSearchParams is one. */
export interface QueryReader {
  get(name: string): string | null;
  getAll(name: string): readonly string[];
}

export type Route =
  | {
      readonly kind: 'operation';
      readonly operation: OperationName;
      /** Percent-decoded labels by member name. */
      readonly pathParameters: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'unknown-path' }
  /** The path exists, but not for this method. */
  | { readonly kind: 'unknown-method'; readonly methods: readonly string[] };

interface Candidate {
  readonly operation: OperationName;
  /** Set when only a query parameter tells this operation from another one with the same path. */
  readonly query: { readonly name: string; readonly value: string } | null;
}
interface Branch {
  readonly literals: Map<string, Branch>;
  label: Branch | null;
  /** Candidates by method; those that demand a query parameter come first. */
  readonly methods: Map<string, { readonly labels: readonly string[]; readonly candidates: Candidate[] }>;
}

const unknownPath: Route = { kind: 'unknown-path' };
const invokePrefix = '/2015-03-31/functions/';
const invokeSuffix = '/invocations';

function branch(): Branch {
  return { literals: new Map(), label: null, methods: new Map() };
}

function plant(): Branch {
  const root = branch();
  for (const operation of operationNames) {
    const { method, path } = operations[operation];
    const [template = '', parameter = ''] = path.split('?');
    const labels: string[] = [];
    let at = root;
    for (const segment of template.slice(1).split('/')) {
      if (segment.startsWith('{')) {
        labels.push(segment.slice(1, -1));
        at.label ??= branch();
        at = at.label;
      } else {
        const next = at.literals.get(segment) ?? branch();
        at.literals.set(segment, next);
        at = next;
      }
      assert(at !== root, 'a path has segments');
    }
    const [name = '', value = ''] = parameter.split('=');
    const row = at.methods.get(method) ?? { labels, candidates: [] };
    const candidate: Candidate = { operation, query: name === '' ? null : { name, value } };
    if (candidate.query === null) row.candidates.push(candidate);
    else row.candidates.unshift(candidate);
    at.methods.set(method, row);
  }
  return root;
}

const root = plant();

/** Null when the percent-encoding is broken. */
function decode(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * Finds the operation of a request. `path` is the raw path, without query and still percent-encoded, so that ARNs with
 * an encoded slash stay one label. One trailing slash is ignored, as by AWS (older clients send it); empty labels match
 * nothing. `query` matters for the few operations that share a path.
 */
export function route(method: string, path: string, query: QueryReader | null = null): Route {
  if (method === 'POST' && path.startsWith(invokePrefix) && path.endsWith(invokeSuffix)) {
    const label = path.slice(invokePrefix.length, -invokeSuffix.length);
    if (label !== '' && !label.includes('/')) {
      const name = decode(label);
      return name === null
        ? unknownPath
        : { kind: 'operation', operation: 'Invoke', pathParameters: { FunctionName: name } };
    }
  }
  if (!path.startsWith('/')) return unknownPath;
  const values: string[] = [];
  let at = root;
  for (const segment of (path.endsWith('/') ? path.slice(1, -1) : path.slice(1)).split('/')) {
    const literal = at.literals.get(segment);
    if (literal !== undefined) {
      at = literal;
      continue;
    }
    if (at.label === null || segment === '') return unknownPath;
    const value = decode(segment);
    if (value === null) return unknownPath;
    values.push(value);
    at = at.label;
  }
  if (at.methods.size === 0) return unknownPath;
  const row = at.methods.get(method);
  if (row === undefined) return { kind: 'unknown-method', methods: [...at.methods.keys()] };
  const found = row.candidates.find((candidate) => {
    return candidate.query === null || query?.get(candidate.query.name) === candidate.query.value;
  });
  if (found === undefined) return unknownPath;
  const pathParameters: Record<string, string> = {};
  row.labels.forEach((label, index) => {
    pathParameters[label] = values[index] ?? '';
  });
  return { kind: 'operation', operation: found.operation, pathParameters };
}
