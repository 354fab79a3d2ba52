import type { VersionKey } from '../../kernel/ids.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import type { StartKind, StartOrigin } from '../../wire/start.js';
import type { InvocationObserver, InvocationRecord } from '../invocations/record.js';
import { type Family, labels, type Sample } from './exposition.js';
import { Histogram } from './histogram.js';

/**
 * Versions that have series of their own until the platform ends; what comes later counts as function `other`. One takes
 * some 3 KiB, and a scrape 3 KB of text for each kind of start that it has seen.
 */
export const versionsMax = 5_000;

export interface Provisioned {
  readonly spec: FunctionSpec;
  readonly requested: number;
  readonly allocated: number;
  readonly available: number;
  readonly busy: number;
}

/** Of one version. */
interface Counts {
  readonly labels: string;
  invocations: number;
  errors: number;
  refusals: number;
  concurrent: number;
  provisioned: number;
  spilled: number;
  /** By reason. */
  throttles: Record<string, number>;
  starts: Partial<Record<StartOrigin, number>>;
  durations: Partial<Record<StartKind, Histogram>>;
}

/** Numbers of all invocations since the start. Counting allocates nothing but a version's first of each kind. */
export class Tally implements InvocationObserver {
  readonly #versions = new Map<VersionKey, Counts>();
  readonly #other = countsOf(labels({ account: 'other', region: 'other', function: 'other', version: 'other' }));
  /** Arrival to handler, by kind of start. */
  readonly #latencies: Partial<Record<StartKind, Histogram>> = {};
  readonly #ready = { initialized: 0, uninitialized: 0 };

  constructor(
    private readonly provisioned: () => Iterable<Provisioned> = () => [],
    private readonly countMax = versionsMax,
  ) {}

  began(spec: FunctionSpec): void {
    this.#of(spec).concurrent += 1;
  }

