import type { ConfigService } from '../config/service.js';
import type { Clock } from '../kernel/ports/clock.js';
import { hourMs, minuteMs } from '../kernel/units.js';
import { lineageKey } from '../snapshot/lineages.js';
import { codeOwner, layersOwner } from '../worker/sandbox/microvm/microvmbox.js';
import type { SnapshotParts } from './isolation.js';

/** What is left of deleted functions goes within this time; its chunks, which cost more, after days. */
const everyMs = hourMs;
/** The first time after a start: when what starts first has started. */
const firstMs = minuteMs;

/**
 * Removes the snapshots and images of functions and versions that are no more: those whose removal failed or was cut
 * short, and those that were deleted while sandboxes were of another kind. Their chunks are collected when their
 * manifests are gone.
 */
export class SnapshotUpkeep {
  readonly #parts: SnapshotParts;
  readonly #config: Pick<ConfigService, 'snapshotNeeds'>;
  readonly #clock: Clock;
  readonly #onProblem: (error: unknown) => void;
  #cancel = () => {};
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: {
    readonly parts: SnapshotParts;
    readonly config: Pick<ConfigService, 'snapshotNeeds'>;
    readonly clock: Clock;
    readonly onProblem: (error: unknown) => void;
  }) {
    this.#parts = options.parts;
    this.#config = options.config;
    this.#clock = options.clock;
    this.#onProblem = options.onProblem;
  }

  start(): void {
    this.#after(firstMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
  }

  /** One object at a time. Rejects as the store does; what is left then, the next time finds. */
  async run(): Promise<void> {
    const { store, machines, images } = this.#parts;
    // Snapshots first: they need their images.
    for (const record of await store.all()) {
      if (record.layer !== 'function' || this.#config.snapshotNeeds().snapshots.has(record.id)) continue;
      await machines.drop(record.id);
      const left = await store.find(record.account, record.layer, record.id);
      if (left !== null) await store.remove(left);
    }
    await images.keepOnly((key) => this.#wantedImages().has(key));
  }

  #wantedImages(): ReadonlySet<string> {
    // Undefined: what belongs to no function.
    const owners = [undefined, ...this.#config.snapshotNeeds().functions];
    return new Set(owners.flatMap((owner) => [codeOwner(owner), layersOwner(owner)]).map(lineageKey));
  }

  #after(ms: number): void {
    if (this.#closed) return;
    this.#cancel = this.#clock.after(ms, () => {
      this.#running = this.run()
        .catch(this.#onProblem)
        .then(() => this.#after(everyMs));
    });
  }
}
