import { readFileSync } from 'node:fs';

/** Prefix of everything a driver leaves outside its mount namespace: cgroups and temporary folders. */
const prefix = 'hearth-';

/**
 * Start time of a process (field 22 of /proc/PID/stat, clock ticks since boot), which tells it from a later one with the
 * same id; null when there is none.
 */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything; 20 fields follow it up to the start time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

let drivers = 0;

/** `hearth-PID-STARTTIME-N`: unique to this driver in this process. */
export function newOwnerName(): string {
  drivers += 1;
  return `${prefix}${process.pid}-${processStart(process.pid) ?? '0'}-${drivers}`;
}

/** True when `name` is of an owner that no longer lives: its leftovers may be removed. */
export function isOrphan(name: string): boolean {
  const match = /^hearth-(\d+)-(\d+)-\d+$/.exec(name);
  return match !== null && processStart(Number(match[1])) !== match[2];
}
