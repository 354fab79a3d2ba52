import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmdirSync, writeFileSync, writeSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from '../../../kernel/limits.js';
import { DriverError } from '../driver.js';
import type { Controller, OwnedHierarchy } from './hierarchies.js';

/** Lambda's limit of processes and threads of one execution environment (Lambda quotas page). */
const pidsMax = 1024;
/** Weights of one vCPU: the kernels' defaults, so that a sandbox of 1,769 MB weighs as much as any other process. */
const sharesPerVcpu = 1024;
const weightPerVcpu = 100;
/** A killed process leaves its group within milliseconds; one in an uninterruptible disk wait may need seconds. */
const removeMsMax = 10_000;

/** Processes looked at to see whether one was killed: runtimes and bubblewrap's own come first. */
const doomedLooksMax = 8;
/** SIGKILL is signal 9, and the mask begins with signal 1. */
const killBit = 1n << 8n;

/** The cgroups of one box, one folder per hierarchy. Everything here is synchronous except the removal. */
export class BoxCgroup {
  private readonly folders: readonly { readonly hierarchy: OwnedHierarchy; readonly path: string }[];
  private readonly freezer: { readonly fd: number; readonly freeze: string; readonly thaw: string } | null;
  private readonly peakFd: number | null;
  private readonly peakBytes = Buffer.alloc(32);
  private frozen = false;
  private closed = false;
  private last: { readonly peakMib: number | null; readonly oomKills: number } | null = null;

  constructor(hierarchies: readonly OwnedHierarchy[], boxId: string) {
    const made: string[] = [];
    try {
      this.folders = hierarchies.map((hierarchy) => {
        const path = join(hierarchy.group, boxId);
        mkdirSync(path);
        made.push(path);
        return { hierarchy, path };
      });
      const pids = this.file('pids', 'pids.max', 'pids.max');
      if (pids) writeFileSync(pids, String(pidsMax));
      const freezer = this.file('freezer', 'freezer.state', 'cgroup.freeze');
      const version = this.find('freezer')?.hierarchy.version;
      this.freezer = freezer
        ? { fd: openSync(freezer, 'r+'), freeze: version === 1 ? 'FROZEN' : '1', thaw: version === 1 ? 'THAWED' : '0' }
        : null;
      const peak = this.file('memory', 'memory.max_usage_in_bytes', 'memory.peak');
      this.peakFd = peak ? openOrNull(peak) : null;
    } catch (error) {
      for (const path of made) rmdirSync(path);
      throw new DriverError(`cannot make the sandbox's cgroup: ${(error as Error).message}`);
    }
  }

  /** Files the first process joins before it does anything else. */
  get procsFiles(): readonly string[] {
    return this.folders.map(({ path }) => join(path, 'cgroup.procs'));
  }

  get canFreeze(): boolean {
    return this.freezer !== null;
  }

  /** Memory limit (swap included) and CPU share of a function with this memory; `boundMib` where it needs more itself. */
  setLimits(memoryMib: number, boundMib = memoryMib): void {
    const bytes = String(boundMib * 1024 * 1024);
    const limit = this.file('memory', 'memory.limit_in_bytes', 'memory.max');
    if (limit) writeFileSync(limit, bytes);
    if (this.find('memory')?.hierarchy.version === 1) {
      this.attempt('memory', 'memory.memsw.limit_in_bytes', bytes);
    } else {
      this.attempt('memory', 'memory.swap.max', '0');
      // One victim takes the whole sandbox with it, instead of leaving a runtime without its child.
      this.attempt('memory', 'memory.oom.group', '1');
    }
    const cpu = this.file('cpu', 'cpu.shares', 'cpu.weight');
    const shares = Math.max(2, Math.round((sharesPerVcpu * memoryMib) / limits.memoryMibPerVcpu));
    const weight = Math.min(10_000, Math.max(1, Math.round((weightPerVcpu * memoryMib) / limits.memoryMibPerVcpu)));
    if (cpu) writeFileSync(cpu, String(this.find('cpu')?.hierarchy.version === 1 ? shares : weight));
  }

