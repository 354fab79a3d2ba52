import { mkdirSync, rmSync } from 'node:fs';
import { platformScope } from '../../../chunks/keyring.js';
import type { GuestImage, RuntimeImage } from '../../../image/image.js';
import { assert } from '../../../kernel/assert.js';
import type { Clock } from '../../../kernel/ports/clock.js';
import type { CodeImages } from '../../../snapshot/codeimages.js';
import type { LayerWish } from '../../../snapshot/layers/messages.js';
import { LayerService } from '../../../snapshot/layers/service.js';
import type { SnapshotRecord } from '../../../snapshot/record.js';
import type { SnapshotStore } from '../../../snapshot/store.js';
import type { SparseFs } from '../../../sparsefs/sparsefs.js';
import type { Vmm } from '../../../vmm/vmm.js';
import {
  type Box,
  DriverError,
  type Protection,
  type RuntimeLaunch,
  type SandboxDriver,
  type Scratch,
} from '../driver.js';
import { Drives } from './drives.js';
import { endRunning, MachineWorkshop } from './layerworkshop.js';
import { MachineSnapshots } from './machinesnapshots.js';
import { MemoryImages } from './memoryimages.js';
import { MicroVmBox } from './microvmbox.js';
import { PreparedMachines, preparedMax } from './preparedmachines.js';
import {
  alive,
  type MachinePlace,
  type MachineRuntime,
  prepareMachine,
  type Running,
  restoreMachine,
  startPrepared,
} from './running.js';
import { Scratches } from './scratch.js';
import { boxOwnMib, memoryClassesMib, memoryClassOf, shapeOf, spareMemoryMibMax } from './shape.js';
import { TierWatch } from './tierwatch.js';

/** Boxes of one driver alive at once: the monitor's 512 machines (user ids, memory) but for those that are prepared. */
const boxesMax = 512 - preparedMax;

export interface MicroVmOptions {
  readonly vmm: Vmm;
  readonly image: GuestImage;
  /** The image with a runtime's files. */
  readonly runtimeImage: (launch: RuntimeLaunch) => Promise<RuntimeImage>;
  readonly store: SnapshotStore;
  readonly images: CodeImages;
  /** Starts the sparse file system; called again when its process has ended. */
  readonly openFs: () => Promise<SparseFs>;
  /** Folder on a real disk for scratch drives; the driver's own. */
  readonly folder: string;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  /** Says what takes seconds. */
  readonly progress: (text: string) => void;
  /** False only to show what clones share without entropy, clock and host name of their own. Default true. */
  readonly renews?: boolean;
}

/** One life of the sparse file system. */
interface Age {
  readonly fs: SparseFs;
  readonly place: MachinePlace;
  readonly prepared: PreparedMachines;
  readonly tiers: TierWatch;
}

/** Sandboxes that are virtual machines, started from snapshots whose bytes arrive on demand. Grade `microvm`. */
export class MicroVmDriver implements SandboxDriver {
  readonly grade = 'microvm';
  readonly spareMemoryMibMax = spareMemoryMibMax;
  readonly sparesPerAccount = true;
  readonly rehearses: boolean;
  readonly boxOwnMib = boxOwnMib;
  readonly snapshots: MachineSnapshots;
  readonly #boxes = new Map<string, MicroVmBox | null>();
  readonly #scratches: Scratches;
  readonly #workshop: MachineWorkshop;
  readonly #layers: LayerService;
  /** Images of runtimes as they were last started. */
  readonly #runtimes = new Map<string, MachineRuntime>();
  #age: Promise<Age> | null = null;
  /** Of the age that began last. */
  #prepared: PreparedMachines | null = null;
  #ages = 0;
  #closing: Promise<void> | null = null;

