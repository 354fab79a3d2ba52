import { type ChildProcess, spawn } from 'node:child_process';
import { assert } from '../../../kernel/assert.js';
import { DriverError } from '../driver.js';

/** A mount takes well under a millisecond; a helper that is silent for 10 s hangs in the kernel (a dead disk). */
const answerMsMax = 10_000;
/** A helper that ended is replaced when it is needed, this long after its start: one that dies at once is no use. */
const restartMsMin = 1_000;
/** Commands written and not answered. One cold start has about six; beyond this the machine is not keeping up. */
const pendingMax = 4096;

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The mount helper process (`native/mounthelper.c`): commands go in order, answers come in order. Mounts belong to the
 * namespace, not to the helper: when it dies, what it had not answered fails, and the next command gets a new one.
 */
export class Mounts {
  private readonly pending: Pending[] = [];
  private text = '';
  private deadline: NodeJS.Timeout | null = null;
  private broken: DriverError | null = null;
  private helper!: ChildProcess;
  private ended!: Promise<void>;
  private startedMs = 0;
  private closed = false;

  private constructor(
    private readonly program: string,
    private readonly restartMs: number,
  ) {
    this.spawn();
  }

  static start(program: string, restartMs = restartMsMin): Mounts {
    return new Mounts(program, restartMs);
  }

  /** Of the helper now; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.helper.pid;
  }

  private spawn(): void {
    // A session of its own, as all our helpers: Ctrl-C is for the platform, which still needs them to shut down.
    const helper = spawn(this.program, [], { stdio: ['pipe', 'pipe', 'inherit'], env: {}, cwd: '/', detached: true });
    this.helper = helper;
    this.startedMs = performance.now();
    this.broken = null;
    this.text = '';
    helper.stdout?.setEncoding('latin1').on('data', (chunk: string) => {
      if (helper === this.helper) this.receive(chunk);
    });
    helper.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      const over = (message: string) => {
        if (helper === this.helper) this.fail(message);
        resolve();
      };
      helper.once('error', (error) => over(`mount helper: ${error.message}`));
      helper.once('exit', () => over('the mount helper ended'));
    });
  }

  /** Mounts a tmpfs at `path` that propagates into sandboxes. First command of all. */
  shared(path: string): Promise<void> {
    return this.run('shared', path);
  }

  /** `source` appears at `target`, read-only, without devices and set-uid programs. */
  bind(source: string, target: string): Promise<void> {
    return this.run('bind', source, target);
  }

  /** A scratch mount of ours appears at `target` too; quicker, because it is restricted already. */
  repeat(source: string, target: string): Promise<void> {
    return this.run('repeat', source, target);
  }

  /** A tmpfs of limited size; its pages count as memory of whoever writes them. */
  tmpfs(target: string, mib: number): Promise<void> {
    return this.run('tmpfs', target, String(mib), '0', '0');
  }

  /** Mounts an ext4 image through a free loop device and unlinks it: it lives exactly as long as the mount. */
  loop(image: string, target: string): Promise<void> {
    return this.run('loop', image, target);
  }

  /** Copies a sparse file to a new one. */
  copy(source: string, target: string): Promise<void> {
    return this.run('copy', source, target);
  }

  /** Makes a named pipe that `uid` owns. */
  fifo(path: string, uid: number): Promise<void> {
    return this.run('fifo', path, String(uid));
  }

  umount(target: string): Promise<void> {
    return this.run('umount', target);
  }

  /** Waits for the commands given so far, then ends the helper. */
  async close(): Promise<void> {
    this.closed = true;
    this.helper.stdin?.end();
    await this.ended;
  }

  private run(...fields: readonly string[]): Promise<void> {
    if (this.broken && !this.closed && performance.now() - this.startedMs >= this.restartMs) this.spawn();
    if (this.broken) return Promise.reject(this.broken);
    const bad = fields.find((field) => /[\0\n]/.test(field) || field === '');
    if (bad !== undefined) return Promise.reject(new DriverError(`not a path: ${JSON.stringify(bad)}`));
    assert(this.pending.length < pendingMax, 'more than 4096 mount commands wait: the caller has no bound');
    return new Promise((resolve, reject) => {
      this.pending.push({ resolve, reject });
      this.helper.stdin?.write(`${fields.join('\0')}\0\n`);
      this.deadline ??= setTimeout(() => this.expire(), answerMsMax);
    });
  }

  private receive(chunk: string): void {
    this.text += chunk;
    for (let end = this.text.indexOf('\n'); end >= 0; end = this.text.indexOf('\n')) {
      const line = this.text.slice(0, end);
      this.text = this.text.slice(end + 1);
      const first = this.pending.shift();
      assert(first, 'the mount helper answered what was not asked');
      if (line === 'ok') first.resolve();
      else first.reject(new DriverError(`cannot mount: ${line.replace(/^\d+ /, '')}`));
    }
    if (this.deadline) clearTimeout(this.deadline);
    this.deadline = this.pending.length > 0 ? setTimeout(() => this.expire(), answerMsMax) : null;
  }

  private expire(): void {
    this.fail(`the mount helper did not answer for ${answerMsMax / 1000} s`);
    this.helper.kill('SIGKILL');
  }

  private fail(message: string): void {
    this.broken ??= new DriverError(message);
    if (this.deadline) clearTimeout(this.deadline);
    this.deadline = null;
    for (const waiting of this.pending.splice(0)) waiting.reject(this.broken);
  }
}
