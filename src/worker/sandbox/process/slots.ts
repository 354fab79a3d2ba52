import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { assert } from '../../../kernel/assert.js';
import { DriverError } from '../driver.js';
import type { BoxCgroup } from './boxcgroup.js';
import type { Cgroups } from './cgroups.js';
import type { Mounts } from './mounts.js';
import { Network } from './network.js';
import { outputPipe } from './outputpipe.js';

/** Open files of a function's process (Lambda quotas page: file descriptors). */
const filesMax = 1024;
/** Slots that wait for a box. Boots come in ones and twos; a slot is ready again within some 15 ms. */
const readyMax = 2;
/**
 * Making one starts two processes and enters cgroups, which stops every start of a thread on the machine: it waits until
 * the boot that took the last one is over (Node's start takes some 40 ms).
 */
const refillAfterMs = 60;
/** First user id of boxes on the machine: a range that Linux distributions and systemd leave unused. */
const uidBase = 1_900_000_000;
/** Boxes of one driver at once, those that wait included; ids of platform processes keep apart by this much. */
const slotsMax = 4096 + readyMax;
/** Platform processes told apart by their process number; uidBase + 50,000 × 4,098 stays below 2³¹. */
const ownersMax = 50_000;

/** Descriptors of a box's first process, the same in every slot. */
export const channelFd = 3;
export const infoFd = 5;
export const filterFd = 6;
const restFd = 7;

/**
 * The place of one box: its cgroups, its user, a launcher process in them that waits for what to become, and one that
 * waits to become its network. Entering a cgroup costs some 10 ms (the kernel waits for all its processors), and
 * starting a process costs ours some more: both therefore happen beforehand.
 */
export class Slot {
  constructor(
    readonly name: string,
    readonly uid: number,
    readonly cgroup: BoxCgroup,
    readonly child: ChildProcess,
    readonly stdout: Readable,
    readonly stderr: Readable,
    /** Null without slirp4netns. */
    readonly network: Network | null,
    private readonly forget: () => void,
  ) {}

  get usable(): boolean {
    const { exitCode, signalCode, pid } = this.child;
    return exitCode === null && signalCode === null && pid !== undefined && this.network?.usable !== false;
  }

  /** The launcher becomes this program. Throws DriverError for a NUL inside: it would make one argument two. */
  run(command: readonly string[]): void {
    if (command.some((text) => text.includes('\0'))) throw new DriverError('NUL in the command or environment');
    const rest = (this.child.stdio as readonly unknown[])[restFd] as Writable;
    rest.end(command.map((text) => `${text}\0`).join(''));
  }

  /** Kills what runs in it and removes its cgroups. */
  async dispose(): Promise<void> {
    this.child.kill('SIGKILL');
    await Promise.all([this.network?.stop(), this.cgroup.remove()]);
    // Output that nobody wants must be read to its end all the same, or its pipe stays open.
    for (const stream of [this.stdout, this.stderr]) if (stream.readableFlowing === null) stream.resume();
    this.forget();
  }
}

/** Makes slots, and keeps a few ready. */
export class Slots {
  private readonly ready: Promise<Slot>[] = [];
  private readonly uids = new Set<number>();
  private refilling: NodeJS.Timeout | null = null;
  private made = 0;
  private closed = false;

  constructor(
    private readonly launcher: string,
    private readonly slirp: string | null,
    private readonly reachable: readonly string[],
    private readonly base: string,
    private readonly mounts: Mounts,
    private readonly cgroups: Cgroups,
    /** Each slot gets a user id of its own; else all run as ours. */
    private readonly privileged: boolean,
  ) {}

  async take(): Promise<Slot> {
    assert(!this.closed, 'no slot after the end');
    for (let next = this.ready.shift(); next; next = this.ready.shift()) {
      const slot = await next.catch(() => null); // The one made now tells the error.
      if (slot?.usable) return slot;
      slot?.dispose().catch(() => {}); // Someone killed it: the janitor gets the rest.
    }
    return this.make();
  }

  /** After a boot, not during one. */
  refillLater(): void {
    this.refilling ??= setTimeout(() => this.refill(), refillAfterMs);
  }

  refill(): void {
    this.refilling = null;
    while (!this.closed && this.ready.length < readyMax) {
      const next = this.make();
      next.catch(() => {});
      this.ready.push(next);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.refilling !== null) clearTimeout(this.refilling);
    await Promise.allSettled(this.ready.splice(0).map((next) => next.then((slot) => slot.dispose())));
  }

  private async make(): Promise<Slot> {
    this.made += 1;
    const name = String(this.made);
    const uid = this.privileged ? this.freeUid() : 0;
    const cgroup = this.cgroups.createBox(name);
    if (this.privileged) this.uids.add(uid);
    const forget = () => this.uids.delete(uid);
    const opened: number[] = [];
    try {
      const pipes = [];
      for (const stream of ['out', 'err']) {
        const pipe = await outputPipe(this.mounts, join(this.base, `${name}.${stream}`), uid);
        opened.push(pipe.writeFd);
        pipes.push(pipe.read);
        pipe.read.on('error', () => {}); // Its end is the box's end.
      }
      opened.push(openSync(join(this.base, 'filter'), 'r'));
      const child = this.launch(cgroup, uid, opened);
      const network = this.slirp === null ? null : Network.prepare(this.launcher, this.slirp, this.reachable);
      return new Slot(name, uid, cgroup, child, pipes[0]!, pipes[1]!, network, forget);
    } catch (error) {
      forget();
      await cgroup.remove();
      throw error;
    } finally {
      for (const fd of opened) closeSync(fd);
    }
  }

  private launch(cgroup: BoxCgroup, uid: number, [stdout, stderr, filter]: readonly number[]): ChildProcess {
    const user = this.privileged ? ['--uid', String(uid), '--gid', String(uid)] : [];
    const child = spawn(
      this.launcher,
      [
        ...cgroup.procsFiles.flatMap((file) => ['--cgroup', file]),
        ...['--owner', String(process.pid), '--nofile', String(filesMax), '--core', '0', ...user],
        ...['--rest-fd', String(restFd)],
      ],
      {
        cwd: '/',
        env: {},
        detached: true,
        stdio: ['ignore', stdout!, stderr!, 'pipe', 'ipc', 'pipe', filter!, 'pipe'],
      },
    );
    for (const stream of child.stdio) stream?.on('error', () => {}); // An end of the other side shows as its exit.
    child.on('error', () => {});
    return child;
  }

  private freeUid(): number {
    assert(this.uids.size < slotsMax, 'more slots than boxes');
    const first = uidBase + (process.pid % ownersMax) * slotsMax;
    for (let next = this.made; ; next += 1) {
      const uid = first + (next % slotsMax);
      if (!this.uids.has(uid)) return uid;
    }
  }
}
