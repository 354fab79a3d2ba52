import type { SandboxId } from '../kernel/ids.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { StartOrigin } from '../wire/start.js';
import { LiveSandbox } from './livesandbox.js';
import type { Patrolled } from './patrol.js';
import { Standby, type StandbyItem } from './sandbox/standby.js';
import type { Surroundings } from './surroundings.js';

/** Clones that wait, over all functions of a worker: each holds what a sandbox holds. */
export const clonesMax = 2;

interface Clone extends StandbyItem {
  readonly sandbox: LiveSandbox;
  ended: Promise<unknown>;
  /** It is somebody's. */
  taken: boolean;
}

/**
 * Sandboxes of functions with snapshots that were started lately, restored ahead: their after-restore hooks have run,
 * their log has it, they wait frozen. A start that finds one only takes it.
 */
export class Clones {
  readonly #standby: Standby<FunctionSpec, Clone>;
  /** Also those that are being made or end. */
  readonly sandboxes = new Set<LiveSandbox>();

  /** `around`: the worker's, as for other sandboxes. `fits`: whether so much memory is free for one more. */
  constructor(
    private readonly around: Surroundings,
    private readonly fits: (memoryMib: number) => boolean,
    countMax: number,
  ) {
    const nowMs = () => around.clock.monotonicMs();
    this.#standby = new Standby({ make: (spec, number) => this.#make(spec, number), nowMs }, countMax);
  }

  /** What they count as. */
  get mib(): number {
    return this.#standby.held.reduce((sum, { wish }) => sum + this.#mibOf(wish), 0);
  }

  /** By function. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { wish, item } of this.#standby.held) {
      const name = `${wish.functionName}:${wish.version}`;
      if (item !== null) counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** Those that ended while they waited, since the start. */
  get lost(): number {
    return this.#standby.lost;
  }

  patrolled(): Iterable<Patrolled> {
    return this.#standby.patrolled();
  }

  /**
   * A start of this function, for one that waits where there is one: the caller's from now on, under this id. It is
   * ready; should it end, `gone` is called as for any other.
   */
  take(id: SandboxId, spec: FunctionSpec, origin: StartOrigin): LiveSandbox | null {
    if (spec.snapshot === null) return null;
    const key = JSON.stringify(spec);
    const over = this.#standby.used(key, spec);
    const clone = this.#standby.take(key);
    over();
    if (clone === null) return null;
    clone.taken = true;
    clone.sandbox.take(id, origin);
    this.sandboxes.delete(clone.sandbox);
    return clone.sandbox;
  }

  forget(snapshot: string): void {
    this.#standby.forget((spec) => spec.snapshot === snapshot);
  }

  drop(): boolean {
    return this.#standby.drop();
  }

  settled(): Promise<void> {
    return this.#standby.settled();
  }

  close(): Promise<void> {
    // Those that are being made need not come to their end first.
    for (const sandbox of this.sandboxes) sandbox.order('abort');
    return this.#standby.close();
  }

  #mibOf({ memoryMib }: FunctionSpec): number {
    return memoryMib + this.around.options.driver.boxOwnMib;
  }

  async #make(spec: FunctionSpec, number: number): Promise<Clone> {
    // It is counted already.
    if (!this.fits(0)) throw new Error('no memory for a clone');
    const { around } = this;
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    let rise = () => {};
    const ready = new Promise<void>((resolve) => {
      rise = resolve;
    });
    const sandbox: LiveSandbox = new LiveSandbox(`clone-${number}` as SandboxId, spec, {
      ...around,
      events: { ...around.events, onReady: () => rise() },
      gone: (_, problem) => {
        this.sandboxes.delete(sandbox);
        leave();
        if (clone.taken) around.gone(sandbox, problem);
      },
    });
    this.sandboxes.add(sandbox);
    const dispose = () => {
      sandbox.order('abort');
      return left;
    };
    const clone: Clone = {
      sandbox,
      taken: false,
      ended: left,
      get doomed() {
        return sandbox.doomed;
      },
      dispose,
    };
    sandbox.order('start');
    await Promise.race([ready, left]);
    // One whose hooks failed has no box any more: the next start finds out by itself.
    const link = sandbox.link?.alive ? sandbox.link : null;
    if (link === null || (around.options.driver.rehearses && !(await link.rehearse()))) {
      await dispose();
      throw new Error('not restored');
    }
    link.freeze();
    clone.ended = Promise.race([left, link.box.exited]);
    return clone;
  }
}
