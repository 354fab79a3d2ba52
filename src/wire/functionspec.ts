import type { AccountId, PoolKey, Region, VersionKey } from '../kernel/ids.js';

/** Managed runtimes Hearth starts itself, and those that bring their own `bootstrap`; in the order they are listed. */
export const runtimeNames = [
  'nodejs20.x',
  'nodejs22.x',
  'nodejs24.x',
  'python3.9',
  'python3.10',
  'python3.11',
  'python3.12',
  'python3.13',
  'python3.14',
  'ruby3.2',
  'ruby3.3',
  'ruby3.4',
  'ruby4.0',
  'java8.al2',
  'java11',
  'java17',
  'java21',
  'java25',
  'provided.al2',
  'provided.al2023',
] as const;

export type RuntimeName = (typeof runtimeNames)[number];

/** How a function's log looks. Levels are null with the text format, which has none. */
export interface LoggingSpec {
  readonly format: 'Text' | 'JSON';
  /** What the function itself logs below this level is dropped. */
  readonly applicationLevel: 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL' | null;
  /** What the platform logs below this level is dropped. */
  readonly systemLevel: 'DEBUG' | 'INFO' | 'WARN' | null;
}

export const textLogging: LoggingSpec = { format: 'Text', applicationLevel: null, systemLevel: null };

/** One layer of a function, in the order in which the function names them. */
export interface LayerSpec {
  /** ARN of the layer version. */
  readonly arn: string;
  /** Lower-case hex SHA-256 of the zip; names the extracted tree. */
  readonly codeSha256Hex: string;
  /** Size of the zip. */
  readonly codeBytes: number;
}

/**
 * Everything a sandbox must know to become one published state of a function version. Immutable: every change of
 * code or configuration makes a new spec with the next `generation`.
 */
export interface FunctionSpec {
  readonly account: AccountId;
  readonly region: Region;
  readonly functionName: string;
  /** `$LATEST` or decimal digits. */
  readonly version: string;
  readonly versionKey: VersionKey;
  readonly generation: number;
  readonly pool: PoolKey;
  /** Unqualified ARN. */
  readonly functionArn: string;
  readonly runtime: RuntimeName;
  /** `file.export` for managed runtimes; passed on as `_HANDLER` for provided ones. */
  readonly handler: string;
  /** Lower-case hex SHA-256 of the zip; names the extracted tree. */
  readonly codeSha256Hex: string;
  /** What `/opt` is made of; the files of later ones replace those of earlier ones. */
  readonly layers: readonly LayerSpec[];
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  readonly ephemeralMib: number;
  readonly logGroup: string;
  readonly logging: LoggingSpec;
  /** `Active`: this service samples invocations that nobody upstream has decided about. */
  readonly tracing: 'Active' | 'PassThrough';
  /** Id of the snapshot that its sandboxes start from (SnapStart), or null: they start from the code. */
  readonly snapshot: string | null;
  /** Null: no reservation. 0: throttled. */
  readonly reservedConcurrency: number | null;
  /** Whether it is stopped when it invokes itself over and over. Absent: Terminate. */
  readonly recursiveLoop?: 'Allow' | 'Terminate';
}

/** The log group of a function that names no other. */
export function ownLogGroup(functionName: string): string {
  return `/aws/lambda/${functionName}`;
}
