import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import type { BoxExit, Crew } from '../driver.js';
import { exitOf } from '../exit.js';

/** Extensions without walls: a process group each. */
export class NoneCrew implements Crew {
  readonly output = new PassThrough();
  onExit: (program: number, exit: BoxExit) => void = () => {};
  private readonly programs = new Map<number, ChildProcess>();
  private started = 0;

  constructor(
    private readonly prefix: readonly string[],
    private readonly directory: string,
    /** The runtime's process is the box's. */
    private readonly signalRuntime: (name: NodeJS.Signals) => void,
  ) {}

  start(command: readonly string[], environment: Readonly<Record<string, string>>): void {
    this.started += 1;
    const number = this.started;
    const [program, ...parameters] = [...this.prefix, ...command];
    const child = spawn(program!, parameters, {
      cwd: this.directory,
      env: { ...environment },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.programs.set(number, child);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => this.output.write(bytes));
    const ended = (exit: BoxExit) => {
      if (!this.programs.delete(number)) return;
      this.onExit(number, exit);
    };
    child.once('exit', (code, name) => {
      // What it left behind in its group goes with it.
      signalGroup(child, 'SIGKILL');
      ended(exitOf(code, name, false));
    });
    child.once('error', (error) => {
      this.output.write(`${command[0]}: ${error.message}\n`);
      ended({ code: 127, signal: null, outOfMemory: false });
    });
  }

  signal(program: number, name: 'SIGTERM' | 'SIGKILL'): void {
    if (program === 0) this.signalRuntime(name);
    else {
      const child = this.programs.get(program);
      if (child === undefined) return;
      if (name === 'SIGKILL') signalGroup(child, name);
      else child.kill(name);
    }
  }

  /** A signal to everything of all extensions. */
  signalAll(name: NodeJS.Signals): void {
    for (const child of this.programs.values()) signalGroup(child, name);
  }
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // The group is empty.
  }
}
