import type { Duplex, Readable } from 'node:stream';

/** What separates a sandbox from the host and from others. Shown, never claimed: each line says what is in force. */
export interface Protection {
  /** For example `pid namespace`, `seccomp filter`, `memory limit`. */
  readonly name: string;
  readonly inForce: boolean;
  /** How (`cgroup v1 memory controller`) or why not (`no writable cgroup`). */
  readonly detail: string;
}

export type IsolationGrade = 'microvm' | 'namespaces' | 'none';

/** A runtime's files and command, as the driver needs them. Produced by `worker/runtimes/`. */
export interface RuntimeLaunch {
  readonly name: string;
  /** Host directories or files to show read-only inside: `/var/lang/bin/node`, `/var/runtime`, … */
  readonly mounts: readonly { readonly hostPath: string; readonly sandboxPath: string }[];
  /**
   * Command of a managed runtime's bootstrap inside the sandbox; it inherits the channel as descriptor 3.
   * Null for `provided.*`, and for a runtime that has to start with its function's variables: the box boots to the
   * agent and waits for `start`.
   */
  readonly command: readonly string[] | null;
  /** Environment the bootstrap process starts with (a spare knows no function yet). */
  readonly environment: Readonly<Record<string, string>>;
}

/** A sandbox's `/tmp`: survives a restart of the runtime inside the same sandbox, goes with the sandbox. */
export interface Scratch {
  readonly mib: number;
  dispose(): Promise<void>;
}

/** What makes a booted box a function's. */
export interface BoxBinding {
  /** Extracted code tree on the host; appears read-only as `/var/task`. */
  readonly codeDirectory: string;
  /** Extracted layers merged, or null: appears read-only as `/opt`. */
  readonly layersDirectory: string | null;
  readonly scratch: Scratch;
  readonly memoryMib: number;
  /**
   * Whose function it is, by account and name: where code is kept as images, they are this account's alone and successors
   * of the function's last one. Absent: nobody's in particular.
   */
  readonly owner?: { readonly account: string; readonly functionName: string };
}

export interface BoxExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The kernel killed something in the box because its memory limit was reached. */
  readonly outOfMemory: boolean;
}

/**
 * Programs that run beside a box's runtime as processes of their own: external extensions, numbered from 1 in the order
 * of their start; the runtime is 0.
 */
export interface Crew {
  /** What the extensions print. Flows from the first listener on; ends with the box. */
  readonly output: Readable;
  /** How each program ended, the runtime included: with a crew its end is not the box's. */
  onExit: (program: number, exit: BoxExit) => void;
  /** Starts the next extension with exactly this environment; before the box's `start`. At most ten. */
  start(command: readonly string[], environment: Readonly<Record<string, string>>): void;
  /** SIGKILL goes to everything the program started, too. */
  signal(program: number, name: 'SIGTERM' | 'SIGKILL'): void;
}

/** A connection of a program in a box: what a `net.Socket` and a stream of a virtual machine's link have in common. */
export interface BoxSocket extends Duplex {
  setNoDelay(noDelay?: boolean): unknown;
}