  private constructor(private readonly options: MicroVmOptions) {
    const { store, clock, progress } = options;
    this.rehearses = options.vmm.accelerator === 'tcg';
    this.#scratches = new Scratches(options.folder);
    this.#workshop = new MachineWorkshop({
      store,
      place: () => this.#place(),
      osLayer: async (mib) => store.load(await this.#layers.take(await this.#osWish(mib))),
      osBroken: async (mib) => this.#layers.broken(await this.#osWish(mib)),
      nowMs: () => clock.nowMs(),
      progress,
    });
    this.#layers = new LayerService(this.#workshop, clock);
    this.snapshots = new MachineSnapshots({
      store,
      clock,
      place: () => this.#place(),
      prepared: async () => (await this.#current()).prepared,
      tiers: async () => (await this.#current()).tiers,
      unprepare: (record) => this.#unprepare(record),
      current: (runtime) => (this.#runtimes.get(runtime.name)?.imageId ?? runtime.imageId) === runtime.imageId,
      box: (id, running, attached) => this.#box(id, running, attached),
      reserve: (id) => this.#reserve(id),
    });
  }

  /** Rejects with DriverError, which says what this machine lacks. */
  static async open(options: MicroVmOptions): Promise<MicroVmDriver> {
    // What a platform before left when it was killed is nobody's.
    rmSync(options.folder, { recursive: true, force: true });
    mkdirSync(options.folder, { recursive: true, mode: 0o711 });
    const driver = new MicroVmDriver(options);
    await driver.#place();
    await (await driver.createScratch(512)).dispose();
    await driver.snapshots.recover();
    return driver;
  }

  protections(): readonly Protection[] {
    return this.options.vmm.protections();
  }

  async boot(request: {
    readonly boxId: string;
    readonly runtime: RuntimeLaunch;
    readonly memoryMib?: number;
    readonly account?: string;
  }): Promise<Box> {
    const { boxId, runtime, memoryMib, account = platformScope } = request;
    const release = this.#reserve(boxId);
    try {
      const memoryClassMib = memoryMib === undefined ? memoryClassesMib[0] : memoryClassOf(memoryMib);
      const image = runtime.mounts.length === 0 ? null : await this.#runtime(runtime);
      // A spare is nobody's hurry.
      const urgent = memoryMib !== undefined;
      const running = await this.#start(boxId, memoryClassMib, runtime, image, account, urgent);
      try {
        // A runtime that starts later finds its files; one of a layer has them.
        if (runtime.command === null && image !== null) {
          await alive(running.machine, running.link.attach({ runtime: true }));
        }
        return this.#box(boxId, running, null);
      } catch (error) {
        await endRunning(running);
        throw error;
      }
    } catch (error) {
      release();
      throw error instanceof DriverError ? error : new DriverError((error as Error).message);
    }
  }

  /** Has the layer that functions of this runtime start from: made first where it is missing, which takes seconds. */
  async prepare(launch: RuntimeLaunch): Promise<void> {
    const image = launch.mounts.length === 0 ? null : await this.#runtime(launch);
    await this.#layers.take(this.#wish(await this.#place(), memoryClassesMib[0], launch, image));
  }

  get waiting(): { readonly mib: number; drop(): boolean } {
    const prepared = this.#prepared;
    return { mib: prepared?.mib ?? 0, drop: () => prepared?.drop() ?? false };
  }

  createScratch(mib: number): Promise<Scratch> {
    if (this.#closing !== null) return Promise.reject(new DriverError('the driver is closed'));
    return this.#scratches.create(mib);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#age?.catch(() => null);
    await Promise.allSettled([this.#prepared?.close(), ...[...this.#boxes.values()].map((box) => box?.kill())]);
    await this.options.vmm.close();
    await this.#layers.settled();
    await this.#scratches.close();
    const age = await this.#age?.catch(() => null);
    await age?.fs.close();
  }

  #reserve(boxId: string): () => void {
    assert(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(boxId), `a box id names files: ${boxId}`);
    assert(!this.#boxes.has(boxId), `box ${boxId} exists`);
    if (this.#closing !== null) throw new DriverError('the driver is closed');
    if (this.#boxes.size >= boxesMax) throw new DriverError(`${boxesMax} sandboxes exist: no more in one worker`);
    this.#boxes.set(boxId, null);
    return () => this.#boxes.delete(boxId);
  }

  #box(id: string, running: Running, attached: ConstructorParameters<typeof MicroVmBox>[3]): MicroVmBox {
    const { images } = this.options;
    const world = {
      images,
      scratches: this.#scratches,
      released: () => void this.#boxes.delete(id),
      died: () => void this.#examine(running),
    };
    const box = new MicroVmBox(id, running, world, attached);
    this.#boxes.set(id, box);
    if (this.#closing !== null) {
      void box.kill();
      throw new DriverError('the driver is closed');
    }
    return box;
  }

  /**
   * A machine ended by itself: perhaps because its memory could not be read. What it was restored from is looked
   * through, and made again when something of it is gone or damaged.
   */
  async #examine({ from }: Running): Promise<void> {
    if (from === null || this.#closing !== null) return;
    const { record } = from;
    const problem = await this.options.store.damage(record);
    if (problem === null || this.#closing !== null) return;
    this.options.progress(`snapshot ${record.id} is damaged: ${problem}`);
    this.#unprepare(record);
    if (record.layer === 'function') this.snapshots.forget(record.id);
    else this.#layers.broken({ slot: record.id, key: record.basis });
  }

  #unprepare(record: SnapshotRecord): void {
    this.#prepared?.forget(record);
  }

  async #osWish(memoryClassMib: number): Promise<LayerWish> {
    return MachineWorkshop.osWish(await this.#place(), memoryClassMib);
  }

  /** A machine from the layer that it needs; a layer that cannot be restored is made again, once. */
  async #start(
    id: string,
    memoryClassMib: number,
    launch: RuntimeLaunch,
    image: MachineRuntime | null,
    tenant: string,
    urgent: boolean,
  ): Promise<Running> {
    for (let attempt = 1; ; attempt++) {
      const { place, prepared, tiers } = await this.#current();
      const wish = this.#wish(place, memoryClassMib, launch, image);
      const record = await this.#layers.take(wish);
      const started = tiers.begin();
      try {
        const contents = { runtime: image, code: null, layers: null, tenant };
        const load = async () => ({
          shape: shapeOf(record.memoryMib, place.image.rootBytes),
          snapshot: await this.options.store.load(record),
          contents,
        });
        if (urgent) return await prepared.start(id, { record, tenant, runtimeImageId: image?.imageId ?? null, load });
        const { shape, snapshot } = await load();
        return await restoreMachine(place, id, shape, snapshot, contents);
      } catch (error) {
        if (attempt === 2 || this.#closing !== null) throw error;
        this.options.progress(`snapshot layer ${wish.slot} could not be restored: ${(error as Error).message}`);
        // Unless it was the file system that went: the layer is sound then.
        if ((await this.#place()) === place) {
          prepared.forget(record);
          this.#layers.broken(wish);
        }
      } finally {
        started();
      }
    }
  }

  #wish(place: MachinePlace, memoryClassMib: number, launch: RuntimeLaunch, image: MachineRuntime | null): LayerWish {
    if (launch.command === null || image === null) return MachineWorkshop.osWish(place, memoryClassMib);
    return this.#workshop.runtimeWish(place, memoryClassMib, { launch, image });
  }

  async #runtime(launch: RuntimeLaunch): Promise<MachineRuntime> {
    const { id, path } = await this.options.runtimeImage(launch);
    const runtime = { name: launch.name, imageId: id, path };
    this.#runtimes.set(launch.name, runtime);
    return runtime;
  }

  async #place(): Promise<MachinePlace> {
    return (await this.#current()).place;
  }

  #current(): Promise<Age> {
    this.#age ??= this.#begin();
    return this.#age;
  }

  /** Starts the sparse file system. When it ends, so does every machine that reads from it; the next start has a new one. */
  async #begin(): Promise<Age> {
    const { options } = this;
    let begun: Promise<Age> | null = null;
    try {
      const fs = await options.openFs();
      const memories = new MemoryImages(fs, options.store, () => options.clock.monotonicMs());
      const drives = new Drives(fs, this.#scratches, options.image.rootPath, options.folder, ++this.#ages);
      const { vmm, image, renews = true } = options;
      const place = { vmm, image, drives, memories, renews };
      const prepared = new PreparedMachines(
        {
          prepare: (id, parts) => prepareMachine(place, id, parts.shape, parts.snapshot, parts.contents),
          start: (boxId, machine) => startPrepared(place, boxId, machine),
          nowMs: () => options.clock.monotonicMs(),
        },
        vmm.prepare === undefined ? 0 : preparedMax,
      );
      this.#prepared = prepared;
      const age = { fs, place, prepared, tiers: new TierWatch(() => fs.metrics()) };
      begun = this.#age;
      void fs.ended.then((reason) => {
        if (this.#age === begun) this.#age = null;
        void prepared.close();
        if (this.#closing !== null) return;
        options.progress(`the sparse file system ended: ${reason}; it is started again`);
        for (const box of this.#boxes.values()) box?.kill().catch(() => {});
      });
      return age;
    } catch (error) {
      this.#age = null; // The next one tries again.
      throw error;
    }
  }
}
