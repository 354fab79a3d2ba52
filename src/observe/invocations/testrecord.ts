import { type AccountId, poolKey, type RequestId, type SandboxId, versionKey } from '../../kernel/ids.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import type { InvocationStart, RunFacts, SandboxLife } from '../../wire/start.js';
import type { InvocationRecord } from './record.js';

/** When the records of tests arrive. */
export const arrivedMs = 1_700_000_000_000;

/** Only for tests: the part of a spec that observation reads. */
export function testSpec(functionName: string, version = '$LATEST', account = '123456789012'): FunctionSpec {
  const region = 'us-east-1';
  const key = versionKey(account as AccountId, region as FunctionSpec['region'], functionName, version);
  const functionArn = `arn:aws:lambda:${region}:${account}:function:${functionName}`;
  return {
    account,
    region,
    functionName,
    version,
    versionKey: key,
    pool: poolKey(key, 1),
    functionArn,
    memoryMib: 128,
  } as FunctionSpec;
}

export const testLife: SandboxLife = {
  sandboxId: 's' as SandboxId,
  workerId: null,
  origin: 'demand',
  startedMs: arrivedMs + 5,
  boxedMs: arrivedMs + 15,
  box: 'spare',
  initializedMs: arrivedMs + 100,
  initStatus: 'success',
  tierBytes: null,
  tierBesides: 0,
  logStream: 'stream',
  invocations: 1,
};

export const testRun: RunFacts = {
  life: testLife,
  startedMs: arrivedMs + 102,
  durationMs: 20,
  initMs: 84.2,
  restoreMs: null,
  status: 'success',
  errorType: null,
  memoryPeakMib: 50,
};

export const starts = {
  warm: { kind: 'warm', trigger: null, first: false, spilled: false },
  cold: { kind: 'cold', trigger: null, first: true, spilled: false },
  proactive: { kind: 'proactive', trigger: 'deploy', first: true, spilled: false },
  provisioned: { kind: 'provisioned', trigger: null, first: false, spilled: false },
} as const satisfies Record<string, InvocationStart>;

/** A UUID for each text of up to 16 characters. */
export function testId(text: string): RequestId {
  const hex = Buffer.from(text).toString('hex').padEnd(32, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as RequestId;
}

/** A cold one that succeeded, unless told otherwise. */
export function testRecord(requestId: string, more: Partial<InvocationRecord> = {}): InvocationRecord {
  return {
    requestId: testId(requestId),
    spec: testSpec('f'),
    invokedFunctionArn: testSpec('f').functionArn,
    type: 'sync',
    arrivedMs,
    grantedMs: arrivedMs + 101,
    endedMs: arrivedMs + 124,
    attempts: 1,
    start: starts.cold,
    run: testRun,
    outcome: 'success',
    problem: null,
    ...more,
  };
}
