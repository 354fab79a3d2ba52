import { randomBytes } from 'node:crypto';
import type { GuestImage } from '../../../image/image.js';
import type { StoredFile } from '../../../snapshot/plane.js';
import type { LoadedSnapshot } from '../../../snapshot/store.js';
import type { Machine, MachineShape, PreparedMachine, PrepareMachine, Vmm } from '../../../vmm/vmm.js';
import { DriverError } from '../driver.js';
import type { Drives, MachineDrives } from './drives.js';
import { GuestLink, type LinkState } from './guestlink.js';
import type { MemoryImage, MemoryImages } from './memoryimages.js';

/** Mixed into the guest's generator after each restore: twice what its pool holds (256 bits). */
const entropyBytes = 64;

/** A runtime whose files a machine has. */
export interface MachineRuntime {
  readonly name: string;
  /** Its image, by content, and where that lies. */
  readonly imageId: string;
  readonly path: string;
}

/** A virtual machine with its agent, and everything on this machine that belongs to it. */
export interface Running {
  readonly machine: Machine;
  readonly link: GuestLink;
  readonly drives: MachineDrives;
  /** Null: it was booted. */
  readonly memory: MemoryImage | null;
  /** What it was restored from, or null. */
  readonly from: LoadedSnapshot | null;
  readonly runtime: MachineRuntime | null;
  readonly shape: MachineShape;
  /** What its drives showed from the start. */
  readonly mounted: { readonly code: StoredFile | null; readonly layers: StoredFile | null };
}

/** What a restored machine finds on its drives from the start. */
export interface RestoreContents {
  readonly runtime: MachineRuntime | null;
  readonly code: StoredFile | null;
  readonly layers: StoredFile | null;
  /** Writes what the scratch drive had; absent: it was empty. */
  readonly scratch?: (path: string) => Promise<void>;
  /** Whose machine it is: memory images are shared within a tenant only. */
  readonly tenant: string;
}

/** Where machines are started, as long as one sparse file system lives. */
export interface MachinePlace {
  readonly vmm: Vmm;
  readonly image: GuestImage;
  readonly drives: Drives;
  readonly memories: MemoryImages;
  /** False only to show what clones share without. */
  readonly renews: boolean;
}

/** Boots the guest image to its agent. Rejects with DriverError; nothing is left then. */
export async function bootMachine(place: MachinePlace, id: string, shape: MachineShape): Promise<Running> {
  const { vmm, image } = place;
  const drives = await place.drives.make({ runtimePath: null, code: null, layers: null });
  let machine: Machine | null = null;
  try {
    machine = await vmm.boot({
      id,
      shape,
      drivePaths: drives.paths,
      kernelPath: image.kernelPath,
      initrdPath: image.initrdPath,
      commandLine: image.commandLine,
    });
    const link = new GuestLink(machine.channel);
    await alive(machine, link.ready);
    return {
      machine,
      link,
      drives,
      memory: null,
      from: null,
      runtime: null,
      shape,
      mounted: { code: null, layers: null },
    };
  } catch (error) {
    throw await cleared(error, machine, drives, null);
  }
}

/** A machine of a snapshot that has everything but its device state. */
export interface PreparedRunning {
  readonly shape: MachineShape;
  readonly snapshot: LoadedSnapshot;
  readonly contents: RestoreContents;
  readonly drives: MachineDrives;
  readonly memory: MemoryImage;
  readonly monitor: PreparedMachine;
  /** Its monitor has ended without `startPrepared`. */
  readonly ended: Promise<unknown>;
  /** Instead of `startPrepared`. Resolves when nothing of it is left. */
  dispose(): Promise<void>;
}

