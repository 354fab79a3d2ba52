import type { Duplex } from 'node:stream';
import { DriverError } from '../../worker/sandbox/driver.js';

/** A command is answered within milliseconds, the first some 50 ms after the start; one that is silent for 20 s hangs. */
const answerMsMax = 20_000;
/** Commands written and not answered: a machine has one user, which waits for its answers. */
const pendingMax = 64;
/** One line of the monitor. Its longest answer to what we ask is some hundred bytes. */
const lineBytesMax = 64 * 1024;

interface Pending {
  readonly command: string;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly deadline: NodeJS.Timeout;
}

/** Commands we use, their arguments and answers (QEMU documentation, "QEMU QMP Reference Manual"). */
export interface QmpCommands {
  qmp_capabilities: [Record<string, never>, unknown];
  'migrate-set-capabilities': [{ capabilities: readonly { capability: 'events'; state: boolean }[] }, unknown];
  'migrate-incoming': [{ uri: string }, unknown];
  'query-status': [Record<string, never>, { status: string; running: boolean }];
  'query-version': [Record<string, never>, { qemu: { major: number; minor: number; micro: number }; package: string }];
  'xen-save-devices-state': [{ filename: string; live: boolean }, unknown];
  stop: [Record<string, never>, unknown];
  cont: [Record<string, never>, unknown];
  quit: [Record<string, never>, unknown];
}

export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * One QMP connection. Answers come in the order of the commands; events in between go to `onEvent`. What the other side
 * says wrong ends the connection: a monitor taken over by its guest must not get further than that.
 */
export class Qmp {
  onEvent: (event: QmpEvent) => void = () => {};
  private readonly pending: Pending[] = [];
  private text = '';
  private broken: DriverError | null = null;

  constructor(
    private readonly socket: Duplex,
    private readonly answerMs = answerMsMax,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error.message));
    socket.on('close', () => this.fail('it ended'));
    socket.on('end', () => this.fail('it ended'));
  }

  execute<Name extends keyof QmpCommands>(
    command: Name,
    parameters: QmpCommands[Name][0],
  ): Promise<QmpCommands[Name][1]> {
    if (this.broken) return Promise.reject(this.broken);
    if (this.pending.length >= pendingMax)
      return Promise.reject(new DriverError(`${pendingMax} commands wait already`));
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () => this.fail(`no answer to ${command} for ${this.answerMs / 1000} s`),
        this.answerMs,
      );
      this.pending.push({ command, resolve, reject, deadline });
      this.socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    });
  }

  /** Rejects what waits; no further command is taken. Idempotent: the first reason stays. */
  fail(reason: string): void {
    if (this.broken) return;
    this.broken = new DriverError(`the virtual machine monitor does not answer: ${reason}`);
    for (const { reject, deadline } of this.pending.splice(0)) {
      clearTimeout(deadline);
      reject(this.broken);
    }
    this.text = '';
    this.socket.destroy();
  }

  private receive(chunk: string): void {
    if (this.broken) return;
    this.text += chunk;
    for (let end = this.text.indexOf('\n'); end >= 0 && !this.broken; end = this.text.indexOf('\n')) {
      const line = this.text.slice(0, end);
      this.text = this.text.slice(end + 1);
      this.take(line);
    }
    if (this.text.length > lineBytesMax) this.fail(`a line longer than ${lineBytesMax} bytes`);
  }

  private take(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.fail('a line that is not JSON');
      return;
    }
    if (typeof message !== 'object' || message === null) {
      this.fail('a line that is no object');
      return;
    }
    if ('QMP' in message) return;
    if ('event' in message) {
      if (typeof message.event === 'string') this.onEvent(message as QmpEvent);
      return;
    }
    const first = this.pending.shift();
    if (first === undefined) {
      this.fail('an answer to nothing');
      return;
    }
    clearTimeout(first.deadline);
    if ('return' in message) {
      first.resolve(message.return);
      return;
    }
    const { desc } = ('error' in message ? message.error : {}) as { readonly desc?: unknown };
    first.reject(new DriverError(`${first.command}: ${String(desc ?? 'refused')}`));
  }
}
