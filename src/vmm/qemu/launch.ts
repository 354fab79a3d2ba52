import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { Cgroups } from '../../worker/sandbox/process/cgroups.js';
import { Network } from '../../worker/sandbox/process/network.js';
import type { MachineRequest } from '../vmm.js';
import { descriptors, type MonitorKind, type MonitorStart, monitorArguments } from './arguments.js';
import { jailCommand } from './jail.js';
import { describe, monitorMib, QemuMachine } from './qemumachine.js';
import { Qmp } from './qmp.js';
import { makeMemoryFile, Seat } from './seat.js';
import type { UserIds } from './userids.js';

/** A monitor listens some 50 ms after its start; a machine that needs 20 s cannot run functions. */
const startMsMax = 20_000;
/** Device state loads in some 10 ms. */
const loadMsMax = 20_000;

/** What all machines of a monitor host share. */
export interface LaunchPlace {
  readonly kind: MonitorKind;
  /** Ours, outside of every jail. */
  readonly folder: string;
  readonly qemu: string;
  readonly bwrap: string;
  readonly launcher: string;
  /** Null without outbound network. */
  readonly slirp: string | null;
  /** Group of the machine whose members may open /dev/kvm, or null with emulation. */
  readonly kvmGroup: number | null;
  readonly cgroups: Cgroups;
  /** Null: all monitors run as our user. */
  readonly userIds: UserIds | null;
  /** Why, in words. */
  readonly usersDetail: string;
}

export interface LaunchRequest extends MachineRequest {
  readonly start: MonitorStart;
  /** The memory image; without one, zeros. */
  readonly memoryPath?: string;
  /** Of a boot. */
  readonly kernelPath?: string;
  readonly initrdPath?: string;
  readonly released: () => void;
}

let launched = 0;

/**
 * Starts a monitor; a boot runs from then on, a restore waits for its device state. Rejects with DriverError; nothing is
 * left then.
 */
export async function launch(
  place: LaunchPlace,
  request: LaunchRequest,
): Promise<{ machine: QemuMachine; qmp: Qmp; seat: Seat }> {
  const { shape, released } = request;
  launched += 1;
  const name = String(launched);
  const uid = place.userIds?.take() ?? null;
  const undo: (() => unknown)[] = [];
  if (uid !== null) undo.push(() => place.userIds?.giveBack(uid));
  try {
    const cgroup = place.cgroups.createBox(name);
    undo.push(() => cgroup.remove());
    cgroup.setLimits(shape.memoryMib, shape.memoryMib + monitorMib);
    const memoryPath = request.memoryPath ?? join(place.folder, `${name}.memory`);
    if (request.memoryPath === undefined) {
      makeMemoryFile(memoryPath, shape.memoryMib * 1024 * 1024, uid);
      undo.push(() => unlinkOwn(memoryPath));
    }
    const network = shape.network && place.slirp !== null ? Network.prepare(place.launcher, place.slirp) : null;
    if (network) undo.push(() => network.stop());
    const seat = Seat.start({
      launcher: place.launcher,
      folder: place.folder,
      name,
      uid,
      gid: place.kvmGroup ?? uid,
      cgroup,
      ...opened(place, request, memoryPath),
      command: jailCommand(
        { bwrap: place.bwrap, qemu: place.qemu, kvm: place.kind.accelerator === 'kvm' },
        monitorArguments(place.kind, shape, request.start, place.slirp !== null),
      ),
    });
    undo.push(() => seat.dispose());
    const qmp = new Qmp(seat.qmp, startMsMax);
    const pid = await untilUp(seat, qmp);
    if (request.memoryPath === undefined) unlinkOwn(memoryPath);
    // Not before: bubblewrap sets up the loopback, and fails where slirp4netns did it first.
    const networkUp = network?.start(pid);
    networkUp?.catch(() => {});
    const machine = new QemuMachine({
      id: request.id,
      shape,
      seat,
      qmp,
      pid,
      network,
      networkUp,
      released: () => {
        if (uid !== null) place.userIds?.giveBack(uid);
        released();
      },
    });
    return { machine, qmp, seat };
  } catch (error) {
    for (const step of undo.reverse()) await Promise.resolve(step()).catch(() => {});
    if (error instanceof DriverError) throw error;
    throw new DriverError(`cannot start a virtual machine: ${(error as Error).message}`);
  }
}

function opened(place: LaunchPlace, request: LaunchRequest, memoryPath: string): { reads: string[]; writes: string[] } {
  const reads = [`${descriptors.resolvConf}:${join(place.folder, 'resolv.conf')}`];
  // QEMU opens the image of a private mapping for writing, too, and never does.
  const writes = [`${descriptors.memory}:${memoryPath}`];
  if (request.kernelPath !== undefined) reads.push(`${descriptors.kernel}:${request.kernelPath}`);
  if (request.initrdPath !== undefined) reads.push(`${descriptors.initrd}:${request.initrdPath}`);
  request.drivePaths.forEach((path, index) => {
    const list = request.shape.drives[index]!.readOnly ? reads : writes;
    list.push(`${descriptors.firstDrive + index}:${path}`);
  });
  return { reads, writes };
}

/** Process id of the monitor once it takes commands. */
async function untilUp(seat: Seat, qmp: Qmp): Promise<number> {
  const failed = seat.ended.then((how) => {
    throw new DriverError(describe(how, seat));
  });
  failed.catch(() => {});
  const up = Promise.all([
    seat.monitorPid(),
    qmp.execute('qmp_capabilities', {}),
    qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }),
  ]);
  up.catch(() => {});
  // A monitor that ends closes its connection first; what it said tells more.
  const [pid] = await Promise.race([up.catch(() => failed), failed]);
  return pid;
}

/** Gives a waiting monitor its device state. Rejects with DriverError when it does not take it. */
export async function loadState(qmp: Qmp, seat: Seat, state: Buffer): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const loaded = new Promise<void>((resolve, reject) => {
    timer = setTimeout(
      () => reject(new DriverError(`the device state was not loaded in ${loadMsMax / 1000} s`)),
      loadMsMax,
    );
    qmp.onEvent = ({ event, data }) => {
      if (event !== 'MIGRATION') return;
      if (data?.status === 'completed') resolve();
      if (data?.status === 'failed') reject(new DriverError('the device state does not fit this machine'));
    };
    // On an error the monitor says why and ends.
    seat.ended.then((how) => reject(new DriverError(`the device state was refused: ${describe(how, seat)}`)));
  });
  loaded.catch(() => {});
  try {
    seat.stateIn.end(state);
    await Promise.race([
      qmp.execute('migrate-incoming', { uri: `fd:${descriptors.stateIn}` }).then(() => loaded),
      loaded,
    ]);
  } finally {
    clearTimeout(timer);
    qmp.onEvent = () => {};
  }
}

function unlinkOwn(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}
