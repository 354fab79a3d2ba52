import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { assert } from '../../../kernel/assert.js';
import type { BoxCgroup } from './boxcgroup.js';
import type { Cgroups } from './cgroups.js';

/** Open files of a function's process (Lambda quotas page: file descriptors). */
const filesMax = 1024;
/** Slots that wait for a box. Boots come in ones and twos; a slot is ready again within some 15 ms. */
const readyMax = 2;
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
 * The place of one box: its cgroups, its user, and a launcher process in them that waits for what to become. Entering
 * a cgroup costs some 10 ms (the kernel waits for all its processors), which therefore happens beforehand.
 */
export class Slot {
  constructor(
    readonly name: string,
    readonly uid: number,
    readonly cgroup: BoxCgroup,
    readonly child: ChildProcess,
    private readonly forget: () => void,
  ) {}

  get usable(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** The launcher becomes this program. */
  run(command: readonly string[]): void {
    const rest = (this.child.stdio as readonly unknown[])[restFd] as Writable;
    rest.end(command.map((text) => `${text}\0`).join(''));
  }

  /** Kills what runs in it and removes its cgroups. */
  async dispose(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.cgroup.remove();
    this.forget();
  }
}

/** Makes slots, and keeps a few ready. */
export class Slots {
  private readonly ready: Slot[] = [];
  private readonly uids = new Set<number>();
  private made = 0;
  private closed = false;

  constructor(
    private readonly launcher: string,
    private readonly base: string,
    private readonly cgroups: Cgroups,
    /** Each slot gets a user id of its own; else all run as ours. */
    private readonly privileged: boolean,
  ) {}

  take(): Slot {
    assert(!this.closed, 'no slot after the end');
    for (let slot = this.ready.shift(); slot; slot = this.ready.shift()) {
      if (slot.usable) return slot;
      slot.dispose().catch(() => {}); // Someone killed it: the janitor gets the rest.
    }
    return this.make();
  }

  /** Called when there is time: after a boot, not during one. */
  refill(): void {
    while (!this.closed && this.ready.length < readyMax) {
      try {
        this.ready.push(this.make());
      } catch {
        return; // Whoever needs one gets the error.
      }
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.ready.splice(0).map((slot) => slot.dispose()));
  }

  private make(): Slot {
    this.made += 1;
    const name = String(this.made);
    const uid = this.privileged ? this.freeUid() : 0;
    const cgroup = this.cgroups.createBox(name);
    const filter = openSync(join(this.base, 'filter'), 'r');
    const user = this.privileged ? ['--uid', String(uid), '--gid', String(uid)] : [];
    try {
      const child = spawn(
        this.launcher,
        [
          ...cgroup.procsFiles.flatMap((file) => ['--cgroup', file]),
          ...['--owner', String(process.pid), '--nofile', String(filesMax), '--core', '0', ...user],
          ...['--rest-fd', String(restFd)],
        ],
        { cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc', 'pipe', filter, 'pipe'] },
      );
      for (const stream of child.stdio) stream?.on('error', () => {}); // An end of the other side shows as its exit.
      child.on('error', () => {});
      if (this.privileged) this.uids.add(uid);
      return new Slot(name, uid, cgroup, child, () => this.uids.delete(uid));
    } finally {
      closeSync(filter);
    }
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
