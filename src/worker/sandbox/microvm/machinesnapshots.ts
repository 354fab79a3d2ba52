import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Clock } from '../../../kernel/ports/clock.js';
import { functionBasis } from '../../../snapshot/key.js';
import { isSnapshotId, type SnapshotRecord } from '../../../snapshot/record.js';
import type { SnapshotStore } from '../../../snapshot/store.js';
import { type Box, type BoxBinding, DriverError, type FunctionSnapshots, type SnapshotSizes } from '../driver.js';
import { captureRunning } from './capture.js';
import { MachineWorkshop } from './layerworkshop.js';
import { type Attached, MicroVmBox } from './microvmbox.js';
import type { Preparation, PreparedMachines } from './preparedmachines.js';
import { type MachinePlace, type MachineRuntime, type Running, renew } from './running.js';
import { DriveScratch } from './scratch.js';
import { shapeOf } from './shape.js';
import type { TierWatch, WatchedStart } from './tierwatch.js';

export interface SnapshotsWorld {
  readonly store: SnapshotStore;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly place: () => Promise<MachinePlace>;
  readonly prepared: () => Promise<PreparedMachines>;
  readonly tiers: () => Promise<TierWatch>;
  /** Machines that wait for this snapshot are ended. */
  readonly unprepare: (record: SnapshotRecord) => void;
  /** Whether this is the image that the runtime starts with now. */
  readonly current: (runtime: MachineRuntime) => boolean;
  /** Makes a box of a machine that runs. */
  readonly box: (id: string, running: Running, attached: Attached) => MicroVmBox;
  /** Takes the id of a box; the returned function gives it back. */
  readonly reserve: (boxId: string) => () => void;
}

/** Function layers: virtual machines saved after their function's init. */
export class MachineSnapshots implements FunctionSnapshots {
  /** By id, which is unique over all accounts. */
  readonly #records = new Map<string, SnapshotRecord>();

  constructor(private readonly world: SnapshotsWorld) {}

  /** Finds what earlier runs stored. */
  async recover(): Promise<void> {
    for (const record of await this.world.store.all())
      if (record.layer === 'function') this.#records.set(record.id, record);
  }

  async capture(box: Box, id: string, account: string): Promise<SnapshotSizes> {
    if (!isSnapshotId(id)) throw new DriverError(`not an id of a snapshot: ${id}`);
    if (!(box instanceof MicroVmBox) || box.attached === null) throw new DriverError('the box is bound to no function');
    const { running, attached } = box;
    const { code, layers, scratch } = attached;
    if (attached.account !== account) throw new DriverError('the code is kept for another account than the snapshot');
    const captured = await captureRunning(running, scratch.path);
    try {
      const identity = {
        layer: 'function' as const,
        id,
        basis: await this.#basis(running.shape.memoryMib, running.runtime),
        account,
        memoryMib: running.shape.memoryMib,
        runtime: running.runtime,
        code: code.name,
        layers: layers?.name ?? null,
        createdMs: this.world.clock.nowMs(),
      };
      const record = await this.world.store.save(identity, captured, running.from);
      const before = this.#records.get(id);
      if (before !== undefined) this.world.unprepare(before);
      this.#records.set(id, record);
      return record.sizes;
    } catch (error) {
      throw new DriverError(`the snapshot could not be stored: ${(error as Error).message}`);
    } finally {
      // Whoever has the box decides whether it goes on; it can.
      await running.machine
        .resume()
        .then(() => renew(running.link, box.id, true))
        .catch(() => {});
    }
  }

  async has(id: string): Promise<boolean> {
    const record = this.#records.get(id);
    return record !== undefined && (await this.fits(record));
  }

  /** Whether a function's layer can be restored by this image, monitor and runtime. */
  async fits({ basis, memoryMib, runtime }: SnapshotRecord): Promise<boolean> {
    if (runtime !== null && (!existsSync(runtime.path) || !this.world.current(runtime))) return false;
    return basis === (await this.#basis(memoryMib, runtime));
  }

  async restore(request: { readonly boxId: string; readonly id: string; readonly binding: BoxBinding }): Promise<Box> {
    const { boxId, id, binding } = request;
    const record = this.#records.get(id);
    if (record === undefined) throw new DriverError(`there is no snapshot ${id}`);
    const { scratch, memoryMib } = binding;
    if (!(scratch instanceof DriveScratch)) throw new DriverError('the scratch space is of another driver');
    const release = this.world.reserve(boxId);
    let start: WatchedStart | null = null;
    try {
      const prepared = await this.world.prepared();
      const watched = (await this.world.tiers()).watch();
      start = watched;
      const running = await prepared.start(boxId, this.#preparation(record));
      const { code, layers } = running.mounted;
      scratch.path = running.drives.scratchPath;
      const box = this.world.box(boxId, running, {
        ...{ code: code!, layers, scratch, memoryMib },
        account: record.account,
      });
      box.tierBytes = () => watched.tell();
      void box.exited.then(watched.end);
      return box;
    } catch (error) {
      start?.end();
      release();
      throw error instanceof DriverError ? error : new DriverError((error as Error).message);
    }
  }

  #preparation(record: SnapshotRecord): Preparation {
    const load = async () => {
      const { store } = this.world;
      const [place, snapshot, code, layers] = await Promise.all([
        this.world.place(),
        store.load(record),
        record.code === null ? null : store.file(record.account, record.code),
        record.layers === null ? null : store.file(record.account, record.layers),
      ]);
      const contents = {
        ...{ runtime: record.runtime, code, layers, tenant: record.account },
        scratch: async (path: string) => {
          if (record.scratch !== null) await this.#bringScratch(record, path);
        },
      };
      return { shape: shapeOf(record.memoryMib, place.image.rootBytes), snapshot, contents };
    };
    return { record, tenant: record.account, runtimeImageId: record.runtime?.imageId ?? null, load };
  }

  /** It cannot be restored any more: to whoever asks, it is gone. */
  forget(id: string): void {
    const record = this.#records.get(id);
    this.#records.delete(id);
    if (record !== undefined) this.world.unprepare(record);
  }

  async drop(id: string): Promise<void> {
    const record = this.#records.get(id);
    this.forget(id);
    if (record !== undefined) await this.world.store.remove(record);
  }

  /** `/tmp` is as it was when the snapshot was taken, as on Lambda. */
  async #bringScratch(record: SnapshotRecord, path: string): Promise<void> {
    const file = await open(path, 'r+');
    try {
      await this.world.store.readInto(record.account, record.scratch!, async (offset, bytes) => {
        await file.write(bytes, 0, bytes.length, offset);
      });
    } finally {
      await file.close();
    }
  }

  async #basis(memoryMib: number, runtime: MachineRuntime | null): Promise<string> {
    const { key } = MachineWorkshop.osWish(await this.world.place(), memoryMib);
    return functionBasis(key, runtime?.imageId ?? null);
  }
}