  /** One write on an open descriptor. */
  freeze(): void {
    if (this.closed || this.frozen || !this.freezer) return;
    this.frozen = true;
    writeSync(this.freezer.fd, this.freezer.freeze, 0);
  }

  thaw(): void {
    if (this.closed || !this.frozen || !this.freezer) return;
    this.frozen = false;
    writeSync(this.freezer.fd, this.freezer.thaw, 0);
  }

  /**
   * A process inside was killed and cannot end before the group thaws. Only in version 1: in version 2, and stopped by a
   * signal, processes can be killed.
   */
  doomed(): boolean {
    if (this.closed || !this.frozen || this.find('freezer')?.hierarchy.version !== 1) return false;
    return this.pids().slice(0, doomedLooksMax).some(isKilled);
  }

  /** Highest memory use, MiB rounded up, page cache included; null where the kernel does not keep it. */
  peakMib(): number | null {
    if (this.last) return this.last.peakMib;
    if (this.peakFd === null) return null;
    const bytes = readSync(this.peakFd, this.peakBytes, 0, this.peakBytes.length, 0);
    return Math.ceil(Number.parseInt(this.peakBytes.toString('latin1', 0, bytes), 10) / 1024 / 1024);
  }

  /** Processes of the box that the kernel killed because the memory limit was reached. */
  oomKills(): number {
    if (this.last) return this.last.oomKills;
    const events = this.file('memory', 'memory.oom_control', 'memory.events');
    if (!events) return 0;
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(events, 'utf8'))?.[1] ?? 0);
  }

  pids(): number[] {
    const first = this.folders[0];
    if (!first) return [];
    try {
      return readFileSync(join(first.path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }

  /** SIGKILL to every process inside. The signal is pending before a frozen group thaws: nothing runs on. */
  killAll(): void {
    if (this.closed) return;
    for (const pid of this.pids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Ended in between.
      }
    }
    this.thaw();
  }

  /** Keeps the last figures, then removes the folders; kills what still is inside. Rejects after 10 s. */
  async remove(): Promise<void> {
    if (this.closed) return;
    this.last = { peakMib: this.peakMib(), oomKills: this.oomKills() };
    this.killAll();
    this.closed = true;
    if (this.freezer) closeSync(this.freezer.fd);
    if (this.peakFd !== null) closeSync(this.peakFd);
    const until = Date.now() + removeMsMax;
    for (const { path } of this.folders) {
      for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, 50)) {
        const code = await rmdir(path).then(
          () => null,
          (error: NodeJS.ErrnoException) => error.code,
        );
        if (code === null || code === 'ENOENT') break;
        if (Date.now() > until) throw new DriverError(`cgroup ${path} cannot be removed: ${code}`);
        for (const pid of this.pids()) tryKill(pid);
        await delay(waitMs);
      }
    }
  }

  private find(controller: Controller) {
    return this.folders.find(({ hierarchy }) => hierarchy.controllers.includes(controller));
  }

  private file(controller: Controller, first: string, second: string): string | null {
    const folder = this.find(controller);
    return folder ? join(folder.path, folder.hierarchy.version === 1 ? first : second) : null;
  }

  /** Files that exist only with some kernel options (swap accounting, OOM groups). */
  private attempt(controller: Controller, name: string, value: string): void {
    const path = this.file(controller, name, name);
    if (!path) return;
    try {
      writeFileSync(path, value, { flag: 'r+' });
    } catch {
      // Without it the plain memory limit stands.
    }
  }
}

/** SIGKILL waits for it. */
function isKilled(pid: number): boolean {
  try {
    const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return pending !== undefined && (BigInt(`0x${pending}`) & killBit) !== 0n;
  } catch {
    return false;
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended in between.
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null; // memory.peak came with Linux 5.19.
  }
}
