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
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  readonly ephemeralMib: number;
  readonly logGroup: string;
  /** Null: no reservation. 0: throttled. */
  readonly reservedConcurrency: number | null;
}
