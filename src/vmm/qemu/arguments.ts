import { guestNetwork, type MachineShape } from '../vmm.js';

export type Accelerator = 'kvm' | 'tcg';

/** Descriptors of a monitor: it opens nothing by name but its own program files. */
export const descriptors = {
  /** Sockets to us. */
  channel: 3,
  qmp: 4,
  /** bubblewrap's. */
  info: 5,
  filter: 6,
  /** Device state in: a socket. Device state out: a file. */
  stateIn: 7,
  stateOut: 8,
  /** What the waiting process is to become. */
  rest: 9,
  memory: 10,
  kernel: 11,
  initrd: 12,
  resolvConf: 13,
  /** And the following: drives. */
  firstDrive: 20,
} as const;

/** Drives of one machine: their descriptors stay far below the limit of open files, their PCI slots below 31. */
export const drivesMax = 16;
export const memoryMibMin = 128;
export const memoryMibMax = 16_384;
export const processorsMax = 16;

/**
 * Bytes of translated code that emulation keeps, MiB: room for what Node or Python run; the default is an eighth of
 * the machine's memory. When it is full, translation starts afresh.
 */
export const translationMib = 128;

/** Raised with every change of the virtual hardware below: snapshots of other hardware do not restore. */
const hardwareVersion = 2;

export interface MonitorKind {
  readonly accelerator: Accelerator;
  /** For example `[7, 2]`. */
  readonly version: readonly [major: number, minor: number];
  /** For example `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`. */
  readonly versionText: string;
  /** What the processor of this machine can do, as one word; with emulation it does not matter. */
  readonly hostProcessor: string;
}

/**
 * `pc`: boots everywhere (`microvm` hangs with emulation in most boots). Without what a Linux guest would only spend
 * time to find: high precision timer, keyboard, USB, SMBus, VMware's port.
 */
function machineType({ version: [major] }: MonitorKind): string {
  const parts = ['pc', 'usb=off', 'vmport=off', 'hpet=off', 'smbus=off', 'suppress-vmdesc=on', 'memory-backend=mem0'];
  // Came with QEMU 7.0.
  if (major >= 7) parts.push('i8042=off');
  return parts.join(',');
}

/** With emulation everything QEMU can emulate, which does not depend on this machine's processor. */
const processorModel = ({ accelerator }: MonitorKind): string => (accelerator === 'kvm' ? 'host' : 'max');

/** Everything but the shape that a snapshot depends on, in one line. */
export function identityOf(kind: MonitorKind): string {
  const processor = kind.accelerator === 'kvm' ? `host ${kind.hostProcessor}` : processorModel(kind);
  return `qemu ${kind.versionText}; ${kind.accelerator}; ${machineType(kind)}; ${processor}; hardware ${hardwareVersion}`;
}

/** What this monitor's hardware wants the kernel to know; comes before the caller's own words. */
export function kernelWords({ accelerator }: MonitorKind): string {
  // `reboot=t`: a restart or panic is a triple fault, which ends the monitor; other ways need a keyboard controller.
  const words = ['console=ttyS0', 'panic=-1', 'reboot=t', 'tsc=reliable', 'no_timer_check', 'cryptomgr.notests'];
  // The guest has one tenant, and emulated processors do not speculate: clearing buffers only costs time.
  if (accelerator === 'tcg') words.push('mitigations=off');
  return words.join(' ');
}

export type MonitorStart =
  | { readonly kind: 'boot'; readonly commandLine: string }
  /** Waits for the device state. */
  | { readonly kind: 'restore' };

/** Arguments of QEMU. Everything it works on comes as a descriptor. The same for a boot and its restores but the last. */
export function monitorArguments(
  kind: MonitorKind,
  shape: MachineShape,
  start: MonitorStart,
  outbound: boolean,
): string[] {
  const { accelerator } = kind;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-M', machineType(kind)],
    ...['-accel', accelerator === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${translationMib}`],
    ...['-cpu', processorModel(kind), '-smp', String(shape.processors), '-m', `${shape.memoryMib}M`],
    ...[
      '-object',
      `memory-backend-file,id=mem0,size=${shape.memoryMib}M,share=off,mem-path=/proc/self/fd/${descriptors.memory}`,
    ],
    // The state file of a stopped machine is read as it is, without a description in front.
    ...['-global', 'migration.send-configuration=off'],
    ...['-chardev', `socket,id=qmp,fd=${descriptors.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci,id=serial,max_ports=2'],
    ...['-chardev', `socket,id=channel,fd=${descriptors.channel}`],
    ...['-device', 'virtserialport,chardev=channel,name=hearth,nr=1'],
    ...['-object', 'rng-random,id=entropy,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=entropy'],
    ...['-add-fd', `fd=${descriptors.stateOut},set=1`],
    ...shape.drives.flatMap((drive, index) => driveArguments(index, drive)),
    ...(shape.network ? networkArguments(outbound) : []),
    ...startArguments(kind, start),
  ];
}

/** Where `xen-save-devices-state` writes to. */
export const stateOutName = '/dev/fdset/1';

function driveArguments(index: number, { bytes, readOnly }: MachineShape['drives'][number]): string[] {
  const fd = descriptors.firstDrive + index;
  return [
    ...['-add-fd', `fd=${fd},set=${fd}`],
    '-blockdev',
    // Many machines read the same image, hence no locks. A drive does not outlive its machine: flushing is for nothing.
    `driver=raw,node-name=drive${index},size=${bytes},read-only=${readOnly ? 'on' : 'off'},cache.no-flush=on,discard=unmap,` +
      `file.driver=file,file.filename=/dev/fdset/${fd},file.locking=off,file.cache.no-flush=on,file.discard=unmap`,
    // Errors are the guest's: it must not stop, and wait for someone to make room.
    ...['-device', `virtio-blk-pci,drive=drive${index},write-cache=on,rerror=report,werror=report`],
  ];
}

function networkArguments(outbound: boolean): string[] {
  const { gateway, nameServer, address, prefixBits } = guestNetwork;
  const net = `${gateway.replace(/\d+$/, '0')}/${prefixBits}`;
  return [
    '-netdev',
    `user,id=net0,ipv6=off,net=${net},host=${gateway},dns=${nameServer},dhcpstart=${address}${outbound ? '' : ',restrict=on'}`,
    // A guest told that it moved looks through all of its network: thousands of instructions, emulated. (The parameter of
    // migrations, `announce-rounds` 0, makes QEMU 7.2 end in a fault.)
    ...['-device', 'virtio-net-pci,netdev=net0,guest_announce=off,romfile=,mac=52:54:00:00:03:15'],
  ];
}

function startArguments(kind: MonitorKind, start: MonitorStart): string[] {
  // -S: paused until told otherwise.
  if (start.kind === 'restore') return ['-S', '-incoming', 'defer'];
  return [
    ...['-kernel', `/proc/self/fd/${descriptors.kernel}`, '-initrd', `/proc/self/fd/${descriptors.initrd}`],
    ...['-append', `${kernelWords(kind)} ${start.commandLine}`.trim()],
  ];
}
