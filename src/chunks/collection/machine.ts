import { minuteMs } from '../../kernel/units.js';
import type {
  CollectionEffect,
  CollectionInput,
  CollectionLimits,
  CollectionReport,
  CollectionState,
  Root,
} from './messages.js';

type Observed = Extract<CollectionInput, { kind: 'observed' }>;

/** Where a round is. `deciding`: the next thing to do follows from state and lists alone. */
type Phase =
  | 'resting'
  | 'observing'
  | 'deciding'
  | 'comparing'
  | 'announcing'
  | 'rechecking'
  | 'deleting'
  | 'ending'
  | 'tidying';

/** A store that failed is tried again after this: a sweep that was announced holds writers up until it ends. */
const retryMs = minuteMs;
/** A comparison reads everything: what it finds is enough for so many lists. */
const listsPerComparison = 32;

const nothing: readonly CollectionEffect[] = [];

/**
 * Decides what a collection of chunks does next; one effect at a time, each of them one step that a crash may follow.
 *
 * Everything it knows lies in the store, in the order of a round:
 * 1. a sweep that was cut short is finished; roots that were expired are removed;
 * 2. an active root that is old enough gets a successor;
 * 3. every manifest that exists is kept by the active root, and what is not active is retired;
 * 4. a root that was retired long enough ago expires: first the state says so, then it is read again, and what came late
 *    to it is taken over, then it is removed;
 * 5. chunks that no root protects are written down as a sweep's list, the state announces the sweep, the roots are read
 *    again, and only what is still unprotected is deleted. Then the next list, until there is nothing.
 *
 * Why nobody loses a chunk, whatever runs meanwhile: a writer first marks the names it relies on in a live root, then
 * reads the state (`writing.ts`). Either it reads the announcement, and waits for those chunks of the list, or it read
 * before it was made, and then the mark is older than the second look at the roots. The same holds between a writer and
 * `expired`. After a crash, step 1 repeats what was under way from its second look on.
 */
export class CollectionMachine {
  readonly #limits: CollectionLimits;
  #phase: Phase = 'resting';
  #state: CollectionState = { roots: [], sweep: null, nextSweep: 1 };
  #kept = new Map<number, Set<string>>();
  #manifests: readonly string[] = [];
  /** Generation whose late manifests have been looked for since it expired. */
  #lookedAgain = new Set<number>();
  /** Known to be durable when the effect under way is. */
  #whenDone: () => void = () => {};
  /** Found dead by the last comparison, and not on a list yet: each list is looked at again before it counts. */
  #candidates: string[] = [];
  #dead: string[] = [];
  #opened = 0;
  #expired = 0;
  #deleted = 0;

  constructor(limits: CollectionLimits) {
    this.#limits = limits;
  }

