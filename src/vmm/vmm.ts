import type { Duplex } from 'node:stream';
import type { Protection } from '../worker/sandbox/driver.js';

/**
 * Port to a virtual machine monitor. Nothing of a particular one shows: a machine has memory, processors, drives, one
 * byte channel and perhaps a network; it boots a kernel or restores a snapshot. First implementation: `qemu/`.
 */
export interface Vmm {
  /** `qemu`, later `firecracker`. */
  readonly name: string;
  /** How guest code executes: `kvm` where a probe booted a kernel with it, else `tcg` (emulation). */
  readonly accelerator: string;
  /**
   * Everything but the shape that a snapshot's restore depends on, as one line: monitor and version, accelerator,
   * machine type, processor model. Part of a snapshot's key.
   */
  readonly identity: string;
  protections(): readonly Protection[];
  /** Starts a kernel. Resolves with the machine running. Rejects with DriverError; nothing is left then. */
  boot(request: BootMachine): Promise<Machine>;
  /** Restores a snapshot. Resolves with the machine paused, as when captured; `resume` lets it run. Else as `boot`. */
  restore(request: RestoreMachine): Promise<Machine>;
  /**
   * The first part of a restore, where it takes time: everything that needs no device state. Who restores from one image
   * again and again keeps some of these waiting. Absent where it would save nothing.
   */
  prepare?(request: PrepareMachine): Promise<PreparedMachine>;
  /** Ends every machine and removes everything of this monitor from the host. */
  close(): Promise<void>;
}

/**
 * Addresses of a machine's network, the same in each: it is alone in it. The guest sets them itself
 * (`guest/vm/network.c`). Not slirp4netns's usual net (10.0.2.0/24), which may lie behind the monitor.
 */
export const guestNetwork = {
  address: '10.0.3.15',
  prefixBits: 24,
  gateway: '10.0.3.2',
  nameServer: '10.0.3.3',
} as const;

/** What a machine consists of. A snapshot restores only into the same shape. */
export interface MachineShape {
  /** Of the virtual hardware; 128 to 16,384. */
  readonly memoryMib: number;
  readonly processors: number;
  /** In this order in the guest (`/dev/vda`, …). Sizes are fixed: a guest keeps the size it saw when it booted. */
  readonly drives: readonly { readonly bytes: number; readonly readOnly: boolean }[];
  /** Outbound network; never reaches the host's loopback or another machine. */
  readonly network: boolean;
}

export interface MachineRequest {
  /** Unique among this monitor's machines. */
  readonly id: string;
  readonly shape: MachineShape;
  /** Host file of each drive of the shape, of exactly its size (may be sparse). */
  readonly drivePaths: readonly string[];
}

export interface BootMachine extends MachineRequest {
  readonly kernelPath: string;
  readonly initrdPath: string;
  /** The caller's words; the monitor puts in front what its hardware needs (console, clock). */
  readonly commandLine: string;
}

export interface PrepareMachine extends MachineRequest {
  /**
   * The memory image, of exactly the memory's size. Mapped copy-on-write: never changed, read page by page on demand.
   * The monitor's own user must be able to open it for writing (as in a sparse file system, which refuses the writes).
   */
  readonly memoryPath: string;
}

export interface RestoreMachine extends PrepareMachine {
  /** Device state, as `capture` gave it. */
  readonly state: Buffer;
}

/** A machine that waits for its device state. It counts as a machine: its id is taken, `close` ends it. */
export interface PreparedMachine {
  readonly id: string;
  /** Once. As `Vmm.restore`: when it rejects, nothing of the machine is left. */
  restore(state: Buffer): Promise<Machine>;
  /** Resolves when nothing of it is left; does nothing after `restore`. */
  dispose(): Promise<void>;
  /** Resolves when it has ended without `restore`: what it was for must be started anew. */
  readonly ended: Promise<MachineExit>;
}

export interface MachineExit {
  /** In words, for the log: `killed`, `monitor ended with status 1: …`. */
  readonly reason: string;
}

/** One virtual machine. All methods may be called after its end and then do nothing or reject with DriverError. */
export interface Machine {
  readonly id: string;
  /** Bytes to and from the guest's virtio-serial port `hearth`; bytes written before the guest listens are kept. */
  readonly channel: Duplex;
  /** The last lines of the guest's console (at most 16 KiB): for error messages. */
  console(): string;
  /** Virtual processors run, or not. Awaited: the guest's state stands still (devices included) when it resolves. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Takes the whole monitor off the processor, or puts it back; idempotent, synchronous, cheap. For idle sandboxes. */
  freeze(): void;
  thaw(): void;
  /** The monitor was killed while it was off the processor, and ends when it is put back. Up to 200 µs. */
  doomed(): boolean;
  /**
   * Device state and changed memory of a paused machine. `read` works until the machine ends. Pages that were never
   * written since boot (then: zero) or restore (then: the image's) are not among them.
   */
  capture(): Promise<Capture>;
  /** CPU share and memory bound of the monitor for a function of this memory size. */
  limit(memoryMib: number): void;
  /** Memory that is the monitor's alone, KiB (kernel's count), or null once it has ended. */
  privateKib(): number | null;
  /** Resolves when nothing of it is left (processes, cgroup, sockets, files, network). */
  kill(): Promise<void>;
  readonly exited: Promise<MachineExit>;
}

export interface Capture {
  readonly state: Buffer;
  /** Numbers of 4 KiB pages, ascending. */
  readonly pages: Uint32Array;
  /** Where a worker thread of this process reads page N: at byte `offset + N × 4096` of that file. As long as `read`. */
  readonly memory: { readonly path: string; readonly offset: number };
  /** Bytes of `count` pages from page `first` on, from the machine's memory. */
  read(first: number, count: number): Buffer;
}
