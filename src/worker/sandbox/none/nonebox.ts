import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Duplex, duplexPair, PassThrough, type Readable } from 'node:stream';
import { assert } from '../../../kernel/assert.js';
import { type Box, type BoxBinding, type BoxExit, type Crew, DriverError } from '../driver.js';
import { exitOf } from '../exit.js';
import { residentPeakMib } from '../process/processes.js';
import { DirectoryScratch } from './directoryscratch.js';
import { NoneCrew } from './nonecrew.js';

/** The Runtime API's listener, in our own process: without a network namespace every port is the machine's. */
export async function runtimeApiServer(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

/** A box without walls: one process group. */
export class NoneBox implements Box {
  readonly id: string;
  readonly runtimeApi: Server;
  readonly runtimeApiAddress: string;
  readonly exited: Promise<BoxExit>;
  channel: Duplex;
  /** The other end of the channel while no process has it: of a process that starts later, or (`provided.*`) never. */
  private readonly farEnd: Duplex;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  taskRoot = '/var/task';
  layersRoot = '/opt';
  environment: Readonly<Record<string, string>> = {};
  private child: ChildProcess | null = null;
  private ended: (exit: BoxExit) => void = () => {};
  private over = false;
  private bound = false;
  private peakMib = 0;
  private frozen = false;
  private extensions: NoneCrew | null = null;
  private childLeft = false;
  private killing = false;

  constructor(
    private readonly parts: {
      readonly id: string;
      readonly runtimeApi: Server;
      readonly prefix: readonly string[];
      readonly translate: (text: string) => string;
      readonly released: () => void;
    },
  ) {
    this.id = parts.id;
    [this.channel, this.farEnd] = duplexPair();
    this.runtimeApi = parts.runtimeApi;
    this.runtimeApiAddress = `127.0.0.1:${(parts.runtimeApi.address() as AddressInfo).port}`;
    this.exited = new Promise((resolve) => {
      this.ended = resolve;
    });
  }

  /** Starts the one process of this box. Resolves with null once it runs, else with what went wrong. */
  async spawn(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    directory: string,
  ): Promise<string | null> {
    assert(this.child === null, 'a box starts one process');
    const [program, ...parameters] = [...this.parts.prefix, ...command];
    // `detached`: its own process group, so that signals reach all it starts.
    const child = spawn(program!, parameters, {
      cwd: directory,
      env: { ...environment },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    this.channel = child.stdio[3] as Duplex;
    for (const stream of child.stdio) stream?.on('error', () => {}); // The other side's end shows as its exit.
    (child.stdout as Readable).pipe(this.stdout);
    (child.stderr as Readable).pipe(this.stderr);
    child.once('exit', (code, signal) => this.left(exitOf(code, signal, false)));
    return await new Promise((resolve) => {
      child.once('spawn', () => resolve(null));
      child.once('error', (error) => {
        this.left({ code: 127, signal: null, outOfMemory: false });
        resolve(error.message);
      });
    });
  }

  async bind(binding: BoxBinding): Promise<void> {
    assert(!this.bound, 'a box is bound once');
    this.bound = true;
    if (this.over) throw new DriverError('the sandbox has ended');
    if (!(binding.scratch instanceof DirectoryScratch)) throw new DriverError('the scratch space is of another driver');
    this.taskRoot = binding.codeDirectory;
    this.layersRoot = binding.layersDirectory ?? '/opt';
    this.environment = { TMPDIR: binding.scratch.directory };
  }

  start(command: readonly string[], environment: Readonly<Record<string, string>>, keepsChannel = false): void {
    if (this.over || this.child) return;
    const nearEnd = this.channel;
    // A program of the function's own gets exactly its environment; a managed runtime's names places of a sandbox.
    const translate = (text: string) => this.parts.translate(text).replaceAll('/var/task', this.taskRoot);
    const given = keepsChannel
      ? Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, translate(value)]))
      : environment;
    const started = this.spawn(command.map(translate), given, this.taskRoot);
    if (keepsChannel) {
      this.channel.pipe(this.farEnd);
      this.farEnd.pipe(this.channel);
      this.channel = nearEnd;
    }
    started.then((problem) => {
      if (problem !== null) this.stderr.write(`${command[0]}: ${problem}\n`);
    });
  }

  async crew(): Promise<Crew> {
    assert(this.extensions === null, 'a box has one crew');
    const signal = (name: NodeJS.Signals) => {
      if (name === 'SIGKILL') this.signal(name);
      else this.child?.kill(name);
    };
    this.extensions = new NoneCrew(this.parts.prefix, this.taskRoot, signal);
    return this.extensions;
  }

  connect(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket));
      socket.once('error', (error) => reject(new DriverError(error.message)));
    });
  }

  freeze(): void {
    if (!this.frozen) this.signal('SIGSTOP');
    this.frozen = true;
  }

  thaw(): void {
    if (this.frozen) this.signal('SIGCONT');
    this.frozen = false;
  }

  memoryPeakMib(): number | null {
    const pid = this.child?.pid;
    if (!this.over && pid !== undefined) this.peakMib = Math.max(this.peakMib, residentPeakMib(pid) ?? 0);
    return this.peakMib || null;
  }

  terminate(): void {
    if (this.over) return;
    this.child?.kill('SIGTERM');
    this.thaw();
  }

  async kill(): Promise<void> {
    this.killing = true;
    this.extensions?.signalAll('SIGKILL');
    if (this.child && !this.childLeft) this.signal('SIGKILL');
    else this.end({ code: null, signal: 'SIGKILL', outOfMemory: false });
    await this.exited;
  }

  /** The runtime's process ended: so does the box, but for extensions, which are told before. */
  private left(exit: BoxExit): void {
    this.childLeft = true;
    this.signal('SIGKILL');
    if (this.extensions === null || this.killing) this.end(exit);
    else this.extensions.onExit(0, exit);
  }

  private end(exit: BoxExit): void {
    if (this.over) return;
    // What the process left behind in its group goes with it.
    this.signal('SIGKILL');
    this.over = true;
    this.runtimeApi.close();
    if (!this.child) {
      this.stdout.end();
      this.stderr.end();
    }
    this.parts.released();
    this.ended(exit);
  }

  private signal(name: NodeJS.Signals): void {
    if (name === 'SIGSTOP' || name === 'SIGCONT') this.extensions?.signalAll(name);
    const pid = this.child?.pid;
    if (this.over || pid === undefined) return;
    try {
      process.kill(-pid, name);
    } catch {
      // The group is empty.
    }
  }
}
