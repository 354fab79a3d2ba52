import type { StructureSchema } from './schema.js';

/**
 * How common an operation is among clients: `core` ones every tool uses; `rare` ones belong to features most never
 * touch (code signing, durable executions, capacity providers, resource policies).
 */
export type OperationGroup = 'core' | 'common' | 'rare';

/** One operation of the Lambda API, as the wire sees it. */
export interface OperationSpec {
  readonly group: OperationGroup;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/a/{Label}/b`, with `?name=value` when only that query tells the operation from another one. */
  readonly path: string;
  /** HTTP status of success, unless a member of the output says otherwise. */
  readonly status: number;
  /** Modelled errors, in the order of the service model. */
  readonly errors: readonly string[];
  readonly input: StructureSchema;
  /** Null: success has no body. */
  readonly output: StructureSchema | null;
}

/** Keeps the exact type of a table row while checking its shape. */
export function operation<const S extends OperationSpec>(spec: S): S {
  return spec;
}
