import type { AsyncCounts } from '../async/observer.js';
import type { IsolationGrade, Protection } from '../worker/sandbox/driver.js';
import type { WorkerCapacity } from '../worker/service.js';

/** What `GET /_hearth/status` answers and `hearth status --json` prints. Times in epoch milliseconds. */
export interface PlatformStatus {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly endpoint: string;
  readonly dataFolder: string;
  readonly startedMs: number;
  readonly nowMs: number;
  readonly isolation: { readonly grade: IsolationGrade; readonly protections: readonly Protection[] };
  readonly worker: WorkerCapacity;
  readonly functions: number;
  readonly queuedEvents: number;
  /** Events since the start. */
  readonly asynchronous: AsyncCounts['counts'];
  /** Resident memory of the platform's process, bytes (sandboxes not counted). */
  readonly residentBytes: number;
}
