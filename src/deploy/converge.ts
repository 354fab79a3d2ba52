import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { Bundle } from './bundle.js';
import type { Properties, Value } from './model.js';

/** What a resource's handler works with. */
export interface Surroundings {
  readonly lambda: LambdaClient;
  readonly logs: CloudWatchLogsClient;
  readonly account: string;
  readonly region: string;
  readonly stack: string;
  /** Only look: say what would change, change nothing. */
  readonly planning: boolean;
  /** Take over functions that exist and belong to no stack, or to another. */
  readonly adopting: boolean;
  /** Names of functions that this run creates or changes: their versions will be new. */
  readonly changed: Set<string>;
  /** The code that a property stands for, null when it lies in S3. Made once a run for each path. */
  bundle(code: Value, runtime: string, where: string): Promise<Bundle | null>;
  /** Something the user should know about this resource. */
  remark(logicalId: string, text: string): void;
}

export type Change = 'create' | 'update' | 'none';

/** What a handler found or did. */
export interface Converged {
  readonly change: Change;
  /** What is different, in words: `Timeout 3 → 10`. */
  readonly details: readonly string[];
  /** What `Ref` gives. */
  readonly ref: string;
  /** What `Fn::GetAtt` gives. */
  readonly attributes: Readonly<Record<string, string>>;
  /** What is needed to remove it some day. */
  readonly identity: Identity;
}

export type Identity = Readonly<Record<string, string>>;

export interface Handler {
  /**
   * Makes a resource what its properties say, from whatever it is now; with `planning` only says what that would take.
   * Running it twice changes nothing the second time.
   */
  converge(logicalId: string, properties: Properties, around: Surroundings): Promise<Converged>;
  /** Null: it stays when a template no longer has it. */
  readonly remove: ((identity: Identity, around: Surroundings) => Promise<void>) | null;
}

/** In a plan: a value that only deploying makes known. */
export const unknown = (logicalId: string, name: string) => `(${logicalId}.${name}: known after deploying)`;

/** Whether an SDK error says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException';
}

/** The result of `read`, or null where there is no such thing. */
export async function orNull<T>(read: Promise<T>): Promise<T | null> {
  return await read.catch((error: unknown) => {
    if (isNotFound(error)) return null;
    throw error;
  });
}

/** JSON with sorted keys and without what is undefined: equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

/** `name from → to` for every member of `wanted` that is not so in `current`. */
export function differences(
  current: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(wanted)
    .filter(([name, value]) => canonical(current[name] ?? null) !== canonical(value ?? null))
    .map(([name, value]) => `${name} ${shown(current[name])} → ${shown(value)}`);
}

function shown(value: unknown): string {
  const text = value === undefined ? 'none' : typeof value === 'string' ? value : canonical(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
