import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../kernel/assert.js';
import { DriverError, type Protection } from '../../worker/sandbox/driver.js';
import { inUserNamespace } from '../../worker/sandbox/namespace.js';
import { Cgroups } from '../../worker/sandbox/process/cgroups.js';
import { Janitor, sweep } from '../../worker/sandbox/process/janitor.js';
import { nameServer, networkProgram } from '../../worker/sandbox/process/network.js';
import { newOwnerName } from '../../worker/sandbox/process/owner.js';
import { type FilterArch, seccompProgram } from '../../worker/sandbox/process/seccomp.js';
import { findProgram, nativeProgram } from '../../worker/sandbox/programs.js';
import type {
  BootMachine,
  Machine,
  MachineExit,
  MachineRequest,
  PreparedMachine,
  PrepareMachine,
  RestoreMachine,
  Vmm,
} from '../vmm.js';
import { type Accelerator, identityOf, type MonitorKind } from './arguments.js';
import { withoutHugePages } from './hugepages.js';
import { type Launched, type LaunchPlace, type LaunchRequest, launch, loadState } from './launch.js';
import { monitorProgram } from './program.js';
import { protectionsOf } from './protections.js';
import type { QemuMachine } from './qemumachine.js';
import type { Qmp } from './qmp.js';
import type { Seat } from './seat.js';
import { readyMax, Seats } from './seats.js';
import { checkRequest } from './shape.js';
import { UserIds } from './userids.js';

/** Machines of one monitor host alive at once: far more than memory allows, and user ids for each. */
const machinesMax = 512;

export interface QemuVmmOptions {
  /** Folder on a real disk for files of machines that boot. Default: the machine's folder for temporary files. */
  readonly stateDirectory?: string;
  /** `kvm` only where `probeKvm` saw it boot a kernel. Default: `tcg`. */
  readonly accelerator?: Accelerator;
  /** Addresses of this machine that guests may reach: those where the platform is told to listen. Default: none. */
  readonly reachable?: readonly string[];
  /** Machines alive at once. Default and most: 512. */
  readonly machinesMax?: number;
}

/** Virtual machines by QEMU: one jailed process each, spoken to over QMP. */
export class QemuVmm implements Vmm {
  readonly name = 'qemu';
  readonly accelerator: Accelerator;
  readonly identity: string;
  private readonly machines = new Map<string, Promise<QemuMachine>>();
  private readonly seats: Seats;
  private closing: Promise<void> | null = null;

  private constructor(
    kind: MonitorKind,
    private readonly place: LaunchPlace,
    private readonly cgroups: Cgroups,
    private readonly janitor: Janitor,
    private readonly networkDetail: string,
    private readonly countMax: number,
  ) {
    this.accelerator = kind.accelerator;
    this.identity = identityOf(kind);
    this.seats = new Seats(place);
    this.seats.refill();
  }

  /** Rejects with DriverError, which says what this machine lacks. */
  static async open(options: QemuVmmOptions = {}): Promise<QemuVmm> {
    const { bwrap, launcher } = requirePrograms();
    const { path: qemu, kind } = await monitorProgram(options.accelerator ?? 'tcg');
    const network = networkProgram();
    const ownerName = newOwnerName();
    const stateDirectory = options.stateDirectory ?? tmpdir();
    mkdirSync(stateDirectory, { recursive: true });
    sweep(stateDirectory);
    const folder = join(stateDirectory, ownerName);
    const cgroups = Cgroups.open(ownerName);
    const janitor = Janitor.start(cgroups.groups, [folder]);
    try {
      // Not readable for others; the monitors' users may only pass through it to what bubblewrap shows them.
      mkdirSync(folder, { mode: 0o711 });
      const arch = process.arch as FilterArch;
      writeFileSync(join(folder, 'filter'), Buffer.concat([withoutHugePages(arch), seccompProgram(arch)]));
      writeFileSync(join(folder, 'resolv.conf'), `nameserver ${nameServer}\n`, { mode: 0o644 });
      const place: LaunchPlace = {
        kind,
        folder,
        qemu,
        bwrap,
        launcher,
        slirp: network.path,
        reachable: options.reachable ?? [],
        cgroups,
        ...monitorUsers(kind.accelerator),
      };
      return new QemuVmm(kind, place, cgroups, janitor, network.detail, options.machinesMax ?? machinesMax);
    } catch (error) {
      await janitor.finish();
      throw error;
    }
  }

  protections(): readonly Protection[] {
    return protectionsOf(this.cgroups, this.networkDetail, this.place);
  }

