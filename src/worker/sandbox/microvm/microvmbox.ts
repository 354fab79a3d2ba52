import type { Duplex, Readable } from 'node:stream';
import { assert } from '../../../kernel/assert.js';
import { secondMs } from '../../../kernel/units.js';
import type { CodeImages, TreeOwner } from '../../../snapshot/codeimages.js';
import type { StoredFile } from '../../../snapshot/plane.js';
import { withinMs } from '../deadline.js';
import {
  type Box,
  type BoxBinding,
  type BoxExit,
  type BoxServer,
  type BoxSocket,
  type Crew,
  DriverError,
  type TierShare,
} from '../driver.js';
import { alive, type Running } from './running.js';
import { DriveScratch, type Scratches } from './scratch.js';

/** Mounting three drives takes a guest some milliseconds; emulated and on a busy machine some hundred. */
const attachMsMax = 30 * secondMs;
/** What programs wrote to `/tmp` is written out before a box goes, for the next box of its sandbox; a hung guest is not waited for. */
const syncMsMax = 2 * secondMs;

/** Code of nobody in particular: of tests, and of tools that boot a box by themselves. */
const nobody: TreeOwner = { account: 'platform', lineage: 'none' };

export interface BoxWorld {
  readonly images: CodeImages;
  readonly scratches: Scratches;
  /** Called once, when nothing of the box is left. */
  readonly released: () => void;
  /** Its machine ended though nobody wanted that. */
  readonly died: () => void;
}

/** What is attached to a bound box; a snapshot of it restores with the same. */
export interface Attached {
  readonly code: StoredFile;
  readonly layers: StoredFile | null;
  readonly scratch: DriveScratch;
  readonly memoryMib: number;
  /** Account that code and layers are kept for. */
  readonly account: string;
}

/** A box of the `microvm` driver: one virtual machine. */
export class MicroVmBox implements Box {
  readonly runtimeApiAddress = '127.0.0.1:9001';
  readonly taskRoot = '/var/task';
  readonly layersRoot = '/opt';
  readonly environment = {};
  readonly exited: Promise<BoxExit>;
  tierBytes?: () => Promise<TierShare | null>;
  #exit: (exit: BoxExit) => void = () => {};
  #over = false;
  #frozen = false;
  #attached: Attached | null;
  #bound = false;
  #crew: Crew | null = null;
  #cleaned: Promise<void> | null = null;

  /** `attached`: of a box restored from a function's snapshot, which is bound from the start. */
  constructor(
    readonly id: string,
    readonly running: Running,
    private readonly world: BoxWorld,
    attached: Attached | null = null,
  ) {
    this.#attached = attached;
    this.#bound = attached !== null;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    const { machine, link } = running;
    link.exited.then((exit) => {
      // With extensions its end is one of several; the worker ends the box.
      if (this.#crew === null) this.#end(exit);
    });
    machine.exited.then(() => {
      if (this.#cleaned === null) world.died();
      this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false });
      this.kill().catch(() => {}); // Whoever waits for `kill` gets the error.
    });
    if (attached !== null) machine.limit(attached.memoryMib);
  }

  get channel(): Duplex {
    return this.running.link.channel;
  }

  get runtimeApi(): BoxServer {
    return this.running.link.runtimeApi;
  }

  get stdout(): Readable {
    return this.running.link.stdout;
  }

  get stderr(): Readable {
    return this.running.link.stderr;
  }

  /** Null: not bound yet. */
  get attached(): Attached | null {
    return this.#attached;
  }

  async bind(binding: BoxBinding): Promise<void> {
    assert(!this.#bound, 'a box is bound once');
    this.#bound = true;
    if (this.#gone) throw new DriverError('the sandbox has ended');
    const { machine, link, drives } = this.running;
    const { images, scratches } = this.world;
    const { scratch, memoryMib } = binding;
    if (!(scratch instanceof DriveScratch)) throw new DriverError('the scratch space is of another driver');
    machine.limit(memoryMib);
    const [code, layers] = await Promise.all([
      images.of(binding.codeDirectory, codeOwner(binding.owner)),
      binding.layersDirectory === null ? null : images.of(binding.layersDirectory, layersOwner(binding.owner)),
    ]);
    await Promise.all([
      drives.fillCode(code.manifest),
      layers === null ? null : drives.fillLayers(layers.manifest),
      scratches.bringTo(drives.scratchPath, scratch),
    ]);
    this.#attached = { code, layers, scratch, memoryMib, account: codeOwner(binding.owner).account };
    const attached = link.attach({ code: true, layers: layers !== null, scratch: true, memoryMib });
    try {
      await alive(machine, withinMs(attachMsMax, 'the guest did not mount its drives', attached));
    } catch (error) {
      // The sandbox fails; the next one shall not.
      void images.examine(binding.codeDirectory, codeOwner(binding.owner));
      if (binding.layersDirectory !== null) void images.examine(binding.layersDirectory, layersOwner(binding.owner));
      throw error;
    }
  }

  start(command: readonly string[], environment: Readonly<Record<string, string>>, keepsChannel = false): void {
    if (!this.#gone) this.running.link.start(command, environment, { keepsChannel });
  }

  async crew(): Promise<Crew> {
    assert(this.#crew === null, 'a box has one crew');
    if (this.#gone) throw new DriverError('the sandbox has ended');
    this.#crew = this.running.link.crew();
    return this.#crew;
  }

  connect(port: number): Promise<BoxSocket> {
    if (this.#gone) return Promise.reject(new DriverError('the sandbox has ended'));
    return alive(this.running.machine, this.running.link.connect(port));
  }

  freeze(): void {
    if (this.#gone || this.#frozen) return;
    this.#frozen = true;
    // Idle for the first time as a function's: what it needed to start has been read.
    if (this.#attached !== null) this.settled();
    this.running.machine.freeze();
  }

  settled(): void {
    this.running.memory?.settled();
  }

  thaw(): void {
    if (this.#gone || !this.#frozen) return;
    this.#frozen = false;
    this.running.machine.thaw();
  }

  doomed(): boolean {
    return !this.#gone && this.#frozen && this.running.machine.doomed();
  }

  memoryPeakMib(): number | null {
    return this.running.link.peakMib;
  }

  terminate(): void {
    if (this.#gone) return;
    this.running.link.signal(0, 'SIGTERM');
    this.thaw();
  }

  kill(): Promise<void> {
    this.#cleaned ??= this.#clean();
    return this.#cleaned;
  }

  get #gone(): boolean {
    return this.#over || this.#cleaned !== null;
  }

  #end(exit: BoxExit): void {
    if (this.#over) return;
    this.#over = true;
    this.#exit(exit);
  }

  async #clean(): Promise<void> {
    const { machine, link, drives, memory } = this.running;
    const scratch = this.#attached?.scratch;
    const keeps = scratch !== undefined && !scratch.disposed && scratch.path === drives.scratchPath;
    try {
      if (keeps) {
        machine.thaw();
        await Promise.race([withinMs(syncMsMax, '', link.quiesce()), machine.exited]).catch(() => {});
      }
      this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false });
      await machine.kill();
    } finally {
      link.close();
      memory?.release();
      await drives.dispose(keeps);
      this.world.released();
    }
  }
}

/** Lines of images: each image of a function's code is a child of the one before. */
export function codeOwner(owner: BoxBinding['owner']): TreeOwner {
  return owner === undefined ? nobody : { account: owner.account, lineage: `code of ${owner.functionName}` };
}

export function layersOwner(owner: BoxBinding['owner']): TreeOwner {
  return owner === undefined ? nobody : { account: owner.account, lineage: `layers of ${owner.functionName}` };
}
