import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cleanEnvironment, stop } from '../test/system/childprocess.js';

/** Clock ticks per second of /proc/PID/stat: USER_HZ, 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

interface ProcessFigures {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

function processes(): ProcessFigures[] {
  const found: ProcessFigures[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Fields 4 (parent) and 14–17 (own and waited-for children's user and system time), counted from field 3.
      const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
      found.push({ pid: Number(name), parent: Number(fields[1]), cpuSeconds: ticks / ticksPerSecond });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** CPU seconds used so far by a process and everything below it. */
export function treeCpuSeconds(root: number): number {
  const all = processes();
  const members = new Set([root]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of all) {
      if (members.has(parent) && !members.has(pid)) {
        members.add(pid);
        grown = true;
      }
    }
  }
  return all.filter(({ pid }) => members.has(pid)).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

export function residentMib(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}

/** A server that prints its URL as its first line. */
export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  stop(): Promise<void>;
}

export async function serve(command: string, args: readonly string[], readyMsMax = 30_000): Promise<Served> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnvironment() });
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command} was not ready in time`)), readyMsMax);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const line = /^(http:\S+)$/m.exec(text);
      if (line?.[1]) {
        clearTimeout(timer);
        resolve(line[1]);
      }
    });
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
  });
  return { url, child, stop: () => stop(child) };
}
