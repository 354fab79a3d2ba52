import { randomBytes, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { AccountId, PoolKey, Region, RequestId, SandboxId, VersionKey } from '../../kernel/ids.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { LogSink } from '../../kernel/ports/logs.js';
import { type FunctionSpec, textLogging } from '../../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../../wire/invocation.js';
import type { StartOrigin } from '../../wire/start.js';
import type { SandboxDriver } from '../sandbox/driver.js';
import {
  type CodeSource,
  createWorker,
  type RuntimeCatalog,
  type WorkerOptions,
  type WorkerService,
} from '../service.js';

export const realClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Keeps every event of every stream, and in which order they were flushed and answered. */
export class FakeLogs implements LogSink {
  readonly lines: string[] = [];
  readonly streams: string[] = [];
  flushed = 0;
  open(_scope: object, group: string, stream: string) {
    this.streams.push(`${group} ${stream}`);
    return { append: (_timestampMs: number, message: string) => void this.lines.push(message) };
  }
  flush(): void {
    this.flushed = this.lines.length;
  }
}

export function makeSpec(over: Partial<FunctionSpec> = {}): FunctionSpec {
  return {
    account: '000000000000' as AccountId,
    region: 'us-east-1' as Region,
    functionName: 'f',
    version: '$LATEST',
    versionKey: '000000000000/us-east-1/f/$LATEST' as VersionKey,
    generation: 1,
    pool: '000000000000/us-east-1/f/$LATEST@1' as PoolKey,
    functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    runtime: 'nodejs20.x',
    handler: 'index.handler',
    codeSha256Hex: '0'.repeat(64),
    layers: [],
    environment: {},
    memoryMib: 128,
    timeoutMs: 3000,
    ephemeralMib: 512,
    logGroup: '/aws/lambda/f',
    logging: textLogging,
    tracing: 'PassThrough',
    snapshot: null,
    reservedConcurrency: null,
    ...over,
  };
}

export function makeInvocation(spec: FunctionSpec, over: Partial<Invocation> = {}): Invocation {
  return {
    requestId: randomUUID() as RequestId,
    spec,
    invokedFunctionArn: spec.functionArn,
    payload: Buffer.from('{"a":1}'),
    clientContext: null,
    cognitoIdentity: null,
    traceHeader: 'Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0',
    tail: false,
    stream: null,
    arrivedMs: Date.now(),
    ...over,
  };
}

export const fakeRuntimes: RuntimeCatalog = {
  launch: async (runtime) => ({
    name: runtime,
    mounts: [],
    command: runtime.startsWith('provided') ? null : ['/bin/true'],
    environment: {},
  }),
  functionEnvironment: (spec, sandbox) => ({
    ...spec.environment,
    AWS_LAMBDA_RUNTIME_API: sandbox.runtimeApi,
    AWS_LAMBDA_LOG_STREAM_NAME: sandbox.logStream,
    AWS_LAMBDA_INITIALIZATION_TYPE: sandbox.initializationType,
  }),
  startVariables: (spec) =>
    Object.fromEntries(Object.entries(spec.environment).filter(([name]) => name === 'NODE_OPTIONS')),
  version: (runtime, region) => ({ name: `${runtime}:v1`, arn: `arn:aws:lambda:${region}::runtime:x` }),
};

/** A worker with everything around it in memory, and its events as promises. */
export class World {
  readonly logs = new FakeLogs();
  readonly worker: WorkerService;
  readonly events: string[] = [];
  #sandboxes = 0;
  #epoch = 0;
  #ready = new Map<SandboxId, (problem: string | null) => void>();
  #gone = new Map<SandboxId, () => void>();
  readonly released: string[] = [];

  constructor(driver: SandboxDriver, over: Partial<WorkerOptions> = {}, codeDirectory = '/nowhere') {
    const code: CodeSource = {
      acquire: async (spec) => ({
        codeDirectory,
        layersDirectory: null,
        libraries: false,
        release: () => void this.released.push(spec.functionName),
      }),
    };
    this.worker = createWorker({
      driver,
      runtimes: fakeRuntimes,
      code,
      logs: this.logs,
      clock: realClock,
      random: {
        uuid: () => randomUUID(),
        fraction: () => 0.5,
        hex: (count) => randomBytes(count).toString('hex'),
      },
      events: {
        onReady: (id, initialized) => {
          this.events.push(initialized ? 'ready' : 'ready to initialize');
          this.#ready.get(id)?.(null);
        },
        onIdle: (_id, epoch) => void this.events.push(`idle ${epoch}`),
        onGone: (id, problem) => {
          this.events.push(`gone ${problem}`);
          this.#ready.get(id)?.(problem ?? 'gone');
          this.#gone.get(id)?.();
        },
      },
      memoryMib: 1024,
      sandboxesMax: 4,
      sparesPerRuntime: 0,
      ...over,
    });
  }

  /** Resolves with the sandbox once it is ready; rejects with the problem. */
  start(spec: FunctionSpec, origin?: StartOrigin): Promise<SandboxId> {
    this.#sandboxes += 1;
    const id = `s${this.#sandboxes}` as SandboxId;
    return new Promise((resolve, reject) => {
      this.#ready.set(id, (problem) => (problem === null ? resolve(id) : reject(new Error(problem))));
      this.worker.start(id, spec, origin);
    });
  }

  invoke(sandboxId: SandboxId, invocation: Invocation, epoch = ++this.#epoch): Promise<InvocationOutcome> {
    return new Promise((resolve) => this.worker.invoke({ sandboxId, epoch }, invocation, resolve));
  }

  stop(sandboxId: SandboxId): Promise<void> {
    return new Promise((resolve) => {
      this.#gone.set(sandboxId, resolve);
      this.worker.stop(sandboxId, 'idle');
    });
  }
}
