import { readFileSync } from 'node:fs';

function children(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** The box's main process: the first child of its process namespace's init (`initPid`); null when it has ended. */
export function mainProcess(initPid: number): number | null {
  return children(initPid)[0] ?? null;
}

/** Every process below `pid`, without itself. Sees no children of threads other than the first; for stop signals only. */
export function descendants(pid: number): number[] {
  return children(pid).flatMap((child) => [child, ...descendants(child)]);
}

/** Processes looked at for one figure: a function seldom has more, and a fork bomb must not cost the worker its time. */
const measuredMax = 8;

/**
 * Highest resident size, MiB rounded up, that `pid` or one of the processes below it reached by itself (VmHWM); null
 * when none is left. What a cgroup counts lacks the pages a process shares with others, the runtime's program and
 * libraries above all.
 */
export function residentPeakMib(pid: number): number | null {
  let peakKib = 0;
  const pids = [pid];
  for (let at = 0; at < pids.length && at < measuredMax; at += 1) {
    peakKib = Math.max(peakKib, residentPeakKib(pids[at]!));
    pids.push(...children(pids[at]!));
  }
  return peakKib === 0 ? null : Math.ceil(peakKib / 1024);
}

function residentPeakKib(pid: number): number {
  try {
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Sends a signal; a process that has ended meanwhile is fine. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
