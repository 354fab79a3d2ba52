import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, pageBytes } from '../chunks/layout.js';
import { packManifest } from '../chunks/packedmanifest.js';
import { assert } from '../kernel/assert.js';
import { secondMs } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { insideMountNamespace, inUserNamespace } from '../worker/sandbox/namespace.js';
import { findProgram } from '../worker/sandbox/programs.js';
import {
  type ControlAnswer,
  type ControlEnd,
  type ControlMessage,
  type ControlRequest,
  manifestBytesMax,
  pendingMax,
} from './control.js';
import type { Access, SparseFs, SparseFsMetrics } from './sparsefs.js';

/**
 * An answer takes a millisecond; one that does not come in this time comes never. Above the server's own deadline for a
 * mount, and long enough for a machine that is busy starting hundreds of processes.
 */
const answerMsMaxDefault = 20 * secondMs;
/** So often within that time the server is asked whether it lives: a hung one leaves VMs waiting in page faults. */
const pings = 4;
/** umount(8) takes some milliseconds. */
const umountMsMax = 10 * secondMs;
/** How long a killed server may take to be gone. */
const exitMsMax = 5 * secondMs;
/**
 * Threads of libuv's pool in the server: four wait for requests (two a mount); the rest is for files, compression and
 * encryption of the tiers below.
 */
const poolThreads = 16;
const nameFormat = /^[a-z0-9._-]{1,120}$/;
/** 16 TiB: beyond it page numbers would not fit where they are kept. */
const bytesMax = 2 ** 32 * pageBytes;
const accesses: readonly Access[] = ['pages', 'stream'];

export interface SparseFsOptions {
  /** Made if it is missing; nothing else in it. Reachable for everybody who is to open files. */
  readonly directory: string;
  /** JavaScript file of the server: a composition over `serveOwner`. */
  readonly program: string;
  /** What that program builds its chunk tiers from; any structured clone. */
  readonly composition: unknown;
  readonly environment?: NodeJS.ProcessEnv;
  /** How long an answer of the server may take before it counts as hung and is killed. Default: 20 s. */
  readonly answerMsMax?: number;
  /** The server's own lines (failed reads, for example). Default: our standard error. */
  readonly onLine?: (line: string) => void;
}

interface Waiting {
  readonly resolve: (answer: ControlAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: NodeJS.Timeout;
}

/** The sparse file system as its owner sees it: a child process that serves, and mounts that go with it. */
export class SparseFsClient implements SparseFs {
  readonly directory: string;
  readonly ended: Promise<string>;
  private readonly waiting = new Map<number, Waiting>();
  private readonly pinger: NodeJS.Timeout;
  private nextId = 1;
  private broken: DriverError | null = null;
  private reason = 'ended';
  private readonly answerMsMax: number;

  private constructor(
    options: SparseFsOptions,
    private readonly child: ChildProcess,
  ) {
    this.directory = options.directory;
    this.answerMsMax = options.answerMsMax ?? answerMsMaxDefault;
    child.on('message', (message) => this.receive(message as ControlAnswer | ControlEnd));
    child.on('error', (error) => this.fail(error.message));
    const gone = new Promise<void>((resolve) => {
      child.once('exit', (code, signal) => {
        this.fail(signal === null ? `it ended with status ${code}` : `it was killed (${signal})`);
        resolve();
      });
      child.once('error', () => resolve());
    });
    this.ended = gone.then(async () => {
      // What it was about to mount when it was ended.
      await unmount(this.directory);
      return this.reason;
    });
    this.pinger = setInterval(() => this.request({ kind: 'ping' }).catch(() => {}), this.answerMsMax / pings);
    this.pinger.unref();
  }