  step(input: CollectionInput): readonly CollectionEffect[] {
    if (input.kind === 'begin') return this.#phase === 'resting' ? [this.#observe(true)] : nothing;
    if (this.#phase === 'resting') return nothing;
    if (input.kind === 'failed') return [this.#rest(input.nowMs, input.reason)];
    if (input.kind === 'observed') return [this.#observed(input)];
    if (input.kind === 'compared') return [this.#compared(input.dead)];
    this.#whenDone();
    this.#whenDone = () => {};
    return [this.#next(input.nowMs)];
  }

  #observe(begins: boolean): CollectionEffect {
    if (begins) {
      this.#opened = 0;
      this.#expired = 0;
      this.#deleted = 0;
      this.#lookedAgain = new Set();
      this.#candidates = [];
    }
    this.#phase = 'observing';
    return { kind: 'observe' };
  }

  #observed({ state, kept, manifests, nowMs }: Observed): CollectionEffect {
    this.#state = state;
    this.#kept = new Map([...kept].map(([generation, names]) => [generation, new Set(names)]));
    this.#manifests = manifests;
    // What was observed just now was observed after these had expired.
    for (const root of state.roots) if (root.expired) this.#lookedAgain.add(root.generation);
    this.#phase = 'deciding';
    return this.#next(nowMs);
  }

  #next(nowMs: number): CollectionEffect {
    switch (this.#phase) {
      case 'announcing':
        // Its list is durable; now the state names it.
        this.#phase = 'rechecking';
        return this.#write({ ...this.#state, sweep: this.#state.nextSweep, nextSweep: this.#state.nextSweep + 1 });
      case 'rechecking':
        return { kind: 'compare', sweep: this.#state.sweep, namesMax: this.#limits.sweepNamesMax };
      case 'deleting':
        return this.#delete();
      case 'ending':
        return this.#endSweep();
      case 'tidying':
        return this.#rest(nowMs, null);
      default:
        return this.#decide(nowMs);
    }
  }

  /** The first thing of a round that is not done yet. */
  #decide(nowMs: number): CollectionEffect {
    const { roots, sweep } = this.#state;
    if (sweep !== null) {
      this.#phase = 'rechecking';
      return this.#next(nowMs);
    }
    const active = activeOf(roots);
    if (active === null || nowMs - active.openedMs >= this.#limits.rotateMs) return this.#open(nowMs);
    const late = roots.find((root) => root.expired && !this.#lookedAgain.has(root.generation));
    if (late !== undefined) return this.#observe(false);
    const unkept = this.#manifests.find((manifest) => !this.#kept.get(active.generation)?.has(manifest));
    if (unkept !== undefined) return this.#keep(unkept, active.generation);
    const gone = roots.find((root) => root.expired);
    if (gone !== undefined) return this.#remove(gone);
    const unretired = roots.find((root) => root !== active && root.retiredMs === null);
    if (unretired !== undefined) return this.#change(unretired, { retiredMs: nowMs });
    const old = roots.find(({ retiredMs }) => retiredMs !== null && nowMs - retiredMs >= this.#limits.graceMs);
    if (old !== undefined) {
      this.#expired += 1;
      return this.#change(old, { expired: true });
    }
    if (this.#candidates.length > 0) return this.#announce();
    this.#phase = 'comparing';
    return { kind: 'compare', sweep: null, namesMax: this.#limits.sweepNamesMax * listsPerComparison };
  }

  #open(nowMs: number): CollectionEffect {
    const generation = 1 + Math.max(0, ...this.#state.roots.map((root) => root.generation));
    this.#opened += 1;
    const root: Root = { generation, openedMs: nowMs, retiredMs: null, expired: false };
    return this.#write({ ...this.#state, roots: [...this.#state.roots, root] });
  }

  #keep(manifest: string, to: number): CollectionEffect {
    const from = [...this.#kept].find(([, names]) => names.has(manifest))?.[0] ?? null;
    this.#whenDone = () => {
      const names = this.#kept.get(to) ?? new Set();
      this.#kept.set(to, names.add(manifest));
    };
    return { kind: 'keep', manifest, from, to };
  }

  /** Its objects first, its place in the state last: as long as that says `expired`, the removal is repeated. */
  #remove(root: Root): CollectionEffect {
    if (this.#kept.has(root.generation)) {
      this.#whenDone = () => this.#kept.delete(root.generation);
      return { kind: 'remove-root', generation: root.generation };
    }
    return this.#write({ ...this.#state, roots: this.#state.roots.filter((one) => one !== root) });
  }

  #change(root: Root, change: Partial<Root>): CollectionEffect {
    const roots = this.#state.roots.map((one) => (one === root ? { ...one, ...change } : one));
    return this.#write({ ...this.#state, roots });
  }

  #write(state: CollectionState): CollectionEffect {
    this.#whenDone = () => {
      this.#state = state;
    };
    return { kind: 'write-state', state };
  }

  #compared(dead: readonly string[]): CollectionEffect {
    if (this.#phase === 'rechecking') {
      this.#dead = [...dead];
      this.#phase = 'deleting';
      return this.#delete();
    }
    if (dead.length === 0) {
      this.#phase = 'tidying';
      return { kind: 'tidy' };
    }
    this.#candidates = [...dead];
    return this.#announce();
  }

  #announce(): CollectionEffect {
    const names = this.#candidates.splice(0, this.#limits.sweepNamesMax);
    this.#phase = 'announcing';
    return { kind: 'write-sweep', sweep: this.#state.nextSweep, names };
  }

  #delete(): CollectionEffect {
    const name = this.#dead.pop();
    if (name !== undefined) {
      this.#deleted += 1;
      return { kind: 'delete', name };
    }
    this.#phase = 'ending';
    return { kind: 'remove-sweep', sweep: this.#state.sweep! };
  }

  /** The list is gone, so a crash between the two leaves an announced sweep of nothing. */
  #endSweep(): CollectionEffect {
    this.#phase = 'deciding';
    return this.#write({ ...this.#state, sweep: null });
  }

  #rest(nowMs: number, failure: string | null): CollectionEffect {
    this.#phase = 'resting';
    this.#whenDone = () => {};
    const { rotateMs, graceMs } = this.#limits;
    const dues = this.#state.roots.flatMap(({ openedMs, retiredMs, expired }) => {
      if (expired) return [nowMs];
      return retiredMs === null ? [openedMs + rotateMs] : [retiredMs + graceMs];
    });
    // Where something is due already: not at once again.
    const soonestMs = nowMs + Math.min(rotateMs, graceMs) / 16;
    const report: CollectionReport = {
      opened: this.#opened,
      expired: this.#expired,
      deleted: this.#deleted,
      failure,
    };
    const untilMs = Math.max(soonestMs, Math.min(nowMs + rotateMs, ...dues));
    return { kind: 'rest', untilMs: failure === null ? untilMs : nowMs + retryMs, report };
  }
}

/** The root where new manifests are kept, or null: none was ever opened. */
export function activeOf(roots: readonly Root[]): Root | null {
  return roots.reduce<Root | null>(
    (best, root) => (best === null || root.generation > best.generation ? root : best),
    null,
  );
}
