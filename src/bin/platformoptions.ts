import { totalmem } from 'node:os';
import type { OtlpSettings } from '../adapters/otlp/settings.js';
import type { SqsClient } from '../adapters/sqs/client.js';
import type { PolicyChoice } from '../capacity/policies/policy.js';
import type { ObjectStore } from '../kernel/ports/objects.js';
import type { IsolationGrade } from '../worker/sandbox/driver.js';
import type { SandboxLifetime } from './cli/policies.js';
import type { DataFolder } from './datafolder.js';
import type { DestinationPlaces } from './destinations.js';
import type { SnapshotPlaces } from './snapshotplane.js';

/** What `hearth up` says of the platform it starts. */
export interface PlatformOptions {
  readonly folder: DataFolder;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly isolation: IsolationGrade;
  readonly sparesPerRuntime: number;
  /** For all sandboxes together. Default: three quarters of the machine's. */
  readonly memoryMib?: number;
  /** Where code named by bucket and key comes from. Default: nowhere. */
  readonly objects?: ObjectStore;
  /** The organization (`o-…`) of all accounts, for layers shared with one. Default: none. */
  readonly organizationId?: string;
  /** The queues that event source mappings read. Default: none. */
  readonly queues?: SqsClient;
  /** Where records of asynchronous invocations can go, besides `queues`, functions and files. Default: nowhere. */
  readonly destinations?: DestinationPlaces;
  /** Before the first retry of an asynchronous invocation; before the second twice as long. Default: Lambda's minute. */
  readonly retryMs?: number;
  /** The snapshot cache of the zone (L2), and a bucket for snapshots, for microVMs. Default: none. */
  readonly snapshotPlaces?: SnapshotPlaces;
  /** Concurrent invocations per account and region. Default: Lambda's 1,000. */
  readonly accountConcurrency?: number;
  /** MB a second of a streamed response after its first 6 MB. Default: as fast as its client reads. */
  readonly streamMbps?: number;
  /** Start sandboxes before somebody waits for them: deploys, rotation, forecasts; and assign eagerly. Default: true. */
  readonly proactive?: boolean;
  /** Of functions that say nothing themselves. Default: those that the simulator recommends. */
  readonly policies?: Partial<PolicyChoice>;
  /** Default: 1 h to 4 h. */
  readonly sandboxLifetime?: SandboxLifetime;
  /** `GET /metrics` answers everybody who can connect. Default: this machine only. */
  readonly metricsPublic?: boolean;
  /** Where traces of invocations go. Default: nowhere. */
  readonly otlp?: OtlpSettings;
}

/** Sandboxes that may exist at once: each costs a handful of processes and descriptors. */
export const sandboxesMax = 1_000;
/** Part of the machine's memory for sandboxes: the rest is for the platform, the file cache and everybody else. */
export const sandboxMemoryShare = 0.75;
/** Memory for sandboxes unless told otherwise. */
export function sandboxMemoryMib(): number {
  return Math.floor((totalmem() / 2 ** 20) * sandboxMemoryShare);
}
