import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, ftruncateSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { BoxCgroup } from '../../worker/sandbox/process/boxcgroup.js';
import { signal } from '../../worker/sandbox/process/processes.js';
import { descriptors } from './arguments.js';
import { Tail } from './tail.js';

/** Open files of a monitor: its descriptors, drives, and connections of its guest to the network. */
const filesMax = 1024;
const errorCharsMax = 2000;
/** A killed monitor with a large memory needs some 10 ms to go. */
const reapMsMax = 5_000;
/** Console kept for error messages (port: at most 16 KiB). */
const consoleCharsMax = 16 * 1024;

export interface SeatRequest {
  readonly launcher: string;
  /** Folder of the monitor's files that have a name only while a process starts. */
  readonly folder: string;
  readonly name: string;
  /** User of the machine that the monitor runs as, or null: ours. */
  readonly uid: number | null;
  readonly gid: number | null;
  readonly cgroup: BoxCgroup;
  /** `N:PATH` of files that the monitor gets to read, or to write. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly command: readonly string[];
}

/** One monitor's process with its place: cgroup, user, and the descriptors that connect it to us. */
export class Seat {
  readonly channel: Socket;
  readonly qmp: Socket;
  /** Device state for the monitor to start from. */
  readonly stateIn: Socket;
  readonly console = new Tail(consoleCharsMax);
  readonly errors = new Tail(errorCharsMax);
  /** Exit status or signal in words, when process and pipes are at their end. */
  readonly ended: Promise<string>;

  private constructor(
    readonly child: ChildProcess,
    readonly cgroup: BoxCgroup,
    /** To read what the monitor wrote of its state. */
    readonly stateOutFd: number,
  ) {
    const stdio = child.stdio as unknown as readonly Socket[];
    this.channel = stdio[descriptors.channel]!;
    this.qmp = stdio[descriptors.qmp]!;
    this.stateIn = stdio[descriptors.stateIn]!;
    for (const stream of stdio) stream?.on('error', () => {}); // An end of the other side shows as its exit.
    child.stdout!.setEncoding('latin1').on('data', (text: string) => this.console.add(text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => this.errors.add(text));
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (status, signal) => {
        // What it wrote before is read first; a pipe that something else holds open must not hold us.
        const settle = () => resolve(signal ?? `status ${status}`);
        if (child.stderr!.destroyed) {
          settle();
          return;
        }
        const timer = setTimeout(settle, 1_000);
        child.stderr!.once('close', () => {
          clearTimeout(timer);
          settle();
        });
      });
    });
  }

  /** Throws DriverError when a file is missing; nothing is left then but the cgroup. */
  static start(request: SeatRequest): Seat {
    const opened: number[] = [];
    const open = (path: string, flags: string) => {
      const fd = openSync(path, flags);
      opened.push(fd);
      return fd;
    };
    const statePath = join(request.folder, `${request.name}.state`);
    try {
      writeFileSync(statePath, '', { mode: 0o600 });
      const stateOut = open(statePath, 'w');
      const stateRead = openSync(statePath, 'r');
      const filter = open(join(request.folder, 'filter'), 'r');
      const child = spawn(
        request.launcher,
        [
          ...request.cgroup.procsFiles.flatMap((file) => ['--cgroup', file]),
          ...request.reads.flatMap((file) => ['--read', file]),
          ...request.writes.flatMap((file) => ['--write', file]),
          ...['--owner', String(process.pid), '--nofile', String(filesMax), '--core', '0'],
          ...(request.uid === null ? [] : ['--uid', String(request.uid), '--gid', String(request.gid)]),
          '--',
          ...request.command,
        ],
        {
          cwd: '/',
          env: {},
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', filter, 'pipe', stateOut],
        },
      );
      return new Seat(child, request.cgroup, stateRead);
    } catch (error) {
      throw new DriverError(`cannot start a virtual machine monitor: ${(error as Error).message}`);
    } finally {
      for (const fd of opened) closeSync(fd);
      try {
        unlinkSync(statePath);
      } catch {
        // It was never made.
      }
    }
  }

  /** Process id of the monitor itself, as the machine sees it: bubblewrap writes it when it has made the jail. */
  monitorPid(): Promise<number> {
    const stream = (this.child.stdio as readonly unknown[])[descriptors.info] as Readable;
    return new Promise((resolve) => {
      let text = '';
      stream.setEncoding('utf8').on('data', (piece: string) => {
        text = (text + piece).slice(0, errorCharsMax);
        const match = /"child-pid":\s*(\d+)\D/.exec(text);
        if (match) resolve(Number(match[1]));
      });
    });
  }

  /**
   * Kills what runs in it and removes its cgroups. The monitor itself first, where its id is known: bubblewrap then sees
   * its end; the other way round it would be left to the machine's first process. Rejects when the kernel does not let
   * go of something.
   */
  async dispose(monitorPid?: number): Promise<void> {
    const { exitCode, signalCode, pid } = this.child;
    if (monitorPid !== undefined && exitCode === null && signalCode === null) {
      signal(monitorPid, 'SIGKILL');
      this.cgroup.thaw();
      const timer = setTimeout(() => this.child.kill('SIGKILL'), reapMsMax);
      await this.ended;
      clearTimeout(timer);
    }
    this.child.kill('SIGKILL');
    await this.cgroup.remove();
    if (pid !== undefined) await this.ended;
    for (const stream of this.child.stdio) stream?.destroy();
    closeSync(this.stateOutFd);
  }
}

/** A sparse file of zeros that `uid` may map, for the moment until its monitor has opened it. */
export function makeMemoryFile(path: string, bytes: number, uid: number | null): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(fd, bytes);
    if (uid !== null) chownSync(path, uid, uid);
  } finally {
    closeSync(fd);
  }
}
