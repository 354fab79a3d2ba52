import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { assert } from '../../kernel/assert.js';
import { DriverError } from '../../worker/sandbox/driver.js';
import { signal } from '../../worker/sandbox/process/processes.js';
import type { Capture, Machine, MachineExit, MachineShape } from '../vmm.js';
import { stateOutName } from './arguments.js';
import { changedPages, findMemory, pageBytes } from './changedpages.js';
import type { Qmp } from './qmp.js';
import type { Seat } from './seat.js';

/** Device state of a machine with all its drives is some 150 KB. */
const stateBytesMax = 64 * 1024 * 1024;
/** The monitor itself beside the guest's memory: its program, 128 MiB of translated code, device buffers. */
export const monitorMib = 320;

export interface MachineParts {
  readonly id: string;
  readonly shape: MachineShape;
  readonly seat: Seat;
  readonly qmp: Qmp;
  readonly pid: number;
  /** Settles when the network can be used. */
  readonly networkUp: Promise<void> | undefined;
  /** Called once nothing of it is left. */
  readonly released: () => void;
}

/** A QEMU process that runs. */
export class QemuMachine implements Machine {
  readonly exited: Promise<MachineExit>;
  private killed: Promise<void> | null = null;
  private over = false;
  private stopped = false;
  private memoryFd: number | null = null;
  private memoryStart: number | null = null;
  /** What of the state file belongs to earlier captures: the monitor goes on writing where it was. */
  private stateBytes = 0;

  constructor(private readonly parts: MachineParts) {
    const { seat, qmp } = parts;
    this.exited = seat.ended.then((how) => {
      this.over = true;
      qmp.fail(how);
      const reason = this.killed ? 'killed' : describe(how, seat);
      // What it leaves must go also when nobody asks: its network, its cgroups.
      this.kill().catch(() => {});
      return { reason };
    });
  }

  /** Rejects with DriverError when its network did not come up. */
  async connected(): Promise<void> {
    await this.parts.networkUp;
  }

  get id(): string {
    return this.parts.id;
  }

  get channel(): Socket {
    return this.parts.seat.channel;
  }

  console(): string {
    return this.parts.seat.console.toString();
  }

  async pause(): Promise<void> {
    await this.parts.qmp.execute('stop', {});
  }

  async resume(): Promise<void> {
    await this.parts.qmp.execute('cont', {});
  }

  freeze(): void {
    if (this.over || this.killed) return;
    if (this.parts.seat.cgroup.canFreeze) this.parts.seat.cgroup.freeze();
    else if (!this.stopped) signal(this.parts.pid, 'SIGSTOP');
    this.stopped = true;
  }

  thaw(): void {
    if (this.over || this.killed) return;
    if (this.parts.seat.cgroup.canFreeze) this.parts.seat.cgroup.thaw();
    else if (this.stopped) signal(this.parts.pid, 'SIGCONT');
    this.stopped = false;
  }

  doomed(): boolean {
    return !this.over && !this.killed && this.parts.seat.cgroup.doomed();
  }

  async capture(): Promise<Capture> {
    const { qmp, pid, shape } = this.parts;
    const { running } = await qmp.execute('query-status', {});
    if (running) throw new DriverError('a machine must be paused to be captured');
    await qmp.execute('xen-save-devices-state', { filename: stateOutName, live: false });
    const state = this.readState();
    const memoryBytes = shape.memoryMib * 1024 * 1024;
    try {
      this.memoryStart ??= findMemory(pid, memoryBytes);
      this.memoryFd ??= openSync(`/proc/${pid}/mem`, 'r');
      const pages = await changedPages(pid, this.memoryStart, memoryBytes);
      const memory = { path: `/proc/${pid}/mem`, offset: this.memoryStart };
      return { state, pages, memory, read: (first, count) => this.read(first, count) };
    } catch (error) {
      if (error instanceof DriverError) throw error;
      throw new DriverError(`the machine's memory cannot be read: ${(error as Error).message}`);
    }
  }

  limit(memoryMib: number): void {
    if (this.over || this.killed) return;
    this.parts.seat.cgroup.setLimits(memoryMib, this.parts.shape.memoryMib + monitorMib);
  }

  privateKib(): number | null {
    if (this.over) return null;
    try {
      const text = readFileSync(`/proc/${this.parts.pid}/smaps_rollup`, 'latin1');
      const kib = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
      return kib('Private_Clean') + kib('Private_Dirty');
    } catch {
      return null; // It ends just now.
    }
  }

  kill(): Promise<void> {
    this.killed ??= this.end();
    return this.killed;
  }

  private async end(): Promise<void> {
    const { seat, qmp, pid, released } = this.parts;
    qmp.fail('killed');
    try {
      await seat.dispose(pid);
    } finally {
      this.over = true;
      if (this.memoryFd !== null) closeSync(this.memoryFd);
      this.memoryFd = null;
      released();
    }
  }

  private readState(): Buffer {
    const pieces: Buffer[] = [];
    for (let bytes = 0; ; ) {
      const piece = Buffer.allocUnsafe(256 * 1024);
      const got = readSync(this.parts.seat.stateOutFd, piece, 0, piece.length, this.stateBytes);
      if (got === 0) break;
      pieces.push(piece.subarray(0, got));
      this.stateBytes += got;
      bytes += got;
      if (bytes > stateBytesMax) throw new DriverError(`device state of more than ${stateBytesMax} bytes`);
    }
    if (pieces.length === 0) throw new DriverError('the monitor wrote no device state');
    return Buffer.concat(pieces);
  }

  private read(first: number, count: number): Buffer {
    const pagesMax = (this.parts.shape.memoryMib * 1024 * 1024) / pageBytes;
    assert(first >= 0 && count >= 0 && first + count <= pagesMax, 'pages of the machine');
    if (this.memoryFd === null || this.memoryStart === null) throw new DriverError('the machine has ended');
    const bytes = Buffer.allocUnsafe(count * pageBytes);
    for (let done = 0; done < bytes.length; ) {
      const at = this.memoryStart + first * pageBytes + done;
      const got = readSync(this.memoryFd, bytes, done, bytes.length - done, at);
      if (got === 0) throw new DriverError('the machine has ended');
      done += got;
    }
    return bytes;
  }
}

/** The end of a monitor in words. */
export function describe(how: string, seat: Seat): string {
  const words = seat.errors.toString().trim();
  const memory = seat.cgroup.oomKills() > 0 ? ' at its memory limit' : '';
  return `monitor ended with ${how}${memory}${words ? `: ${words}` : ''}`;
}
