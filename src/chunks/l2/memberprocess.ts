import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { secondMs } from '../../kernel/units.js';
import { diesWithUs } from '../../worker/sandbox/ownedcommand.js';
import type { ProgramSettings } from './memberprogram.js';
import type { Member } from './placement.js';

/** Node starts in about 50 ms; on a machine that does much else, much later. */
const readyMsMax = 30 * secondMs;
const program = fileURLToPath(new URL('./memberprogram.js', import.meta.url));

export interface MemberProcessOptions {
  readonly id: string;
  /** Shared with the workers that use it. */
  readonly secret: Buffer;
  /** Of stripes that it holds. */
  readonly bytesMax: number;
  /** Where it holds them; null: in memory. */
  readonly folder: string | null;
  /** Absent: a free one of 127.0.0.1. */
  readonly port?: number;
}

/** A member of L2 in a process of its own, which dies with the process that started it, however that ends. */
export class MemberProcess {
  private constructor(
    readonly member: Member,
    private readonly child: ChildProcess,
    readonly ended: Promise<void>,
  ) {}

  /** Rejects when it does not serve within half a minute; nothing is left then. */
  static async start(options: MemberProcessOptions): Promise<MemberProcess> {
    const [command = '', ...args] = [...diesWithUs(), process.execPath, program];
    const child = spawn(command, args, { env: {}, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('close', () => resolve());
    });
    // It may be gone before it has read anything.
    child.stdin.on('error', () => {});
    const settings: ProgramSettings = {
      host: '127.0.0.1',
      port: options.port ?? 0,
      secretHex: options.secret.toString('hex'),
      bytesMax: options.bytesMax,
      folder: options.folder,
    };
    child.stdin.write(`${JSON.stringify(settings)}\n`);
    const lines = createInterface({ input: child.stdout });
    const timer = setTimeout(() => child.kill('SIGKILL'), readyMsMax);
    const line = await Promise.race([once(lines, 'line').then(([text]) => String(text)), ended.then(() => null)]);
    clearTimeout(timer);
    if (line === null) throw new Error(`the member ${options.id} of L2 did not start`);
    return new MemberProcess({ id: options.id, url: new URL(line) }, child, ended);
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.child.kill(signal);
  }

  /** Resolves when it is gone. */
  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