/** The part of a restore that is the same each time. Rejects with DriverError; nothing is left then. */
export async function prepareMachine(
  place: MachinePlace,
  id: string,
  shape: MachineShape,
  snapshot: LoadedSnapshot,
  contents: RestoreContents,
): Promise<PreparedRunning> {
  const [opened, made] = await Promise.allSettled([
    place.memories.open(snapshot, contents.tenant),
    place.drives.make({
      runtimePath: contents.runtime?.path ?? null,
      code: contents.code?.manifest ?? null,
      layers: contents.layers?.manifest ?? null,
    }),
  ]);
  const memory = opened.status === 'fulfilled' ? opened.value : null;
  const drives = made.status === 'fulfilled' ? made.value : null;
  let monitor: PreparedMachine | null = null;
  try {
    if (opened.status === 'rejected') throw opened.reason;
    if (made.status === 'rejected') throw made.reason;
    const { paths, scratchPath } = made.value;
    // The guest reads its scratch once it runs.
    const [started, written] = await Promise.allSettled([
      preparedBy(place.vmm, { id, shape, drivePaths: paths, memoryPath: opened.value.path }),
      contents.scratch?.(scratchPath),
    ]);
    if (started.status === 'rejected') throw started.reason;
    monitor = started.value;
    if (written.status === 'rejected') throw written.reason;
    const parts = { memory: opened.value, drives: made.value, monitor: started.value };
    const dispose = async () => {
      try {
        await parts.monitor.dispose();
      } finally {
        parts.memory.release();
        await parts.drives.dispose(false);
      }
    };
    return { shape, snapshot, contents, ...parts, ended: parts.monitor.ended, dispose };
  } catch (error) {
    await monitor?.dispose().catch(() => {});
    throw await cleared(error, null, drives, memory);
  }
}

/** A monitor that prepares nothing starts with its state. */
async function preparedBy(vmm: Vmm, request: PrepareMachine): Promise<PreparedMachine> {
  if (vmm.prepare !== undefined) return vmm.prepare(request);
  return {
    id: request.id,
    restore: (state) => vmm.restore({ ...request, state }),
    dispose: async () => {},
    ended: new Promise(() => {}),
  };
}

/**
 * Lets a prepared machine run, with entropy, clock and host name of its own before any program does. Once. `settled`:
 * nothing is on its way to it any more: it may be frozen at once. Rejects with DriverError; nothing is left then.
 */
export async function startPrepared(
  place: MachinePlace,
  boxId: string,
  prepared: PreparedRunning,
  settled = false,
): Promise<Running> {
  const { shape, snapshot, contents, drives, memory, monitor } = prepared;
  let machine: Machine | null = null;
  try {
    memory.warm();
    machine = await monitor.restore(snapshot.device);
    const link = new GuestLink(machine.channel, JSON.parse(snapshot.link.toString('utf8')) as LinkState);
    await machine.resume();
    await alive(machine, place.renews ? renew(link, boxId, settled) : link.resume());
    return { machine, link, drives, memory, from: snapshot, runtime: contents.runtime, shape, mounted: contents };
  } catch (error) {
    throw await cleared(error, machine, drives, memory);
  }
}

/** Both at once, for a machine that may be frozen at once. */
export async function restoreMachine(
  place: MachinePlace,
  id: string,
  shape: MachineShape,
  snapshot: LoadedSnapshot,
  contents: RestoreContents,
): Promise<Running> {
  return startPrepared(place, id, await prepareMachine(place, id, shape, snapshot, contents), true);
}

/** A message to a guest that is awake is on its way for less, emulated: its clock is then a little ahead rather than late. */
const messageMs = 1;

/**
 * Gives a guest that woke up what makes it different from every other one of its snapshot; then its programs run. One that
 * is frozen before it is `settled` has the time of now when it thaws.
 */
export async function renew(link: GuestLink, id: string, settled = false): Promise<void> {
  const clockMs = () => Date.now() + messageMs;
  await link.resume({ clockMs: clockMs(), entropy: randomBytes(entropyBytes), hostName: id.slice(0, 63) });
  // Waking up takes a guest some ten milliseconds, by which its clock is late. Now it is quick: it has done this before
  // it reads what it is sent next, and who has something to send need not wait for its answer.
  const again = link.setClock(clockMs());
  if (settled) await again;
  else again.catch(() => {}); // A guest that ends tells everybody.
}

/** What `work` gives, unless the machine ends first. */
export async function alive<T>(machine: Machine, work: Promise<T>): Promise<T> {
  const ended = machine.exited.then(({ reason }): never => {
    const said = machine.console().trim().split('\n').slice(-5).join('\n');
    throw new DriverError(`the virtual machine ended: ${reason}${said === '' ? '' : `\n${said}`}`);
  });
  return await Promise.race([work, ended]);
}

async function cleared(
  error: unknown,
  machine: Machine | null,
  drives: MachineDrives | null,
  memory: MemoryImage | null,
): Promise<Error> {
  await machine?.kill().catch(() => {}); // The monitor's janitor tries again.
  memory?.release();
  await drives?.dispose(false).catch(() => {});
  if (error instanceof DriverError) return error;
  return new DriverError(error instanceof Error ? error.message : String(error));
}