  boot(request: BootMachine): Promise<Machine> {
    return this.add(request, async (released) => {
      const { kernelPath, initrdPath, commandLine } = request;
      const start = { kind: 'boot', commandLine } as const;
      const launched = await this.launch({ ...request, kernelPath, initrdPath, start, released });
      return connected(launched.machine);
    });
  }

  async restore(request: RestoreMachine): Promise<Machine> {
    return (await this.prepare(request)).restore(request.state);
  }

  async prepare(request: PrepareMachine): Promise<PreparedMachine> {
    let parts: { qmp: Qmp; seat: Seat } | null = null;
    const machine = await this.add(request, async (released) => {
      const launched = await this.launch({ ...request, start: { kind: 'restore' }, released });
      parts = launched;
      return launched.machine;
    });
    return new Prepared(machine, parts!);
  }

  private async launch(request: LaunchRequest): Promise<Launched> {
    try {
      return await launch(this.place, this.seats.take(), request);
    } finally {
      this.seats.refillLater();
    }
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    await Promise.allSettled([...this.machines.values()].map((machine) => machine.then((one) => one.kill())));
    await this.seats.close();
    await this.janitor.finish();
  }

  private async add(
    request: MachineRequest,
    make: (released: () => void) => Promise<QemuMachine>,
  ): Promise<QemuMachine> {
    checkRequest(request);
    const { id } = request;
    if (this.closing) throw new DriverError('the virtual machine monitor is closed');
    if (this.machines.has(id)) throw new DriverError(`machine ${id} exists`);
    if (this.machines.size >= this.countMax) {
      throw new DriverError(`${this.countMax} machines exist: no more in one worker`);
    }
    const released = () => this.machines.delete(id);
    const machine = make(released);
    this.machines.set(id, machine);
    machine.catch(released);
    return machine;
  }
}

/** Rejects, with nothing left of the machine, when its network does not come up. */
async function connected(machine: QemuMachine): Promise<QemuMachine> {
  try {
    await machine.connected();
    return machine;
  } catch (error) {
    await machine.kill().catch(() => {});
    throw error;
  }
}

/** A monitor that waits for its device state. */
class Prepared implements PreparedMachine {
  readonly ended: Promise<MachineExit>;
  private used = false;

  constructor(
    private readonly machine: QemuMachine,
    private readonly parts: { readonly qmp: Qmp; readonly seat: Seat },
  ) {
    this.ended = machine.exited;
  }

  get id(): string {
    return this.machine.id;
  }

  async restore(state: Buffer): Promise<Machine> {
    assert(!this.used, 'a prepared machine is restored once');
    this.used = true;
    try {
      await Promise.all([loadState(this.parts.qmp, this.parts.seat, state), this.machine.connected()]);
      return this.machine;
    } catch (error) {
      await this.machine.kill().catch(() => {});
      throw error;
    }
  }

  async dispose(): Promise<void> {
    if (!this.used) await this.machine.kill();
  }
}

function requirePrograms(): { readonly bwrap: string; readonly launcher: string } {
  const bwrap = findProgram('bwrap');
  if (bwrap === null) throw new DriverError('bubblewrap is missing: apt-get install bubblewrap');
  const launcher = nativeProgram('launcher');
  if (launcher === null) {
    throw new DriverError('the native parts are not built: node setup/native.mjs (needs gcc and libc6-dev)');
  }
  return { bwrap, launcher };
}

/** Users of monitors, and why there are none. */
function monitorUsers(accelerator: Accelerator): Pick<LaunchPlace, 'userIds' | 'kvmGroup' | 'usersDetail'> {
  const shared = (detail: string) => ({ userIds: null, kvmGroup: null, usersDetail: detail });
  if (process.getuid?.() !== 0 || inUserNamespace()) {
    return shared('the platform does not run as root: all monitors share its user');
  }
  const own = {
    userIds: new UserIds(machinesMax + readyMax),
    usersDetail: 'each monitor runs under a user id of its own',
  };
  if (accelerator === 'tcg') return { ...own, kvmGroup: null };
  const { gid, mode } = statSync('/dev/kvm');
  if ((mode & 0o006) === 0o006) return { ...own, kvmGroup: null };
  // The group stands for nothing but the right to run virtual machines; root's would be more.
  if ((mode & 0o060) === 0o060 && gid !== 0) return { ...own, kvmGroup: gid };
  return shared(
    '/dev/kvm is for root alone: chgrp kvm /dev/kvm && chmod 0660 /dev/kvm gives each monitor its own user',
  );
}