/** Where connections from a box arrive: a listening `net.Server`, or what stands for one. */
export interface BoxServer {
  on(event: 'connection', listener: (socket: BoxSocket) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeAllListeners(event: 'connection'): unknown;
  close(): unknown;
}

/** What cache tiers served while a box was restored. */
export interface TierShare {
  /** By tier: `memory`, `disk`, `l2`, `origin`. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Other boxes that were started or restored meanwhile: what they were served is among it. */
  readonly besides: number;
}

/** One booted isolated environment. All methods may be called after the exit and then do nothing. */
export interface Box {
  readonly id: string;
  /** Frames to and from a managed bootstrap (descriptor 3 inside). */
  readonly channel: Duplex;
  /** Listens on 127.0.0.1:9001 inside the box; connections arrive here. Its address inside: `runtimeApiAddress`. */
  readonly runtimeApi: BoxServer;
  readonly runtimeApiAddress: string;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Where the code is as seen from inside: `/var/task`, or with grade `none` the host's directory (after `bind`). */
  readonly taskRoot: string;
  /** The same of the layers: `/opt`, or with grade `none` the host's directory (after `bind`). */
  readonly layersRoot: string;
  /** Variables this box itself needs besides Lambda's own: `{}`, or `{ TMPDIR }` where `/tmp` is not the sandbox's. */
  readonly environment: Readonly<Record<string, string>>;
  /** Mounts code, layers and `/tmp`, sets memory, pid and CPU limits. Once per box, before INIT or `start`. */
  bind(binding: BoxBinding): Promise<void>;
  /**
   * The waiting agent executes `command` with exactly this environment. `keepsChannel`: it inherits the channel as
   * descriptor 3; what is written to the channel from now on is for it. Else (`provided.*`) the channel ends.
   */
  start(command: readonly string[], environment: Readonly<Record<string, string>>, keepsChannel?: boolean): void;
  /** For extensions: in a box that waits for `start`, once, after `bind`. From then on only `kill` ends the box. */
  crew(): Promise<Crew>;
  /** Connects to a port of the sandbox's own loopback. Rejects with DriverError when nobody listens there. */
  connect(port: number): Promise<BoxSocket>;
  /** Stops all processes from running; idempotent, synchronous and cheap (one write). */
  freeze(): void;
  thaw(): void;
  /** Some process of it was killed while it was frozen, and cannot end before it thaws. Absent: that cannot be. Up to 200 µs. */
  doomed?(): boolean;
  /**
   * Of a restored box, as soon as its hooks have run: what the cache tiers served. Null where that cannot be told; absent:
   * there are none. Never rejects.
   */
  tierBytes?(): Promise<TierShare | null>;
  /** The first invocation is over, however it went: what a start needs has been touched. Idempotent. */
  settled?(): void;
  /**
   * High-water mark of memory since boot, MiB rounded up, from the kernel: the larger of what the cgroup counted and
   * what one process held resident, libraries included; null while the kernel tells neither. Up to 100 µs.
   */
  memoryPeakMib(): number | null;
  /** SIGTERM to the runtime process (shutdown phase). */
  terminate(): void;
  /** SIGKILL to everything inside; resolves when nothing of it is left (processes, cgroup, mounts, network). */
  kill(): Promise<void>;
  readonly exited: Promise<BoxExit>;
}

/** Sizes of one snapshot layer, bytes. */
export interface SnapshotSizes {
  /** Of the whole memory. */
  readonly logicalBytes: number;
  /** Different pages that this layer holds beyond its parent's, before compression. */
  readonly uniqueBytes: number;
  /** What storing it added, compressed. */
  readonly storedBytes: number;
}

/** Saved initialized sandboxes, from which new ones start (SnapStart). Ids: `[a-zA-Z0-9._-]{1,120}`, one a version. */
export interface FunctionSnapshots {
  /**
   * Saves a bound box whose runtime is initialized and waits to be restored. Pauses it meanwhile; whether it goes on
   * afterwards is up to the caller. Rejects with DriverError; nothing is kept then. A second capture of an id replaces.
   */
  capture(box: Box, id: string, account: string): Promise<SnapshotSizes>;
  /** Whether a restore of it can work here and now (made by another version of anything: no). */
  has(id: string): Promise<boolean>;
  /** A new box in the state of the capture, bound to this code and scratch, with fresh entropy, clock and host name. */
  restore(request: { readonly boxId: string; readonly id: string; readonly binding: BoxBinding }): Promise<Box>;
  drop(id: string): Promise<void>;
}

export interface SandboxDriver {
  readonly grade: IsolationGrade;
  /** Functions with more memory cannot take a spare. Infinite where memory is a limit only, not hardware. */
  readonly spareMemoryMibMax: number;
  /** Spares hold memory that two accounts may not share: each account has spares of its own. */
  readonly sparesPerAccount: boolean;
  /** Programs are slow at what they do for the first time, since their processor is emulated: what waits rehearses. */
  readonly rehearses: boolean;
  /**
   * Memory of the host that a box takes beside its function's, MiB, and a spare beside the runtime's. 0 where a sandbox is
   * processes only: the kernel counts all that they use as the function's.
   */
  readonly boxOwnMib: number;
  /** Null where a sandbox cannot be saved. */
  readonly snapshots: FunctionSnapshots | null;
  protections(): readonly Protection[];
  /** Boots a box that waits for its function. Rejects with DriverError; leaves nothing behind then. */
  boot(request: {
    readonly boxId: string;
    readonly runtime: RuntimeLaunch;
    /** Of the function it is for; absent for a spare, which then serves only functions up to `spareMemoryMibMax`. */
    readonly memoryMib?: number;
    /** Whose function it is for. Absent: nobody's in particular. */
    readonly account?: string;
  }): Promise<Box>;
  /** Makes ahead what the first boot of a runtime would have to wait for. Absent: nothing. Rejects with DriverError. */
  prepare?(runtime: RuntimeLaunch): Promise<void>;
  /**
   * What waits here to make starts quicker, and for no box: the memory that it counts as, MiB, and how to get some of it
   * back (false: nothing waits). Absent: there is no such thing.
   */
  readonly waiting?: { readonly mib: number; drop(): boolean };
  createScratch(mib: number): Promise<Scratch>;
  /** Kills every box and removes everything of this driver from the machine. */
  close(): Promise<void>;
}

/** The machine did not give what a sandbox needs. The message says what and how to get it. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
}
