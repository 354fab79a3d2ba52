import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DuckDbAnalytics } from '../adapters/duckdb/analytics.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedJournal } from '../adapters/embedded/journal.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import { EmbeddedQueue } from '../adapters/embedded/queue.js';
import { RealRandom } from '../adapters/embedded/random.js';
import { projectRoot } from '../adapters/projectroot.js';
import { AssignmentMachine } from '../assignment/machine.js';
import type { AssignmentEntry } from '../assignment/messages.js';
import { AssignmentService } from '../assignment/service.js';
import type { AsyncEvent } from '../async/messages.js';
import { MappingTags } from '../config/mappings/tags.js';
import { openConfigService } from '../config/service.js';
import { CountingMachine } from '../counting/machine.js';
import { SignedCodeUrls } from '../frontend/codeurls.js';
import { InvocationDispatcher } from '../frontend/dispatcher.js';
import { FrontEnd } from '../frontend/server.js';
import { CredentialStore } from '../frontend/signature/credentials.js';
import { SessionCredentials } from '../frontend/signature/sessions.js';
import { createIamApi } from '../iam/operations.js';
import type { SandboxId, WorkerId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import { mib, minuteMs } from '../kernel/units.js';
import { InsightsQueries } from '../observe/insights/queries.js';
import { createLogsApi } from '../observe/logsoperations.js';
import { LogStore } from '../observe/logstore.js';
import { PlacementMachine } from '../placement/machine.js';
import { LayerTrees } from '../worker/layers/layertrees.js';
import { MachineRuntimes } from '../worker/runtimes/catalog.js';
import type { IsolationGrade } from '../worker/sandbox/driver.js';
import { createWorker } from '../worker/service.js';
import { openAsync } from './asyncinvocation.js';
import { openCapacity } from './capacity.js';
import { codeSource } from './codesource.js';
import { openEventSources } from './eventsources.js';
import { openDriver } from './isolation.js';
import { LocalFleet } from './localfleet.js';
import { Observation } from './observation.js';
import { type PlatformOptions, sandboxesMax, sandboxMemoryMib } from './platformoptions.js';
import type { PlatformStatus } from './platformstatus.js';
import { keepSpares, prepareImages } from './preparation.js';
import { keepProvisioned } from './provisioning.js';
import { progressOf } from './runtimeprogress.js';
import { WorkerSnapshots } from './snapshotkeeper.js';
import { SnapshotReports } from './snapshotreports.js';
import { SnapshotUpkeep } from './snapshotupkeep.js';
import { startDiagnosis } from './startdiagnosis.js';
import { openTracing } from './tracing.js';

export interface Platform {
  readonly endpoint: string;
  readonly grade: IsolationGrade;
  /** Lets work in flight finish for a while, then ends everything; nothing is left. */
  close(): Promise<void>;
}

/** `close` waits this long for work in flight; `hearth down` waits longer before it kills. */
const drainMs = 10_000;

/** A function that logs without end must not fill the disk: beyond this a group's oldest segments go. */
const groupBytesMax = 1024 * mib;

/** Retention counts in days: looking every few minutes is exact enough. */
const retentionMs = 5 * minuteMs;

const workerId = 'local' as WorkerId;

/** Errors of the platform's own: they go to standard error, one line each, and never silently. */
function report(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${new Date().toISOString()} ${text}\n`);
}

/** A broken invariant or a lost journal: going on could corrupt what was promised. Everything dies with us. */
function crash(error: unknown): never {
  report(error);
  process.exit(70);
}

/** Composes all parts in this process over the embedded ports, and serves. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { folder } = options;
  const startedMs = Date.now();
  process.on('uncaughtException', crash);
  folder.create();
  await folder.lock();
  const credentials = CredentialStore.open(folder.path);
  const sessions = new SessionCredentials(credentials);
  const clock = new RealClock();
  const random = new RealRandom();
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  const places = { sharedCache: null, bucket: null, ...options.snapshotPlaces };
  const opened = await openDriver(options.isolation, folder, places, [options.host]);
  const { driver, snapshots } = opened;

  const store = new LmdbEnvironment(folder.store);
  // The sandboxes it tells of end with this process, so nothing in it is worth waiting for the disk.
  const journalStore = new LmdbEnvironment(folder.journal, { synced: false });
  const journal = new EmbeddedJournal<AssignmentEntry>(journalStore, 'assignment');
  const queue = new EmbeddedQueue<AsyncEvent>(store, 'async');
  const logs = new LogStore({ folder: folder.logs, clock, groupBytesMax, onFailure: report });
  const analytics = new DuckDbAnalytics({ folder: folder.logs, clock });
  const insights = new InsightsQueries({ analytics, clock, onFailure: report });
  const sweep = setInterval(() => {
    sessions.sweep();
    logs.sweep().catch(report);
  }, retentionMs);
  const snapStart = new WorkerSnapshots(driver);
  const runtimes = new MachineRuntimes({
    dataDirectory: folder.path,
    tokenSecret: credentials.urlSecret,
    cloned: driver.snapshots !== null,
    credentials: (spec) => {
      const role = config.roleOf(spec);
      return role === null ? null : sessions.issue({ account: spec.account, functionName: spec.functionName, role });
    },
  });
  const accountConcurrency = options.accountConcurrency ?? limits.accountConcurrency;
  let endpoint = '';
  let port = options.port;
  const codeUrls = new SignedCodeUrls(credentials.urlSecret, () => endpoint);
  const config = await openConfigService({
    kv: new EmbeddedKv(store, 'config'),
    blob: new EmbeddedBlob(folder.blobs),
    clock,
    random,
    codeFolder: folder.code,
    snapshots: snapStart,
    runtimeVersionArn: (runtime, region) => runtimes.version(runtime, region).arn,
    accountConcurrency,
    // Nobody asks before the platform listens.
    provisioned: (pool) => assignment.provisioned(pool),
    ...(options.objects === undefined ? {} : { objects: options.objects }),
    ...(options.organizationId === undefined ? {} : { organizationId: options.organizationId }),
    prepareRuntime: async (runtime) => {
      try {
        await runtimes.add(runtime, progressOf(runtime));
        await driver.prepare?.(await runtimes.launch(runtime));
        return null;
      } catch (error) {
        return (error as Error).message;
      }
    },
    codeUrl: (caller, sha256Hex) => codeUrls.urlFor(`${caller.account}/${caller.region}/${sha256Hex}`),
    functionUrl: (id, region) => `http://${id}.lambda-url.${region}.localhost:${port}/`,
  });

  const layers = new LayerTrees({ folder: folder.layers, treeOf: (sha256Hex) => config.codeFolder(sha256Hex) });
  config.onVersionActive((spec) => layers.prepare(spec.layers));
  if (snapshots !== null) prepareImages(config, layers, snapshots.images);
  const upkeep = snapshots === null ? null : new SnapshotUpkeep({ parts: snapshots, config, clock, onProblem: report });
  const tracing =
    options.otlp === undefined ? null : await openTracing(options.otlp, { version, random, clock, onProblem: report });
  const observation = new Observation(tracing);
  const fleet = new LocalFleet(new PlacementMachine(), clock, observation.fleet);
  const worker = createWorker({
    workerId,
    driver,
    runtimes,
    code: codeSource(config, layers),
    logs,
    clock,
    random,
    events: fleet,
    snapshots: config.snapshotEvents,
    memoryMib: options.memoryMib ?? sandboxMemoryMib(),
    sandboxesMax,
    sparesPerRuntime: options.sparesPerRuntime,
    // On the only core, who stays awake holds up those that he waits for.
    ...(availableParallelism() === 1 && { busyPollMs: 0 }),
  });
  snapStart.connect(worker);

  const { proactive = true, sandboxLifetime } = options;
  const machine = new AssignmentMachine({
    newSandboxId: () => random.uuid() as SandboxId,
    ...(sandboxLifetime && { lifetimeMs: sandboxLifetime.ms, lifetimeSpread: sandboxLifetime.spread }),
    busyMin: 2 * availableParallelism(),
    eager: proactive,
    replacedAhead: proactive,
    aheadStartingMax: 2 * availableParallelism(),
  });
  const assignment = new AssignmentService(machine, journal, fleet, clock, crash);
  await assignment.recover();
  fleet.connect(workerId, worker, assignment);
  const counting = new CountingMachine({ accountConcurrency });
  const dispatcher = new InvocationDispatcher(
    counting,
    assignment,
    fleet,
    config,
    clock,
    startDiagnosis(runtimes, config),
    observation.invocations,
  );
  const eventSources = await openEventSources({
    kv: new EmbeddedKv(store, 'eventsources'),
    clock,
    random,
    config,
    dispatcher,
    queues: options.queues ?? null,
    tracing: tracing?.tracer ?? null,
    onProblem: report,
  });
  config.tagging.add('event-source-mapping', new MappingTags(eventSources.mappings));
  const { service: async, counts: asyncCounts } = openAsync({
    queue,
    config,
    dispatcher,
    clock,
    random,
    folder: folder.destinations,
    places: { queues: options.queues ?? null, ...options.destinations },
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
    observer: observation.async,
    tracing: tracing?.tracer ?? null,
    onProblem: report,
  });

  config.onPoolSuperseded((pool, reason) =>
    assignment.input({ kind: 'pool-superseded', nowMs: clock.nowMs(), pool, reason }),
  );

  if (proactive) {
    config.onSuccession((from, to) => assignment.handover(from, to));
    config.onAliasMoved((from, to) => void assignment.handover(from, to));
  }
  const { policies = {} } = options;
  const capacity = proactive ? openCapacity({ assignment, config, worker, clock, choice: policies }) : null;

  let queuedEvents = await queue.depth();
  const status = (): PlatformStatus => {
    // Asked for the next answer: the store is asynchronous, a status is not.
    queue.depth().then((depth) => {
      queuedEvents = depth;
    }, report);
    return {
      version,
      node: process.version,
      pid: process.pid,
      endpoint,
      dataFolder: folder.path,
      startedMs,
      nowMs: Date.now(),
      isolation: { grade: driver.grade, protections: driver.protections() },
      worker: worker.capacity(),
      functions: config.functionCount,
      queuedEvents,
      asynchronous: asyncCounts.counts,
      residentBytes: process.memoryUsage.rss(),
    };
  };

  const frontend = new FrontEnd({
    credentials: sessions,
    config: [...config.owners, eventSources.mappings],
    resolver: config,
    urls: config,
    dispatcher,
    intake: async,
    tracing: tracing?.tracer ?? null,
    streamBandwidth:
      options.streamMbps === undefined
        ? null
        : { burstBytes: limits.streamBurstBytes, bytesPerSecond: options.streamMbps * mib },
    logs: createLogsApi(logs, insights),
    iam: createIamApi(new EmbeddedKv(store, 'iam'), clock, random),
    code: {
      read: (path) => {
        const [account, region, sha256Hex] = path.split('/') as [never, never, string];
        return config.codeZip({ account, region }, sha256Hex);
      },
    },
    codeUrls,
    status,
    why: observation.why,
    workers: {
      operator: credentials.list()[0]!.account,
      list: () => fleet.workers(),
      drain: (worker) => fleet.drain(worker),
    },
    metrics: observation.metrics(
      status,
      { unreserved: () => counting.unreserved(), commitments: () => config.commitments() },
      options.metricsPublic ?? false,
    ),
    ...(snapshots === null ? {} : { snapshots: new SnapshotReports(snapshots) }),
    onError: report,
  });
  port = await frontend.listen(options.port, options.host);
  const shownHost = options.host.includes(':') ? `[${options.host}]` : options.host;
  endpoint = `http://${shownHost}:${port}`;
  folder.claim(endpoint, startedMs);
  async.start();
  eventSources.start();
  keepSpares(config, worker);
  const endProvisioning = keepProvisioned(config, observation.provisioning(assignment), clock);
  upkeep?.start();

  return {
    endpoint,
    grade: driver.grade,
    close: async () => {
      endProvisioning();
      capacity?.close();
      // New requests end first, then those in flight, then what they used.
      await Promise.all([frontend.close(drainMs), eventSources.close(drainMs), async.close(drainMs)]);
      options.queues?.close();
      options.destinations?.topics?.close();
      await worker.close();
      await tracing?.close();
      await config.endSnapshotKeeping();
      await layers.close();
      await upkeep?.close();
      await driver.close();
      await opened.close();
      await assignment.close();
      await config.close();
      clearInterval(sweep);
      await insights.close();
      await logs.close();
      await journalStore.close();
      await store.close();
      folder.release();
    },
  };
}