  /** Rejects with DriverError; nothing is left then. Call it inside a mount namespace of our own. */
  static async open(options: SparseFsOptions): Promise<SparseFsClient> {
    if (!insideMountNamespace()) {
      throw new DriverError('the sparse file system mounts only in a mount namespace of its own: see namespace.ts');
    }
    const command = serverCommand(options.program);
    await mkdir(options.directory, { recursive: true });
    // A session of its own: Ctrl-C is for the platform, whose VMs still need their memory to shut down. It ends with us
    // by its channel, and by a signal of the kernel if it is too busy to notice.
    const child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'ignore', options.onLine === undefined ? 'inherit' : 'pipe', 'ipc'],
      serialization: 'advanced',
      detached: true,
      cwd: '/',
      env: { ...(options.environment ?? process.env), UV_THREADPOOL_SIZE: String(poolThreads) },
    });
    if (options.onLine !== undefined) readLines(child, options.onLine);
    const client = new SparseFsClient(options, child);
    try {
      await client.request({ kind: 'open', directory: options.directory, composition: options.composition });
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  /** Of the serving process; null when it could not be started. */
  get pid(): number | null {
    return this.child.pid ?? null;
  }

  async expose(name: string, bytes: number, manifest: Manifest | null, access: Access = 'pages'): Promise<string> {
    if (!nameFormat.test(name)) throw new DriverError(`not a name for a file: ${JSON.stringify(name)}`);
    if (!Number.isInteger(bytes / pageBytes) || bytes <= 0 || bytes > bytesMax) {
      throw new DriverError(`${name}: ${bytes} bytes are no whole number of pages`);
    }
    if (manifest !== null && manifest.bytes !== bytes) {
      throw new DriverError(`${name}: has ${bytes} bytes, its manifest ${manifest.bytes}`);
    }
    const packed = manifest === null ? null : this.pack(name, manifest);
    await this.request({ kind: 'expose', name, bytes, manifest: packed, access });
    return join(this.directory, access, name);
  }

  async fill(name: string, manifest: Manifest): Promise<void> {
    await this.request({ kind: 'fill', name, manifest: this.pack(name, manifest) });
  }

  async withdraw(name: string): Promise<void> {
    await this.request({ kind: 'withdraw', name });
  }

  async record(name: string): Promise<void> {
    await this.request({ kind: 'record', name });
  }

  async recorded(name: string): Promise<Uint32Array> {
    const { pages } = await this.request({ kind: 'recorded', name });
    assert(pages !== undefined, 'the server answered a recording without pages');
    return pages;
  }

  prefetch(name: string, pages: Uint32Array): void {
    // A hint: whether it can be followed shows in the metrics.
    this.request({ kind: 'prefetch', name, pages }).catch(() => {});
  }

  async metrics(): Promise<SparseFsMetrics> {
    const { metrics } = await this.request({ kind: 'metrics' });
    assert(metrics !== undefined, 'the server answered metrics without any');
    return metrics;
  }

  /** Sends a change to what the server's program composed: another list of L2 members, for example. */
  async adjust(change: unknown): Promise<void> {
    await this.request({ kind: 'adjust', change });
  }

  async close(): Promise<void> {
    this.fail('it was closed');
    const late = new Promise<string>((resolve) => setTimeout(resolve, exitMsMax, 'late').unref());
    if ((await Promise.race([this.ended, late])) === 'late') this.child.unref();
    for (const access of accesses) await rmdir(join(this.directory, access)).catch(() => {});
    await rmdir(this.directory).catch(() => {});
  }

  private pack(name: string, manifest: Manifest) {
    const packed = packManifest(manifest);
    const size = packed.names.length + packed.keys.length + packed.sizes.byteLength + packed.runs.byteLength;
    if (size > manifestBytesMax) throw new DriverError(`${name}: its manifest has ${size} bytes`);
    return packed;
  }

  private request(request: ControlRequest): Promise<ControlAnswer> {
    if (this.broken !== null) return Promise.reject(this.broken);
    if (this.waiting.size >= pendingMax) {
      return Promise.reject(new DriverError(`${pendingMax} requests to the sparse file system wait already`));
    }
    return new Promise((resolve, reject) => {
      const id = this.nextId;
      this.nextId += 1;
      const deadline = setTimeout(() => this.expire(), this.answerMsMax);
      this.waiting.set(id, { resolve, reject, deadline });
      const message: ControlMessage = { id, request };
      this.child.send(message, (error) => {
        if (error !== null) this.fail(error.message);
      });
    });
  }

  private receive(message: ControlAnswer | ControlEnd): void {
    if ('ended' in message) {
      this.fail(message.ended);
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (waiting === undefined) return;
    this.waiting.delete(message.id);
    clearTimeout(waiting.deadline);
    if (message.error === undefined) waiting.resolve(message);
    else waiting.reject(new DriverError(message.error));
  }

  private expire(): void {
    this.fail(`it did not answer for ${this.answerMsMax} ms`);
  }

  /**
   * Whatever ended it: nothing of it goes on. Its thread that pushes pages may wait for one that is locked until a read
   * is answered, and could not die: so the kernel is made to give up all reads first. What is mapped fails from then on.
   */
  private fail(reason: string): void {
    if (this.broken !== null) return;
    this.child.kill('SIGKILL');
    void unmount(this.directory);
    this.broken = new DriverError(`the sparse file system's server is gone: ${reason}`);
    this.reason = reason;
    clearInterval(this.pinger);
    for (const { reject, deadline } of this.waiting.values()) {
      clearTimeout(deadline);
      reject(this.broken);
    }
    this.waiting.clear();
  }
}

/**
 * Ahead of the guests, whose processors wait in page faults while it answers: on a busy machine that halves the slowest
 * answers. The ten of `nice` is what desktop systems give to audio.
 */
const priority = '-10';

function serverCommand(program: string): string[] {
  const setpriv = findProgram('setpriv');
  if (setpriv === null) throw new DriverError('setpriv(1) is missing: install util-linux');
  const nice = process.getuid?.() === 0 && !inUserNamespace() ? findProgram('nice') : null;
  return [
    ...[setpriv, '--pdeathsig', 'KILL'],
    ...(nice === null ? [] : [nice, '-n', priority]),
    ...[process.execPath, program],
  ];
}

/** Longest line of the server that is kept whole. */
const lineBytesMax = 4096;

function readLines(child: ChildProcess, onLine: (line: string) => void): void {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop()!.slice(-lineBytesMax);
    for (const line of lines) onLine(line.slice(0, lineBytesMax));
  });
}

/**
 * Aborts both mounts' connections (force) and takes their names away (lazy): never waits for the server, nor for who has
 * files open. Not mounted is fine.
 */
async function unmount(directory: string): Promise<void> {
  const umount = findProgram('umount');
  if (umount === null) return;
  await Promise.all(
    accesses.map(
      (access) =>
        new Promise<void>((resolve) => {
          const child = spawn(umount, ['-i', '-n', '-c', '-f', '-l', join(directory, access)], {
            stdio: 'ignore',
            timeout: umountMsMax,
            killSignal: 'SIGKILL',
            env: {},
          });
          child.once('error', () => resolve());
          child.once('exit', () => resolve());
        }),
    ),
  );
}
