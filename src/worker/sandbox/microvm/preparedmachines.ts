import { secondMs } from '../../../kernel/units.js';
import { recordName, type SnapshotRecord } from '../../../snapshot/record.js';
import type { LoadedSnapshot } from '../../../snapshot/store.js';
import type { MachineShape } from '../../../vmm/vmm.js';
import { PreparationPlan } from './preparationplan.js';
import type { PreparedRunning, RestoreContents, Running } from './running.js';

/** Machines that wait, over all snapshots of a worker. Each is a process of `preparedMib`. */
export const preparedMax = 2;
/** What a worker counts one as: the monitor has 13 MiB of its own, its jail and network some 5. */
const preparedMib = 24;
/**
 * A machine that has just been started has the processor first, until its first reply: emulated, and on a busy machine,
 * its hooks and handler need most of a second.
 */
const restMs = 2 * secondMs;

/** How machines of one snapshot are made ready, always the same way. */
export interface Preparation {
  readonly record: SnapshotRecord;
  readonly tenant: string;
  readonly runtimeImageId: string | null;
  readonly load: () => Promise<PreparationParts>;
}

export interface PreparationParts {
  readonly shape: MachineShape;
  readonly snapshot: LoadedSnapshot;
  readonly contents: RestoreContents;
}

/** The two halves of a restore. Both reject with DriverError, and leave nothing then. */
export interface Preparing {
  prepare(id: string, parts: PreparationParts): Promise<PreparedRunning>;
  start(boxId: string, prepared: PreparedRunning): Promise<Running>;
  /** Monotonic. */
  nowMs(): number;
}

/** A machine that waits or is being made. */
interface Held {
  readonly key: string;
  readonly record: SnapshotRecord;
  machine: PreparedRunning | null;
  /** Starts there had been when it was made. */
  readonly starts: number;
  /** Goes as soon as it can. */
  dropped: boolean;
}

/**
 * Starts machines from snapshots, and keeps monitors ready for those that were started from lately: starting one takes
 * longer than loading device state into it. Made one at a time, when nothing has been started for a while.
 */
export class PreparedMachines {
  readonly #plan: PreparationPlan;
  /** By key, of what the plan wants. */
  readonly #preparations = new Map<string, Preparation>();
  #held: Held[] = [];
  #timer: NodeJS.Timeout | null = null;
  #making: Promise<void> | null = null;
  readonly #going = new Set<Promise<void>>();
  #made = 0;
  #starts = 0;
  /** Starts under way; whichever ends last wakes us. */
  #starting = 0;
  #restedMs = 0;
  #closed = false;

  /** `countMax` 0: none waits. */
  constructor(
    private readonly world: Preparing,
    countMax = preparedMax,
  ) {
    this.#plan = new PreparationPlan(countMax);
  }

  /** Waiting, being made and going: at most `countMax`. */
  get count(): number {
    return this.#held.length;
  }

  /** What they count as, but for those that go. */
  get mib(): number {
    return this.#held.filter(({ dropped }) => !dropped).length * preparedMib;
  }

  /** A machine restored from the snapshot; from one that waits where there is one. Rejects with what `load` rejects with, too. */
  async start(boxId: string, preparation: Preparation): Promise<Running> {
    const key = keyOf(preparation);
    if (this.#closed) return this.#start(boxId, preparation, null);
    this.#starts += 1;
    this.#starting += 1;
    this.#plan.used(key, this.world.nowMs());
    this.#preparations.set(key, preparation);
    try {
      return await this.#start(boxId, preparation, this.#take(key));
    } finally {
      this.#starting -= 1;
      this.#restedMs = this.world.nowMs() + restMs;
      this.#wake();
    }
  }

  async #start(boxId: string, preparation: Preparation, waiting: PreparedRunning | null): Promise<Running> {
    if (waiting !== null) {
      const running = await this.world.start(boxId, waiting).catch(() => null);
      // It may have been killed while it waited: that says nothing about the snapshot.
      if (running !== null) return running;
    }
    return this.world.start(boxId, await this.world.prepare(boxId, await preparation.load()));
  }

