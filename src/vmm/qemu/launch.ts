import { chownSync, closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { MachineRequest } from '../vmm.js';
import { descriptors, type MonitorKind, type MonitorStart, monitorArguments } from './arguments.js';
import { jailCommand } from './jail.js';
import { describe, monitorMib, QemuMachine } from './qemumachine.js';
import { Qmp } from './qmp.js';
import type { Seat, SeatPlace } from './seat.js';

/** From the end of a monitor's connection to the end of its process. */
const lastWordsMs = 1_000;
/** Device state loads in some 10 ms. */
const loadMsMax = 20_000;

/** What all machines of a monitor host share. */
export interface LaunchPlace extends SeatPlace {
  readonly kind: MonitorKind;
  readonly qemu: string;
  readonly bwrap: string;
  /** How monitors run under users of their own, or why not. */
  readonly usersDetail: string;
}

export interface Launched {
  readonly machine: QemuMachine;
  readonly qmp: Qmp;
  readonly seat: Seat;
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

/**
 * Starts a monitor in a seat; a boot runs from then on, a restore waits for its device state. Rejects with DriverError;
 * nothing is left then.
 */
export async function launch(place: LaunchPlace, seat: Seat, request: LaunchRequest): Promise<Launched> {
  const { shape, released } = request;
  const memoryPath = request.memoryPath ?? join(place.folder, `${seat.name}.memory`);
  const own = request.memoryPath === undefined;
  try {
    seat.cgroup.setLimits(shape.memoryMib, shape.memoryMib + monitorMib);
    if (own) makeMemoryFile(memoryPath, shape.memoryMib * 1024 * 1024, seat.uid);
    const jail = { bwrap: place.bwrap, qemu: place.qemu, kvm: place.kind.accelerator === 'kvm' };
    const monitor = monitorArguments(place.kind, shape, request.start, place.slirp !== null);
    seat.run({ ...opened(place, request, memoryPath), command: jailCommand(jail, monitor) });
    const qmp = new Qmp(seat.qmp);
    const pid = await untilUp(seat, qmp);
    if (own) unlinkOwn(memoryPath);
    // Not before: bubblewrap sets up the loopback, and fails where slirp4netns did it first.
    const networkUp = shape.network ? seat.network?.start(pid) : undefined;
    networkUp?.catch(() => {});
    const machine = new QemuMachine({ id: request.id, shape, seat, qmp, pid, networkUp, released });
    return { machine, qmp, seat };
  } catch (error) {
    await seat.dispose().catch(() => {});
    if (own) unlinkOwn(memoryPath);
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

/** Process id of the monitor once it takes commands. Rejects with DriverError when it ends before, or is silent. */
export async function untilUp(seat: Seat, qmp: Qmp): Promise<number> {
  const failed = seat.ended.then((how): never => {
    throw new DriverError(describe(how, seat));
  });
  failed.catch(() => {});
  try {
    const [pid] = await Promise.race([
      Promise.all([
        seat.monitorPid(),
        qmp.execute('qmp_capabilities', {}),
        qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] }),
      ]),
      failed,
    ]);
    return pid;
  } catch (error) {
    // A monitor that ends closes its connection first; what it said tells more.
    const silent = delay(lastWordsMs, null, { ref: false }).then((): never => {
      throw error;
    });
    return Promise.race([failed, silent]);
  }
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

/** A sparse file of zeros that `uid` may map, for the moment until its monitor has opened it. */
function makeMemoryFile(path: string, bytes: number, uid: number | null): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(fd, bytes);
    if (uid !== null) chownSync(path, uid, uid);
  } finally {
    closeSync(fd);
  }
}

function unlinkOwn(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}
