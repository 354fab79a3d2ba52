import { createHash } from 'node:crypto';
import { platformScope } from '../../../chunks/keyring.js';
import { secondMs } from '../../../kernel/units.js';
import { osKey, runtimeKey } from '../../../snapshot/key.js';
import type { LayerWish } from '../../../snapshot/layers/messages.js';
import type { LayerWorkshop } from '../../../snapshot/layers/service.js';
import type { SnapshotRecord } from '../../../snapshot/record.js';
import type { LoadedSnapshot, SnapshotStore } from '../../../snapshot/store.js';
import { withinMs } from '../deadline.js';
import { DriverError, type RuntimeLaunch } from '../driver.js';
import { captureRunning } from './capture.js';
import { alive, bootMachine, type MachinePlace, type MachineRuntime, type Running, restoreMachine } from './running.js';
import { memoryClassesMib, shapeOf } from './shape.js';

/** A kernel boots in 4 to 9 s without hardware virtualization; a machine busy with others may need ten times that. */
const bootMsMax = 120 * secondMs;
/** A runtime that has said nothing by then is broken; Java, emulated, needs 15 s. */
const helloMsMax = 90 * secondMs;

/** A runtime as a layer is made of it. */
export interface LayerRuntime {
  readonly launch: RuntimeLaunch;
  readonly image: MachineRuntime;
}

export interface WorkshopOptions {
  readonly store: SnapshotStore;
  /** The current one; made again when the sparse file system had to be. */
  readonly place: () => Promise<MachinePlace>;
  /** The layer that a runtime's is made from. */
  readonly osLayer: (memoryClassMib: number) => Promise<LoadedSnapshot>;
  /** It could not be restored: it is made again. */
  readonly osBroken: (memoryClassMib: number) => Promise<void>;
  readonly nowMs: () => number;
  readonly progress: (text: string) => void;
}

/** Makes OS and runtime layers. */
export class MachineWorkshop implements LayerWorkshop {
  readonly #runtimes = new Map<string, LayerRuntime>();
  #machines = 0;

  constructor(private readonly options: WorkshopOptions) {}

  /** The layer that a machine of this class has when it has booted. */
  static osWish({ vmm, image }: MachinePlace, memoryClassMib: number): LayerWish {
    const shape = shapeOf(memoryClassMib, image.rootBytes);
    return {
      slot: `os-${memoryClassMib}`,
      key: osKey({ imageId: image.id, identity: vmm.identity, shape }),
    };
  }

  /** The layer in which this runtime waits for its function. */
  runtimeWish(place: MachinePlace, memoryClassMib: number, runtime: LayerRuntime): LayerWish {
    const { name, command, environment } = runtime.launch;
    const basis = { imageId: runtime.image.imageId, command: command ?? [], environment };
    // Two commands of one name (tests have such) must not take turns in one slot.
    const which = createHash('sha256')
      .update(JSON.stringify([command, environment]))
      .digest('hex')
      .slice(0, 8);
    const slot = `runtime-${name}-${which}-${memoryClassMib}`;
    this.#runtimes.set(slot, runtime);
    return { slot, key: runtimeKey(MachineWorkshop.osWish(place, memoryClassMib).key, basis) };
  }

  progress(text: string): void {
    this.options.progress(text);
  }

  find(slot: string): Promise<SnapshotRecord | null> {
    return this.options.store.find(platformScope, slot.startsWith('os-') ? 'os' : 'runtime', slot);
  }

  async make(wish: LayerWish): Promise<SnapshotRecord> {
    const place = await this.options.place();
    const memoryMib = Number(wish.slot.slice(wish.slot.lastIndexOf('-') + 1));
    const shape = memoryClassesMib.includes(memoryMib as never) ? shapeOf(memoryMib, place.image.rootBytes) : null;
    if (shape === null) throw new DriverError(`no machine is called ${wish.slot}`);
    this.#machines += 1;
    const id = `layer-${this.#machines}`;
    const runtime = this.#runtimes.get(wish.slot);
    const running =
      runtime === undefined
        ? await withinMs(bootMsMax, 'the guest did not boot', bootMachine(place, id, shape))
        : await this.#fromOs(id, memoryMib, runtime.image);
    try {
      if (runtime !== undefined) await loadRuntime(running, runtime);
      return await this.#save(wish, running, memoryMib, runtime ?? null);
    } finally {
      await endRunning(running);
    }
  }

  /** An OS layer that cannot be restored is made again, once. */
  async #fromOs(id: string, memoryMib: number, runtime: MachineRuntime): Promise<Running> {
    for (let attempt = 1; ; attempt++) {
      const place = await this.options.place();
      try {
        const os = await this.options.osLayer(memoryMib);
        const contents = { runtime, code: null, layers: null, tenant: platformScope };
        return await restoreMachine(place, id, shapeOf(memoryMib, place.image.rootBytes), os, contents);
      } catch (error) {
        if (attempt === 2) throw error;
        await this.options.osBroken(memoryMib);
      }
    }
  }

  async #save(
    wish: LayerWish,
    running: Running,
    memoryMib: number,
    runtime: LayerRuntime | null,
  ): Promise<SnapshotRecord> {
    const captured = await captureRunning(running, null);
    running.memory?.settled();
    return this.options.store.save(
      {
        layer: runtime === null ? 'os' : 'runtime',
        id: wish.slot,
        basis: wish.key,
        account: platformScope,
        memoryMib,
        runtime: runtime?.image ?? null,
        code: null,
        layers: null,
        createdMs: this.options.nowMs(),
      },
      captured,
      running.from,
    );
  }
}

/** Starts the runtime's client and waits until it has said something: it is loaded and waits for its function. */
async function loadRuntime({ machine, link }: Running, { launch }: LayerRuntime): Promise<void> {
  let said = '';
  const listen = (piece: Buffer) => {
    said = (said + piece.toString('utf8')).slice(-2_000);
  };
  link.stderr.on('data', listen);
  try {
    await link.attach({ runtime: true });
    const spoken = new Promise<void>((resolve, reject) => {
      // It is heard again by every sandbox that is restored: nothing is taken out here.
      link.channel.once('readable', () => resolve());
      void link.exited.then(() =>
        reject(new DriverError(`${launch.name} did not start: ${said.trim() || 'it ended'}`)),
      );
    });
    link.start(launch.command!, launch.environment, { keepsChannel: true });
    await alive(machine, withinMs(helloMsMax, `${launch.name} did not start`, spoken));
  } finally {
    link.stderr.off('data', listen);
  }
}

/** Ends a machine that was made for its snapshot only. */
export async function endRunning({ machine, link, drives, memory }: Running): Promise<void> {
  try {
    await machine.kill();
  } finally {
    link.close();
    memory?.release();
    await drives.dispose(false);
  }
}
