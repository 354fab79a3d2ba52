import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStart } from '../../src/worker/sandbox/process/owner.js';

/** One running process; with its start time, since a number may be given to another one. */
interface Running {
  readonly pid: number;
  readonly start: string;
}

function numbers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Ended, and only waits for its parent to ask how. */
function isDead(pid: number): boolean {
  return /\) [ZX] /.test(read(`/proc/${pid}/stat`));
}

/** All processes below `pid`, however deep. */
function descendants(pid: number): Running[] {
  const parents = new Map<number, number>();
  for (const each of numbers()) {
    const stat = read(`/proc/${each}/stat`);
    parents.set(each, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found = new Set([pid]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [each, parent] of parents) if (found.has(parent)) found.add(each);
  }
  return [...found].map((each) => ({ pid: each, start: processStart(each) ?? '' }));
}

/** What one run of a platform has on the machine outside of its data, seen from outside; compared after its end. */
export class Traces {
  readonly #pid: number;
  readonly #folder: string;
  readonly #processes: readonly Running[];

  private constructor(pid: number, folder: string) {
    this.#pid = pid;
    this.#folder = folder;
    this.#processes = descendants(pid);
  }

  /** Of the platform that runs now with this process number and data folder. */
  static of(pid: number, folder: string): Traces {
    return new Traces(pid, folder);
  }

  /** Processes it had when it was looked at, and any that name it. */
  get processes(): readonly string[] {
    const alive = this.#processes.filter(
      ({ pid, start }) => start !== '' && processStart(pid) === start && !isDead(pid),
    );
    const named = numbers().filter((pid) => {
      const text = read(`/proc/${pid}/cgroup`) + read(`/proc/${pid}/cmdline`);
      return text.includes(`hearth-${this.#pid}-`) || text.includes(`--owner\0${this.#pid}\0`);
    });
    return [...new Set([...alive.map(({ pid }) => pid), ...named])].map(
      (pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120)}`,
    );
  }

  /** Control groups, mounts of the machine, loop devices, sockets with a name, temporary files. */
  get things(): readonly string[] {
    const own = `hearth-${this.#pid}-`;
    const groups: string[] = [];
    const walk = (path: string, depth: number) => {
      for (const name of list(path)) {
        if (name.includes('.')) continue;
        if (name.startsWith(own)) groups.push(`cgroup ${join(path, name)}`);
        else if (depth > 0) walk(join(path, name), depth - 1);
      }
    };
    walk('/sys/fs/cgroup', 4);
    const loops = list('/sys/block')
      .map((name) => [name, read(`/sys/block/${name}/loop/backing_file`)] as const)
      .filter(([, file]) => file.includes(own))
      .map(([name, file]) => `loop device ${name}: ${file.trim()}`);
    const lines = (path: string, what: string) =>
      read(path)
        .split('\n')
        .filter((line) => line.includes(own) || (what === 'mount' && line.includes(this.#folder)))
        .map((line) => `${what} ${line}`);
    const files = [tmpdir(), join(this.#folder, 'run')].flatMap((folder) =>
      list(folder)
        .filter((name) => name.startsWith(own))
        .map((name) => `file ${join(folder, name)}`),
    );
    return [
      ...groups,
      ...loops,
      ...lines('/proc/self/mountinfo', 'mount'),
      ...lines('/proc/net/unix', 'socket'),
      ...files,
    ];
  }

  get all(): readonly string[] {
    return [...this.processes, ...this.things];
  }

  /** Resolves when nothing is left; rejects with what still is after the deadline, which is no speed limit. */
  async gone(msMax = 30_000): Promise<void> {
    for (const deadlineMs = performance.now() + msMax; ; ) {
      const left = this.all;
      if (left.length === 0) return;
      if (performance.now() > deadlineMs) throw new Error(`left behind:\n${left.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