  ended({ spec, attempts, outcome, problem, start, run, arrivedMs }: InvocationRecord): void {
    const counts = this.#of(spec);
    if (attempts > 0) counts.concurrent -= 1;
    switch (outcome) {
      case 'throttled': {
        const reason = problem ?? 'unknown';
        counts.throttles[reason] = (counts.throttles[reason] ?? 0) + 1;
        return;
      }
      case 'refused':
        counts.refusals += 1;
        return;
      case 'function-error':
        counts.errors += 1;
        break;
      case 'success':
        break;
    }
    counts.invocations += 1;
    if (start === null) return;
    if (start.kind === 'provisioned') counts.provisioned += 1;
    if (start.spilled) counts.spilled += 1;
    if (run === null) return;
    const { kind } = start;
    timed(counts.durations, kind, run.durationMs);
    timed(this.#latencies, kind, Math.max(0, run.startedMs - arrivedMs));
  }

  /** A sandbox is started. */
  started(spec: FunctionSpec, origin: StartOrigin): void {
    const { starts } = this.#of(spec);
    starts[origin] = (starts[origin] ?? 0) + 1;
  }

  /** A sandbox can serve. */
  ready(initialized: boolean): void {
    this.#ready[initialized ? 'initialized' : 'uninitialized'] += 1;
  }

  families(): readonly Family[] {
    return [
      this.#counter('invocations', 'Invocations that ran: successes and errors (AWS: Invocations).', 'invocations'),
      this.#counter('errors', 'Invocations that ended in a function error (AWS: Errors).', 'errors'),
      this.#counter('refusals', 'Invocations that no execution environment could be had for.', 'refusals'),
      this.#parted('throttles_total', 'Invocations that were throttled (AWS: Throttles).', 'reason', 'throttles'),
      {
        name: 'hearth_lambda_duration_seconds',
        type: 'histogram',
        help: 'Duration as REPORT tells it, by kind of start (AWS: Duration).',
        samples: () => this.#parts('start', 'durations'),
      },
      {
        name: 'hearth_lambda_start_latency_seconds',
        type: 'histogram',
        help: 'From the arrival of an invocation to its handler, over all functions.',
        samples: () => parts('', 'start', this.#latencies),
      },
      {
        name: 'hearth_lambda_concurrent_executions',
        type: 'gauge',
        help: 'Invocations in flight, those that wait for an environment included (AWS: ConcurrentExecutions).',
        samples: () => this.#each('concurrent'),
      },
      this.#counter(
        'provisioned_concurrency_invocations',
        'Invocations in provisioned environments (AWS: ProvisionedConcurrencyInvocations).',
        'provisioned',
      ),
      this.#counter(
        'provisioned_concurrency_spillover_invocations',
        'Invocations beyond provisioned concurrency (AWS: ProvisionedConcurrencySpilloverInvocations).',
        'spilled',
      ),
      this.#provisioning('concurrency_requested', 'Provisioned concurrency asked for.', (of) => of.requested),
      this.#provisioning(
        'concurrency_allocated',
        'Provisioned environments that there are, or are on their way.',
        (of) => of.allocated,
      ),
      this.#provisioning(
        'concurrency_available',
        'Provisioned environments that are initialized.',
        (of) => of.available,
      ),
      this.#provisioning(
        'concurrent_executions',
        'Provisioned environments at work (AWS: ProvisionedConcurrentExecutions).',
        (of) => of.busy,
      ),
      this.#provisioning(
        'concurrency_utilization_ratio',
        'Of the allocated provisioned environments, those at work, 0 to 1 (AWS: ProvisionedConcurrencyUtilization).',
        ({ busy, allocated }) => (allocated === 0 ? null : busy / allocated),
      ),
      this.#parted('environment_starts_total', 'Execution environments started, by why.', 'origin', 'starts'),
      {
        name: 'hearth_lambda_environments_ready_total',
        type: 'counter',
        help: 'Environments that became ready, initialized or with the init left to the first invocation.',
        samples: () => parts('', 'init', this.#ready),
      },
    ];
  }

  #of({ versionKey, account, region, functionName, version }: FunctionSpec): Counts {
    let counts = this.#versions.get(versionKey);
    if (counts === undefined) {
      if (this.#versions.size >= this.countMax) return this.#other;
      counts = countsOf(labels({ account, region, function: functionName, version }));
      this.#versions.set(versionKey, counts);
    }
    return counts;
  }

  *#all(): Iterable<Counts> {
    yield* this.#versions.values();
    if (this.#versions.size >= this.countMax) yield this.#other;
  }

  *#each(what: 'invocations' | 'errors' | 'refusals' | 'concurrent' | 'provisioned' | 'spilled'): Iterable<Sample> {
    for (const counts of this.#all()) yield { labels: counts.labels, value: counts[what] };
  }

  *#parts(label: string, what: 'throttles' | 'starts' | 'durations'): Iterable<Sample> {
    for (const counts of this.#all()) yield* parts(counts.labels, label, counts[what]);
  }

  #counter(
    name: string,
    help: string,
    what: 'invocations' | 'errors' | 'refusals' | 'provisioned' | 'spilled',
  ): Family {
    return { name: `hearth_lambda_${name}_total`, type: 'counter', help, samples: () => this.#each(what) };
  }

  #parted(name: string, help: string, label: string, what: 'throttles' | 'starts'): Family {
    return { name: `hearth_lambda_${name}`, type: 'counter', help, samples: () => this.#parts(label, what) };
  }

  /** `numberOf` null: there is no such number now. */
  #provisioning(name: string, help: string, numberOf: (of: Provisioned) => number | null): Family {
    const { provisioned } = this;
    function* samples(): Iterable<Sample> {
      for (const of of provisioned()) {
        const { account, region, functionName, version } = of.spec;
        const value = numberOf(of);
        if (value !== null) yield { labels: labels({ account, region, function: functionName, version }), value };
      }
    }
    return { name: `hearth_lambda_provisioned_${name}`, type: 'gauge', help, samples };
  }
}

function countsOf(given: string): Counts {
  const zero = { invocations: 0, errors: 0, refusals: 0, concurrent: 0, provisioned: 0, spilled: 0 };
  return { labels: given, ...zero, throttles: {}, starts: {}, durations: {} };
}

function timed(into: Partial<Record<StartKind, Histogram>>, kind: StartKind, ms: number): void {
  let histogram = into[kind];
  if (histogram === undefined) {
    histogram = new Histogram();
    into[kind] = histogram;
  }
  histogram.add(ms / 1_000);
}

function* parts(given: string, label: string, of: Readonly<Record<string, number | Histogram>>): Iterable<Sample> {
  for (const [name, value] of Object.entries(of)) {
    yield { labels: `${given}${given === '' ? '' : ','}${labels({ [label]: name })}`, value };
  }
}