  /** The snapshot is gone, replaced or damaged. */
  forget({ account, layer, id }: Pick<SnapshotRecord, 'account' | 'layer' | 'id'>): void {
    const name = recordName(account, layer, id);
    const is = (record: SnapshotRecord) => recordName(record.account, record.layer, record.id) === name;
    for (const [key, { record }] of this.#preparations) if (is(record)) this.#forgetKey(key);
    for (const held of this.#held) if (is(held.record)) this.#drop(held);
  }

  /** Memory is short: one goes, and none is made before one is used again. False: there is none. */
  drop(): boolean {
    const staying = this.#held.filter(({ dropped }) => !dropped);
    const last = staying.pop();
    if (last === undefined) return false;
    this.#plan.shrink(staying.length);
    void this.#drop(last);
    return true;
  }

  /** Resolves when nothing of them is left. Starts go on, from nothing. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const held of [...this.#held]) this.#drop(held);
    await this.#making;
    await Promise.all(this.#going);
  }

  #take(key: string): PreparedRunning | null {
    const held = this.#held.find((one) => one.key === key && one.machine !== null && !one.dropped);
    if (held === undefined) return null;
    this.#held = this.#held.filter((one) => one !== held);
    return held.machine;
  }

  #wake(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#closed) return;
    const now = this.world.nowMs();
    // Filled: until what is there is wanted no more.
    const atMs = this.#restedMs > now ? this.#restedMs : this.#plan.expiresMs;
    if (atMs === null) return;
    this.#timer = setTimeout(() => this.#work(), Math.max(1, atMs - now));
    this.#timer.unref();
  }

  #work(): void {
    this.#timer = null;
    if (this.#closed || this.#making !== null || this.#starting > 0) return;
    const keys = this.#held.map(({ key }) => key);
    const { drop, prepare } = this.#plan.next(keys, this.world.nowMs());
    const going = drop.map((index) => this.#held[index]!).map((held) => this.#drop(held));
    for (const key of this.#preparations.keys()) if (!this.#plan.wants(key)) this.#preparations.delete(key);
    const preparation = prepare === null ? undefined : this.#preparations.get(prepare);
    if (preparation !== undefined) this.#making = this.#make(prepare!, preparation);
    else if (going.length === 0) this.#wake();
  }

  async #make(key: string, preparation: Preparation): Promise<void> {
    const held: Held = { key, record: preparation.record, starts: this.#starts, machine: null, dropped: false };
    this.#held.push(held);
    try {
      this.#made += 1;
      // No box is called so.
      const machine = await this.world.prepare(`prepared.${this.#made}`, await preparation.load());
      held.machine = machine;
      void machine.ended.then(() => this.#lose(held));
      if (held.dropped) await this.#dispose(held);
    } catch {
      // The next start from this snapshot says why, and makes it wanted again: one that came meanwhile already has.
      if (held.starts === this.#starts) this.#forgetKey(key);
      this.#held = this.#held.filter((one) => one !== held);
    }
    this.#done();
  }

  #done(): void {
    this.#making = null;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#closed || this.#making !== null) return;
    if (this.#restedMs > this.world.nowMs()) this.#wake();
    else this.#work();
  }

  #forgetKey(key: string): void {
    this.#plan.forget(key);
    this.#preparations.delete(key);
  }

  /** Its monitor ended by itself: it is not made again and again while nobody needs it. */
  #lose(held: Held): void {
    if (held.dropped || !this.#held.includes(held)) return;
    if (held.starts === this.#starts) this.#forgetKey(held.key);
    void this.#drop(held);
  }

  /** Does nothing for one that was taken. Resolves when nothing of it is left; one being made goes when it is made. */
  #drop(held: Held): Promise<void> {
    if (held.dropped || !this.#held.includes(held)) return Promise.resolve();
    held.dropped = true;
    return held.machine === null ? Promise.resolve() : this.#dispose(held);
  }

  #dispose(held: Held): Promise<void> {
    const going = held
      .machine!.dispose()
      .catch(() => {}) // The monitor's janitor tries again.
      .finally(() => {
        this.#held = this.#held.filter((one) => one !== held);
        this.#going.delete(going);
        this.#goOn(); // There is room for another.
      });
    this.#going.add(going);
    return going;
  }
}

/** Machines of one key are all alike. */
function keyOf({ record, tenant, runtimeImageId }: Preparation): string {
  const { account, layer, id, memory, state } = record;
  return JSON.stringify([recordName(account, layer, id), memory, state, tenant, runtimeImageId]);
}
