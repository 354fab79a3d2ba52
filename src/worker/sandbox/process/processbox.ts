import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { assert } from '../../../kernel/assert.js';
import { type Box, type BoxBinding, type BoxExit, type Crew, DriverError } from '../driver.js';
import { exitOf } from '../exit.js';
import { startMessage } from '../startmessage.js';
import { channelSocket } from './channelsocket.js';
import type { Connector } from './connector.js';
import type { Mounts } from './mounts.js';
import { ProcessCrew } from './processcrew.js';
import { descendants, mainProcess, residentPeakMib, signal } from './processes.js';
import { MountedScratch } from './scratch.js';
import { removeSkeleton, type Skeleton } from './skeleton.js';
import { channelFd, type Slot } from './slots.js';

export interface BoxParts {
  readonly id: string;
  /** Its process is bubblewrap's outer one: ends with the status of the main process inside. */
  readonly slot: Slot;
  /** Process 1 of the box, by its number outside. */
  readonly initPid: number;
  readonly runtimeApi: Server;
  /** Resolves when there is outbound network, rejects when there will be none; null where the machine has no way. */
  readonly network: Promise<void> | null;
  readonly mounts: Mounts;
  readonly connector: Connector;
  readonly skeleton: Skeleton;
  /** Called once, when nothing of the box is left. */
  readonly released: () => void;
}

/** A box of the `process` driver. */
export class ProcessBox implements Box {
  readonly id: string;
  readonly channel: Duplex;
  readonly runtimeApi: Server;
  readonly runtimeApiAddress = '127.0.0.1:9001';
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly taskRoot = '/var/task';
  readonly layersRoot = '/opt';
  readonly environment = {};
  readonly exited: Promise<BoxExit>;
  private readonly mounted: string[] = [];
  private bound = false;
  private residentMib = 0;
  private countedMib: number | null = null;
  private limitMib = Number.POSITIVE_INFINITY;
  private frozen = false;
  private over = false;
  private cleaned: Promise<void> | null = null;
  private extensions: ProcessCrew | null = null;

  constructor(private readonly parts: BoxParts) {
    const { child, cgroup } = parts.slot;
    this.id = parts.id;
    this.runtimeApi = parts.runtimeApi;
    this.channel = channelSocket(child.stdio[channelFd] as Socket);
    this.stdout = parts.slot.stdout;
    this.stderr = parts.slot.stderr;
    parts.network?.catch(() => this.kill()).catch(() => {});
    this.exited = new Promise((resolve) => {
      const ended = (code: number | null, name: NodeJS.Signals | null) => {
        this.over = true;
        resolve(exitOf(code, name, cgroup.oomKills() > 0));
        this.kill().catch(() => {}); // Whoever waits for `kill` gets the error.
      };
      // It may have ended between its boot and now.
      if (child.exitCode !== null || child.signalCode !== null) ended(child.exitCode, child.signalCode);
      else child.once('exit', ended);
    });
  }

  async bind(binding: BoxBinding): Promise<void> {
    assert(!this.bound, 'a box is bound once');
    this.bound = true;
    const { mounts, network, skeleton, slot } = this.parts;
    if (this.over || this.cleaned) {
      await network; // Its failure is why.
      throw new DriverError('the sandbox has ended');
    }
    const { scratch } = binding;
    if (!(scratch instanceof MountedScratch)) throw new DriverError('the scratch space is of another driver');
    slot.cgroup.setLimits(binding.memoryMib);
    this.limitMib = binding.memoryMib;
    const owned = scratch.giveTo(slot.uid);
    const show = async (how: 'bind' | 'repeat', source: string, path: string) => {
      const target = join(skeleton.root, path);
      await mounts[how](source, target);
      this.mounted.push(target);
    };
    await Promise.all([
      network,
      show('bind', binding.codeDirectory, 'var/task'),
      binding.layersDirectory === null ? null : show('bind', binding.layersDirectory, 'opt'),
      owned.then(() => show('repeat', scratch.directory, 'tmp')),
    ]);
  }

  start(command: readonly string[], environment: Readonly<Record<string, string>>, keepsChannel = false): void {
    if (this.over || this.cleaned) return;
    this.channel.write(startMessage(command, environment, { keepsChannel }));
  }

  async crew(): Promise<Crew> {
    assert(this.extensions === null, 'a box has one crew');
    if (this.over || this.cleaned) throw new DriverError('the sandbox has ended');
    const { slot, skeleton, mounts } = this.parts;
    const { child, cgroup, uid } = slot;
    const crew = await ProcessCrew.make({ child, channel: this.channel, cgroup, root: skeleton.root, uid, mounts });
    if (this.over || this.cleaned) crew.close();
    this.extensions = crew;
    return crew;
  }

  connect(port: number): Promise<Socket> {
    if (this.over || this.cleaned) return Promise.reject(new DriverError('the sandbox has ended'));
    return this.parts.connector.connect(this.parts.initPid, port);
  }

  freeze(): void {
    if (this.over || this.frozen) return;
    this.frozen = true;
    if (this.parts.slot.cgroup.canFreeze) this.parts.slot.cgroup.freeze();
    else for (const pid of descendants(this.parts.initPid)) signal(pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.over || !this.frozen) return;
    this.frozen = false;
    if (this.parts.slot.cgroup.canFreeze) this.parts.slot.cgroup.thaw();
    else for (const pid of descendants(this.parts.initPid)) signal(pid, 'SIGCONT');
  }

  doomed(): boolean {
    return !this.over && this.frozen && this.parts.slot.cgroup.doomed();
  }

  memoryPeakMib(): number | null {
    const countedMib = this.parts.slot.cgroup.peakMib();
    // Resident pages are looked at only when the counted ones grew: a look costs five times as much.
    if (!this.over && !this.cleaned && (countedMib === null || countedMib !== this.countedMib)) {
      const main = mainProcess(this.parts.initPid);
      this.residentMib = Math.max(this.residentMib, (main === null ? null : residentPeakMib(main)) ?? 0);
      this.countedMib = countedMib;
    }
    // Pages shared with other sandboxes do not count against the limit: more than the limit would look impossible.
    if (countedMib !== null) return Math.max(countedMib, Math.min(this.residentMib, this.limitMib));
    return this.residentMib || null;
  }

  terminate(): void {
    if (this.over) return;
    const pid = mainProcess(this.parts.initPid);
    if (this.extensions !== null) this.extensions.signal(0, 'SIGTERM');
    else if (pid !== null) signal(pid, 'SIGTERM');
    this.thaw();
  }

  kill(): Promise<void> {
    this.cleaned ??= this.clean();
    return this.cleaned;
  }

  private async clean(): Promise<void> {
    const { slot, initPid, mounts, skeleton, runtimeApi, released } = this.parts;
    // The end of process 1 is the end of its process namespace. Before the exit is reaped its number is not reused.
    if (!this.over) {
      signal(initPid, 'SIGKILL');
      slot.child.kill('SIGKILL');
    }
    slot.cgroup.killAll();
    runtimeApi.close();
    try {
      await this.exited;
      this.extensions?.close();
      await slot.dispose();
      // In reverse: /tmp does not hide what lies under it, but a mount point inside code would.
      await Promise.all(
        this.mounted
          .splice(0)
          .reverse()
          .map((target) => mounts.umount(target)),
      );
      removeSkeleton(skeleton); // Only with nothing mounted under it: it deletes what it finds.
    } finally {
      released();
    }
  }
}
