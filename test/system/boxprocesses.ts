import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Processes of boxes of a platform: runtimes, or the monitors of virtual machines. */
export function boxProcesses(platform: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
      parents.set(Number(name), Number(parent));
    } catch {
      // Ended in between.
    }
  }
  const isOurs = (pid: number): boolean => pid === platform || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  return [...parents.keys()].filter((pid) => {
    if (!isOurs(pid)) return false;
    try {
      return /\/bootstrap\.|^[^\0]*qemu-system/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    } catch {
      return false;
    }
  });
}

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Kills what runs of sandboxes, as an operator or a machine short of memory would. */
export function killBoxes(platform: number): readonly number[] {
  const pids = boxProcesses(platform);
  assert.ok(pids.length > 0, 'there are some');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  return pids;
}

/** Folders of the cgroups that a process has of its own, or shares with its box. */
export function cgroupFolders(pid: number): readonly string[] {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const folders = lines.flatMap((line) => {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    // Version 1 has a folder for each hierarchy; version 2 is the whole, or lies beside them.
    const places = controllers === '' ? ['', 'unified'] : [controllers];
    return path === '/' ? [] : places.map((place) => join('/sys/fs/cgroup', place, path));
  });
  return folders.filter((folder) => existsSync(folder));
}

/** What a process holds: sockets and pipes, but for connections of its clients, and what it has mounted. */
export function holdings(pid: number): { readonly sockets: number; readonly mounts: number } {
  const connections = ['tcp', 'tcp6'].flatMap((kind) => {
    const [, ...lines] = readFileSync(`/proc/${pid}/net/${kind}`, 'utf8').trim().split('\n');
    return lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`);
  });
  const sockets = readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
      return /^(socket|pipe):/.test(link) && !connections.includes(link);
    } catch {
      return false; // Closed in between.
    }
  });
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
  return { sockets: sockets.length, mounts: mounts.length };
}
