import type { Clock } from '../../kernel/ports/clock.js';
import type { LogSink } from '../../kernel/ports/logs.js';
import type { Random } from '../../kernel/ports/random.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import type { PlatformLine } from '../messages.js';
import { sampledTrace } from '../trace.js';
import { levelFilter } from './applicationlevel.js';
import { LogCapture } from './logcapture.js';
import { formatLine, jsonFailure, type LineFacts, logStreamName } from './loglines.js';
import { isLogged, platformEvents } from './platformevents.js';

/** What a sandbox's log needs of the worker. */
export interface LogSurroundings {
  readonly options: { readonly logs: LogSink; readonly random: Random };
  readonly clock: Clock;
  logged(): void;
}

/** Sees every platform line of a sandbox, whatever format and level its log has. */
export type LineObserver = (line: PlatformLine, facts: LineFacts) => void;

/** The log of one sandbox: a stream of its own, and the platform's lines in the function's format. */
export class SandboxLog {
  readonly stream: string;
  readonly capture: LogCapture;
  /** Null while nobody listens: the usual case. */
  observer: LineObserver | null = null;
  readonly #spec: FunctionSpec;
  readonly #clock: Clock;
  /** The first line of the box there is, and when it was written. */
  #first: { readonly line: PlatformLine; readonly nowMs: number } | null = null;
  readonly #facts: { -readonly [K in keyof LineFacts]: LineFacts[K] };

  constructor(spec: FunctionSpec, around: LogSurroundings, memoryPeakMib: () => number | null) {
    const { options, clock } = around;
    const nowMs = clock.nowMs();
    this.#spec = spec;
    this.#clock = clock;
    this.stream = logStreamName(nowMs, spec, options.random.hex(16));
    const writer = options.logs.open(spec, spec.logGroup, this.stream);
    this.capture = new LogCapture(writer, () => around.logged(), levelFilter(spec.logging));
    this.#facts = {
      functionName: spec.functionName,
      version: spec.version,
      logStream: this.stream,
      memoryMib: spec.memoryMib,
      runtimeVersion: { name: '', arn: '' },
      memoryPeakMib,
      trace: null,
      nowMs,
    };
  }

  /** Known once the runtime was found. */
  set runtimeVersion(version: LineFacts['runtimeVersion']) {
    this.#facts.runtimeVersion = version;
  }

  /** From here on, lines belong to an invocation with this trace header. */
  begin(traceHeader: string, tail: boolean): void {
    if (tail) this.capture.startTail();
    if (this.#spec.tracing === 'Active') this.#facts.trace = sampledTrace(traceHeader);
  }

  /** One of the platform's lines. What the function printed without a newline becomes an event before it. */
  line(line: PlatformLine): void {
    const nowMs = this.#clock.nowMs();
    if (line.kind === 'init-start' || line.kind === 'restore-start') this.#first = { line, nowMs };
    else if (line.kind !== 'start') this.capture.finish(nowMs);
    const facts = this.#facts;
    facts.nowMs = nowMs;
    if (this.#spec.logging.format === 'Text') {
      const text = formatLine(line, facts);
      if (text !== null) this.capture.event(nowMs, text, 'platform');
    } else this.#json(line);
    this.observer?.(line, facts);
  }

  /** Tells the observer, who was not there yet, how the box began. */
  repeatFirst(): void {
    if (this.#first === null) return;
    const { line, nowMs } = this.#first;
    this.observer?.(line, { ...this.#facts, nowMs });
  }

  #json(line: PlatformLine): void {
    const facts = this.#facts;
    const { systemLevel } = this.#spec.logging;
    for (const { level, event } of platformEvents(line, facts)) {
      if (isLogged(level, systemLevel)) this.capture.event(facts.nowMs, `${JSON.stringify(event)}\n`, 'platform');
    }
    const failure = jsonFailure(line, facts);
    if (failure !== null) this.capture.event(facts.nowMs, failure, 'platform');
  }
}
