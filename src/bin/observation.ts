import type { AsyncObserver } from '../async/observer.js';
import type { MetricsSource } from '../frontend/metrics.js';
import type { WhySource } from '../frontend/why.js';
import type { AccountId, PoolKey } from '../kernel/ids.js';
import type { InvocationObserver } from '../observe/invocations/record.js';
import { InvocationRing } from '../observe/invocations/ring.js';
import { whyReport } from '../observe/invocations/why.js';
import { accountFamilies, type ConcurrencySource } from '../observe/metrics/accountconcurrency.js';
import { AsyncTally } from '../observe/metrics/asynctally.js';
import { contentType, exposition, type Family, labels } from '../observe/metrics/exposition.js';
import { type Provisioned, Tally } from '../observe/metrics/tally.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { FleetWatch } from './localfleet.js';
import type { PlatformStatus } from './platformstatus.js';
import type { ProvisioningPeer } from './provisioning.js';
import type { PlatformTracing } from './tracing.js';

/** Shown by `hearth why` without an id. */
export const listedMax = 50;

/** What is seen of invocations, put together: the latest of them, numbers of all, and traces for whoever collects them. */
export class Observation {
  readonly #tracing: PlatformTracing | null;
  readonly #ring = new InvocationRing();
  readonly #provisioned = new Map<PoolKey, FunctionSpec>();
  #peer: ProvisioningPeer | null = null;
  readonly #tally = new Tally(() => this.#provisioning());
  readonly #asyncTally = new AsyncTally();

  readonly invocations: InvocationObserver = {
    began: (spec) => this.#tally.began(spec),
    ended: (record) => {
      this.#ring.add(record);
      this.#tally.ended(record);
      if (record.trace) this.#tracing?.tracer.ended(record, record.trace);
    },
  };

  constructor(tracing: PlatformTracing | null) {
    this.#tracing = tracing;
  }

  readonly why: WhySource = {
    list: (account) => this.#ring.notable(account as AccountId, listedMax).map(whyReport),
    show: (account, requestId) => {
      const record = this.#ring.find(account as AccountId, requestId);
      return record === null ? null : whyReport(record);
    },
  };

  get fleet(): FleetWatch {
    return this.#tally;
  }

  get async(): AsyncObserver {
    return this.#asyncTally;
  }

  /** Sees what is asked of the peer. */
  provisioning(peer: ProvisioningPeer): ProvisioningPeer {
    this.#peer = peer;
    return {
      provision: (spec, count) => {
        if (count === 0) this.#provisioned.delete(spec.pool);
        else this.#provisioned.set(spec.pool, spec);
        peer.provision(spec, count);
      },
      provisioned: (pool) => peer.provisioned(pool),
    };
  }

  metrics(status: () => PlatformStatus, concurrency: ConcurrencySource, open: boolean): MetricsSource {
    const families = () => [
      ...this.#tally.families(),
      ...accountFamilies(concurrency),
      ...this.#asyncTally.families(),
      ...(this.#tracing?.families() ?? []),
      ...platformFamilies(status()),
    ];
    return { contentType, open, pieces: () => exposition(families()) };
  }

  /** Of versions: while the pool of one is replaced by another, of both together. */
  *#provisioning(): Iterable<Provisioned> {
    const versions = new Map<string, Provisioned>();
    for (const spec of this.#provisioned.values()) {
      const now = this.#peer?.provisioned(spec.pool) ?? null;
      if (now === null) continue;
      const before = versions.get(spec.versionKey);
      versions.set(spec.versionKey, {
        spec,
        requested: now.requested + (before?.requested ?? 0),
        allocated: now.allocated + (before?.allocated ?? 0),
        available: now.available + (before?.available ?? 0),
        busy: now.busy + (before?.busy ?? 0),
      });
    }
    yield* versions.values();
  }
}

function platformFamilies({ version, worker, queuedEvents, residentBytes }: PlatformStatus): readonly Family[] {
  const gauge = (name: string, help: string, value: number, given = ''): Family => ({
    name,
    type: 'gauge',
    help,
    samples: () => [{ labels: given, value }],
  });
  const mib = 2 ** 20;
  return [
    gauge('hearth_build_info', 'The version that serves.', 1, labels({ version })),
    gauge('hearth_sandboxes', 'Sandboxes that there are.', worker.sandboxes),
    {
      name: 'hearth_spares',
      type: 'gauge',
      help: 'What waits booted or restored, by runtime or function.',
      samples: () => Object.entries(worker.spares).map(([of, value]) => ({ labels: labels({ of }), value })),
    },
    {
      name: 'hearth_spares_lost_total',
      type: 'counter',
      help: 'What ended while it waited, killed by somebody else.',
      samples: () => Object.entries(worker.lost).map(([of, value]) => ({ labels: labels({ of }), value })),
    },
    gauge('hearth_sandboxes_max', 'Sandboxes that there may be.', worker.sandboxesMax),
    gauge('hearth_sandbox_memory_bytes', 'Memory given to sandboxes.', worker.memoryUsedMib * mib),
    gauge('hearth_sandbox_memory_max_bytes', 'Memory that there is for sandboxes.', worker.memoryMib * mib),
    gauge('hearth_async_queued_events', 'Events that wait for an attempt.', queuedEvents),
    gauge('process_resident_memory_bytes', 'Resident memory of the platform, without sandboxes.', residentBytes),
  ];
}
