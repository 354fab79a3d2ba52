import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Analytics,
  type AnalyticsAnswer,
  AnalyticsError,
  type AnalyticsQuestion,
} from '../../kernel/ports/analytics.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { minuteMs, secondMs } from '../../kernel/units.js';
import { diesWithUs } from '../../worker/sandbox/ownedcommand.js';
import type { EngineReply, EngineRequest, EngineSettings } from './protocol.js';

const program = fileURLToPath(new URL('./engine.js', import.meta.url));

export interface DuckDbOptions {
  /** The one folder whose files statements may read. */
  readonly folder: string;
  readonly clock: Pick<Clock, 'after'>;
  /** What DuckDB may use; a statement that needs more fails. The process around it takes some 100 MiB. */
  readonly memoryMib?: number;
  /** The engine's process ends so long after its last statement, and with it goes its memory. */
  readonly idleMsMax?: number;
  /** A statement that does not end so long after it was told to takes its process with it. */
  readonly interruptMsMax?: number;
  /** From starting the process to its first word. Node and 70 MB of library take half a second; a busy machine more. */
  readonly readyMsMax?: number;
}

interface Pending {
  columns: readonly string[];
  readonly rows: (readonly (string | null)[])[];
  readonly resolve: (answer: AnalyticsAnswer) => void;
  readonly reject: (error: AnalyticsError) => void;
}

/**
 * DuckDB in a process of its own, started by the first statement: a platform that is never asked pays nothing, and an
 * engine that crashes, or takes memory, takes nothing else with it.
 */
export class DuckDbAnalytics implements Analytics {
  readonly #settings: EngineSettings;
  readonly #options: Required<Omit<DuckDbOptions, 'folder' | 'memoryMib'>>;
  #engine: Engine | null = null;
  #cancelIdle: () => void = () => {};
  #closed = false;

  constructor(options: DuckDbOptions) {
    const { folder, memoryMib = 512, clock } = options;
    this.#settings = { folder: resolve(folder), memoryMib };
    this.#options = {
      clock,
      idleMsMax: options.idleMsMax ?? minuteMs,
      interruptMsMax: options.interruptMsMax ?? 2 * secondMs,
      readyMsMax: options.readyMsMax ?? 30 * secondMs,
    };
  }

  /** Of the engine's process; null when there is none. */
  get pid(): number | null {
    return this.#engine?.pid ?? null;
  }

  async query(question: AnalyticsQuestion): Promise<AnalyticsAnswer> {
    const { signal, ...asked } = question;
    if (this.#closed || signal.aborted) throw new AnalyticsError('cancelled', 'The query was cancelled.');
    const { clock, interruptMsMax, idleMsMax } = this.#options;
    this.#cancelIdle();
    if (this.#engine === null || this.#engine.ended) {
      this.#engine = new Engine(this.#settings, clock, this.#options.readyMsMax);
    }
    const engine = this.#engine;
    const { id, answer } = engine.ask(asked);
    let cancelKill = () => {};
    const onAbort = () => {
      engine.cancel(id);
      cancelKill = clock.after(interruptMsMax, () => engine.kill());
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await answer;
    } catch (error) {
      if (signal.aborted) throw new AnalyticsError('cancelled', 'The query was cancelled.');
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      cancelKill();
      if (engine.isIdle && !this.#closed) {
        this.#cancelIdle();
        this.#cancelIdle = clock.after(idleMsMax, () => engine.kill());
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelIdle();
    this.#engine?.kill();
    await this.#engine?.gone;
  }
}

/** One process, from its start to its end. */
class Engine {
  /** Resolves when the process is no more. */
  readonly gone: Promise<void>;
  ended = false;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #ids = 0;
  #isReady = false;

  constructor(settings: EngineSettings, clock: Pick<Clock, 'after'>, readyMsMax: number) {
    const [command = '', ...args] = [...diesWithUs(), process.execPath, program, JSON.stringify(settings)];
    this.#child = spawn(command, args, {
      env: {},
      cwd: settings.folder,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const cancel = clock.after(readyMsMax, () => this.kill());
    this.gone = new Promise((resolve) => {
      const end = () => {
        cancel();
        this.ended = true;
        const kind = this.#isReady ? 'failed' : 'unavailable';
        this.#rejectAll(new AnalyticsError(kind, 'The analytic engine ended.'));
        resolve();
      };
      this.#child.once('error', end);
      this.#child.once('exit', end);
    });
    this.#child.on('message', (reply: EngineReply) => {
      if (reply.kind === 'ready') cancel();
      this.#hear(reply);
    });
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  ask(question: Omit<AnalyticsQuestion, 'signal'>): { readonly id: number; readonly answer: Promise<AnalyticsAnswer> } {
    this.#ids += 1;
    const id = this.#ids;
    const answer = new Promise<AnalyticsAnswer>((resolve, reject) => {
      this.#pending.set(id, { columns: [], rows: [], resolve, reject });
    });
    this.#send({ kind: 'ask', id, ...question });
    return { id, answer };
  }

  cancel(id: number): void {
    if (this.#pending.has(id)) this.#send({ kind: 'cancel', id });
  }

  kill(): void {
    this.ended = true;
    this.#child.kill('SIGKILL');
  }

  /** A process that is gone says so by `exit`. */
  #send(request: EngineRequest): void {
    if (this.#child.connected) this.#child.send(request, () => {});
  }

  #hear(reply: EngineReply): void {
    if (reply.kind === 'ready') {
      this.#isReady = true;
      return;
    }
    if (reply.kind === 'unavailable') {
      this.ended = true;
      this.#rejectAll(new AnalyticsError('unavailable', reply.message));
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if (reply.kind === 'columns') pending.columns = reply.columns;
    else if (reply.kind === 'rows') pending.rows.push(...reply.rows);
    else {
      this.#pending.delete(reply.id);
      if (reply.kind === 'error') pending.reject(new AnalyticsError(reply.error, reply.message));
      else pending.resolve({ columns: pending.columns, rows: pending.rows, truncated: reply.truncated });
    }
  }

  #rejectAll(error: AnalyticsError): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}
