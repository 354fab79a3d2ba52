import { recordName, type SnapshotRecord } from '../../../snapshot/record.js';
import type { LoadedSnapshot } from '../../../snapshot/store.js';
import type { MachineShape } from '../../../vmm/vmm.js';
import { Standby } from '../standby.js';
import type { PreparedRunning, RestoreContents, Running } from './running.js';

/** Machines that wait, over all snapshots of a worker. Each is a process of `preparedMib`. */
export const preparedMax = 2;
/** What a worker counts one as: the monitor has 13 MiB of its own, its jail and network some 5. */
const preparedMib = 24;

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

/**
 * Starts machines from snapshots, and keeps monitors ready for those that were started from lately: starting one takes
 * longer than loading device state into it.
 */
export class PreparedMachines {
  readonly #standby: Standby<Preparation, PreparedRunning>;
  #closed = false;

  /** `countMax` 0: none waits. */
  constructor(
    private readonly world: Preparing,
    countMax = preparedMax,
  ) {
    this.#standby = new Standby(
      {
        // No box is called so.
        make: async ({ load }, number) => world.prepare(`prepared.${number}`, await load()),
        nowMs: () => world.nowMs(),
      },
      countMax,
    );
  }

  /** Waiting, being made and going: at most `countMax`. */
  get count(): number {
    return this.#standby.count;
  }

  /** What they count as, but for those that go. */
  get mib(): number {
    return this.#standby.held.length * preparedMib;
  }

  /** A machine restored from the snapshot; from one that waits where there is one. Rejects with what `load` rejects with, too. */
  async start(boxId: string, preparation: Preparation): Promise<Running> {
    if (this.#closed) return this.#start(boxId, preparation, null);
    const key = keyOf(preparation);
    const over = this.#standby.used(key, preparation);
    try {
      return await this.#start(boxId, preparation, this.#standby.take(key));
    } finally {
      over();
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
    this.#standby.forget(({ record }) => recordName(record.account, record.layer, record.id) === name);
  }

  /** Memory is short: one goes, and none is made before one is used again. False: there is none. */
  drop(): boolean {
    return this.#standby.drop();
  }

  /** Resolves when nothing of them is left. Starts go on, from nothing. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#standby.close();
  }
}

/** Machines of one key are all alike. */
function keyOf({ record, tenant, runtimeImageId }: Preparation): string {
  const { account, layer, id, memory, state } = record;
  return JSON.stringify([recordName(account, layer, id), memory, state, tenant, runtimeImageId]);
}
