import { dayMs, hourMs, kib, mib, minuteMs, secondMs } from './units.js';

/**
 * The limits of the service that Hearth mirrors (AWS documentation, "Lambda quotas", unless a line says otherwise),
 * each with the unit last in its name. Shape constraints (lengths, patterns, ranges) live in `wire/lambda/`.
 */
export const limits = {
  /** Largest synchronous request payload. AWS's 6 MB is 6 MiB. */
  syncPayloadBytesMax: 6 * mib,
  /** Largest synchronous response; recorded from the service: 6 MiB plus 100 bytes. */
  syncResponseBytesMax: 6_291_556,
  /** Largest streamed response. AWS's 200 MB taken as MiB, like its 6 MB. */
  streamedResponseBytesMax: 200 * mib,
  /** A streamed response leaves this much at full speed before its bandwidth is capped (developer guide). */
  streamBurstBytes: 6 * mib,
  /** Largest payload of an `Event` invocation. */
  asyncPayloadBytesMax: 1 * mib,
  /** Largest body of CreateFunction and UpdateFunctionCode, recorded from the service (50 MiB as base64 and some). */
  codeRequestBytesMax: 70_167_211,
  /** Largest zip file uploaded directly. */
  codeZipBytesMax: 50 * mib,
  /** Largest sum of the unzipped files of code and layers. */
  codeUnzippedBytesMax: 250 * mib,
  /** All environment variables of a function, names and values, as JSON. */
  environmentBytesMax: 4 * kib,
  timeoutSecondsDefault: 3,
  memoryMibDefault: 128,
  ephemeralMibDefault: 512,
  /** Memory that has the share of one vCPU (developer guide, "Configure Lambda function memory"). */
  memoryMibPerVcpu: 1_769,
  accountConcurrency: 1_000,
  /** New environments of a function in one period, refilled continuously (developer guide, "Lambda scaling behavior"). */
  scalingEnvironmentsMax: 1_000,
  scalingPeriodMs: 10 * secondMs,
  /** Reserved concurrency must leave this much of the account's concurrency to all others. */
  unreservedConcurrencyMin: 100,
  codeStorageBytesPerRegion: 75 * 1024 * mib,
  /** The init phase; after it, init runs again inside the first invocation under the function's timeout. */
  initMsMax: 10 * secondMs,
  /** Init with provisioned concurrency may take this long, or the function's timeout if that is longer (developer guide). */
  provisionedInitMsMin: 130 * secondMs,
  /** The init of a publication with SnapStart may take this long, or the function's timeout if that is longer. */
  snapStartInitMsMin: 130 * secondMs,
  /** The runtime and its after-restore hooks, after a snapshot was restored. */
  restoreMsMax: 10 * secondMs,
  /** SnapStart keeps the snapshot of a version that nobody invokes for 14 days. */
  snapshotIdleMsMax: 14 * dayMs,
  asyncEventAgeMsMax: 6 * hourMs,
  /** Retries after an error of the function, unless configured (developer guide, "error handling for asynchronous invocation"). */
  asyncRetriesMax: 2,
  /** Invocations of one function in one chain of requests (developer guide, "Lambda recursive loop detection"). */
  recursionsMax: 16,
  /** SigV4: a request signed further from now than this, either way, is refused. */
  clockSkewMsMax: 5 * minuteMs,
  /** Presigned URLs: largest X-Amz-Expires (7 days). */
  presignedSecondsMax: 604_800,
  /** LogType=Tail returns the last bytes of the log, before base64. */
  logTailBytesMax: 4 * kib,
  /** One log event; longer ones are split. CloudWatch Logs quota. */
  logEventBytesMax: 256 * kib,
  clientContextBytesMax: 3_583,
  /** Logs Insights: rows of a query's answer, and characters of a query (CloudWatch Logs API reference, StartQuery). */
  insightsRowsMax: 10_000,
  insightsQueryCharsMax: 10_000,
} as const;
