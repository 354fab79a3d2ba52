import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { DriverError } from '../../worker/sandbox/driver.js';
import type { BoxCgroup } from '../../worker/sandbox/process/boxcgroup.js';
import type { Cgroups } from '../../worker/sandbox/process/cgroups.js';
import { Network } from '../../worker/sandbox/process/network.js';
import { signal } from '../../worker/sandbox/process/processes.js';
import { descriptors } from './arguments.js';
import { Tail } from './tail.js';
import type { UserIds } from './userids.js';

/** Open files of a monitor: its descriptors, drives, and connections of its guest to the network. */
const filesMax = 1024;
const errorCharsMax = 2000;
/** A killed monitor with a large memory needs some 10 ms to go. */
const reapMsMax = 5_000;
/** Console kept for error messages (port: at most 16 KiB). */
const consoleCharsMax = 16 * 1024;

/** What all seats share. */
export interface SeatPlace {
  readonly launcher: string;
  /** Null without outbound network. */
  readonly slirp: string | null;
  /** Addresses of this machine that guests may reach. Default: none. */
  readonly reachable?: readonly string[];
  /** Ours; holds `filter` and, for a moment, files of seats. */
  readonly folder: string;
  readonly cgroups: Cgroups;
  /** Null: all monitors run as our user. */
  readonly userIds: UserIds | null;
  /** Group of the machine whose members may open /dev/kvm; null where a monitor's own will do. */
  readonly kvmGroup: number | null;
}

export interface SeatProgram {
  /** `N:PATH` of files that the program gets to read, or to write. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly command: readonly string[];
}

let made = 0;

/**
 * The place of one monitor: cgroups, user, a process in them that waits for what to become, with the descriptors that
 * connect it to us, and one that waits to become its network. Entering a cgroup costs some 10 ms (the kernel waits for
 * all its processors), and starting a process costs ours some more: both can therefore happen beforehand.
 */
export class Seat {
  readonly channel: Socket;
  readonly qmp: Socket;
  /** Device state for the monitor to start from. */
  readonly stateIn: Socket;
  readonly console = new Tail(consoleCharsMax);
  readonly errors = new Tail(errorCharsMax);
  /** Exit status or signal in words, when process and pipes are at their end. */
  readonly ended: Promise<string>;
  private disposed = false;

  private constructor(
    private readonly place: SeatPlace,
    /** Names files in the place's folder. */
    readonly name: string,
    /** User of the machine that the monitor runs as, or null: ours. */
    readonly uid: number | null,
    readonly cgroup: BoxCgroup,
    readonly child: ChildProcess,
    /** To read what the monitor wrote of its state. */
    readonly stateOutFd: number,
    /** Null without outbound network. */
    readonly network: Network | null,
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

  /** Throws DriverError; nothing is left then. */
  static make(place: SeatPlace): Seat {
    made += 1;
    const name = String(made);
    const uid = place.userIds?.take() ?? null;
    const opened: number[] = [];
    const open = (path: string, flags: string) => {
      const fd = openSync(path, flags);
      opened.push(fd);
      return fd;
    };
    const statePath = join(place.folder, `${name}.state`);
    let cgroup: BoxCgroup | null = null;
    try {
      cgroup = place.cgroups.createBox(name);
      writeFileSync(statePath, '', { mode: 0o600 });
      const filter = open(join(place.folder, 'filter'), 'r');
      const stateOut = open(statePath, 'w');
      const child = spawn(
        place.launcher,
        [
          ...cgroup.procsFiles.flatMap((file) => ['--cgroup', file]),
          ...['--owner', String(process.pid), '--core', '0', '--rest-fd', String(descriptors.rest)],
        ],
        {
          cwd: '/',
          env: {},
          detached: true,
          stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', filter, 'pipe', stateOut, 'pipe'],
        },
      );
      const network = place.slirp === null ? null : Network.prepare(place.launcher, place.slirp, place.reachable);
      return new Seat(place, name, uid, cgroup, child, openSync(statePath, 'r'), network);
    } catch (error) {
      cgroup?.remove().catch(() => {});
      if (uid !== null) place.userIds?.giveBack(uid);
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

  get usable(): boolean {
    const { exitCode, signalCode, pid } = this.child;
    return exitCode === null && signalCode === null && pid !== undefined && this.network?.usable !== false;
  }

  /** The waiting process opens the files, takes its user and becomes the program. Throws DriverError for a NUL inside. */
  run(program: SeatProgram): void {
    const { uid, place } = this;
    const command = [
      place.launcher,
      ...program.reads.flatMap((file) => ['--read', file]),
      ...program.writes.flatMap((file) => ['--write', file]),
      ...['--owner', String(process.pid), '--nofile', String(filesMax)],
      ...(uid === null ? [] : ['--uid', String(uid), '--gid', String(place.kvmGroup ?? uid)]),
      '--',
      ...program.command,
    ];
    if (command.some((text) => text.includes('\0')))
      throw new DriverError('NUL in a path or in the kernel command line');
    const rest = (this.child.stdio as readonly unknown[])[descriptors.rest] as Writable;
    rest.end(command.map((text) => `${text}\0`).join(''));
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
   * go of something. Once.
   */
  async dispose(monitorPid?: number): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    const { exitCode, signalCode, pid } = this.child;
    if (monitorPid !== undefined && exitCode === null && signalCode === null) {
      signal(monitorPid, 'SIGKILL');
      this.cgroup.thaw();
      const timer = setTimeout(() => this.child.kill('SIGKILL'), reapMsMax);
      await this.ended;
      clearTimeout(timer);
    }
    this.child.kill('SIGKILL');
    try {
      await Promise.all([this.network?.stop(), this.cgroup.remove(), pid === undefined ? null : this.ended]);
      // Not when something of it is left: nobody else may be the user of that.
      if (this.uid !== null) this.place.userIds?.giveBack(this.uid);
    } finally {
      for (const stream of this.child.stdio) stream?.destroy();
      closeSync(this.stateOutFd);
    }
  }
}
