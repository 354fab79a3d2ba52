import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { secondMs } from '../../../kernel/units.js';
import { DriverError } from '../driver.js';
import { nativeProgram } from '../programs.js';

/** The helper answers within its own 50 ms a request; requests of all sandboxes queue before it. */
const answerMsMax = 10 * secondMs;
/** Requests on their way. Each subscriber has one at a time; beyond this nobody reads any more. */
const waitingMax = 4096;

interface Waiting {
  readonly resolve: (socket: Socket) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Connections into sandboxes' own networks, through one helper process (`native/connector.c`) that starts when needed. */
export class Connector {
  private helper: ChildProcess | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private requests = 0;
  private closed = false;

  /** Connects to 127.0.0.1:`port` in the network namespace of process `pid`. Rejects when nobody listens there. */
  connect(pid: number, port: number): Promise<Socket> {
    if (this.closed) return Promise.reject(new DriverError('the driver is closed'));
    if (this.waiting.size >= waitingMax) return Promise.reject(new DriverError('too many connections are being made'));
    this.helper ??= this.start();
    this.requests += 1;
    const id = this.requests;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.take(id)?.reject(new DriverError('no answer')), answerMsMax);
      this.waiting.set(id, { resolve, reject, timer });
      this.helper?.stdin?.write(`${id} ${pid} ${port}\n`);
    });
  }

  close(): void {
    this.closed = true;
    // It ends with its standard input, also when this process is killed.
    this.helper?.stdin?.end();
    this.fail('the driver is closed');
  }

  private start(): ChildProcess {
    const program = nativeProgram('connector');
    if (program === null) throw new DriverError('the native parts are not built: node setup/native.mjs');
    const helper = spawn(program, [], {
      stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
      env: {},
      cwd: '/',
      detached: true,
    });
    helper.stdin?.on('error', () => {});
    helper.on('message', (message: unknown, handle: unknown) => {
      const { id, error } = message as { id: number; error?: string };
      const socket = handle instanceof Socket ? handle : null;
      const request = this.take(id);
      if (request === null) socket?.destroy();
      else if (socket === null) request.reject(new DriverError(error ?? 'no connection'));
      else request.resolve(socket);
    });
    const gone = (why: string) => {
      if (this.helper !== helper) return;
      this.helper = null;
      this.fail(why);
    };
    helper.once('error', (error) => gone(error.message));
    helper.once('exit', () => gone('the connector ended'));
    return helper;
  }

  private take(id: number): Waiting | null {
    const request = this.waiting.get(id);
    if (request === undefined) return null;
    this.waiting.delete(id);
    clearTimeout(request.timer);
    return request;
  }

  private fail(message: string): void {
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(new DriverError(message));
  }
}
