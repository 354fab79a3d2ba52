import type { RequestId } from '../../kernel/ids.js';
import type { InvocationRecord } from './record.js';

const figures = [
  'arrivedMs',
  'grantedMs',
  'endedMs',
  'attempts',
  'startedMs',
  'durationMs',
  'initMs',
  'restoreMs',
  'initInsideMs',
  'memoryPeakMib',
] as const;

type Shared = Pick<InvocationRecord, 'spec' | 'invokedFunctionArn' | 'type' | 'start' | 'outcome' | 'problem'>;
type Run = NonNullable<InvocationRecord['run']>;

/**
 * Records by column, in slots that are used again. What is kept of an invocation survives the collections of V8's young
 * generation and is copied by each: objects took 2.4 µs an invocation, its id alone (a tree of some twenty strings, as
 * Node makes it) 1 µs. So nothing is kept that the invocation brought along: figures, ids as numbers, and references to
 * what is there anyway.
 */
export class Columns {
  /** NaN: null. */
  readonly #figures: Float64Array;
  /** Four words each. */
  readonly #requestIds: Uint32Array;
  readonly #specs: (Shared['spec'] | null)[];
  readonly #arns: Shared['invokedFunctionArn'][];
  readonly #types: Shared['type'][];
  readonly #starts: Shared['start'][];
  readonly #outcomes: Shared['outcome'][];
  readonly #problems: Shared['problem'][];
  readonly #lives: (Run['life'] | null)[];
  readonly #statuses: Run['status'][];
  readonly #errorTypes: Run['errorType'][];

  constructor(readonly slots: number) {
    this.#figures = new Float64Array(slots * figures.length);
    this.#requestIds = new Uint32Array(slots * idWords);
    this.#specs = new Array(slots).fill(null);
    this.#arns = new Array(slots).fill('');
    this.#types = new Array(slots).fill('sync');
    this.#starts = new Array(slots).fill(null);
    this.#outcomes = new Array(slots).fill('success');
    this.#problems = new Array(slots).fill(null);
    this.#lives = new Array(slots).fill(null);
    this.#statuses = new Array(slots).fill('success');
    this.#errorTypes = new Array(slots).fill(null);
  }

  set(slot: number, record: InvocationRecord): void {
    const { run } = record;
    const to = this.#figures;
    const at = slot * figures.length;
    to[at] = record.arrivedMs;
    to[at + 1] = record.grantedMs ?? Number.NaN;
    to[at + 2] = record.endedMs;
    to[at + 3] = record.attempts;
    writeId(record.requestId, this.#requestIds, slot * idWords);
    this.#specs[slot] = record.spec;
    this.#arns[slot] = record.invokedFunctionArn;
    this.#types[slot] = record.type;
    this.#starts[slot] = record.start;
    this.#outcomes[slot] = record.outcome;
    this.#problems[slot] = record.problem;
    this.#lives[slot] = run === null ? null : run.life;
    if (run === null) return;
    to[at + 4] = run.startedMs;
    to[at + 5] = run.durationMs;
    to[at + 6] = run.initMs ?? Number.NaN;
    to[at + 7] = run.restoreMs ?? Number.NaN;
    to[at + 8] = run.initInsideMs ?? Number.NaN;
    to[at + 9] = run.memoryPeakMib ?? Number.NaN;
    this.#statuses[slot] = run.status;
    this.#errorTypes[slot] = run.errorType;
  }

  requestId(slot: number): RequestId {
    return readId(this.#requestIds, slot * idWords);
  }

  /** Null: the slot is empty. */
  get(slot: number): InvocationRecord | null {
    const spec = this.#specs[slot] ?? null;
    if (spec === null) return null;
    const life = this.#lives[slot] ?? null;
    return {
      requestId: this.requestId(slot),
      spec,
      invokedFunctionArn: this.#arns[slot] ?? '',
      type: this.#types[slot] ?? 'sync',
      arrivedMs: this.#figure(slot, 'arrivedMs') ?? 0,
      grantedMs: this.#figure(slot, 'grantedMs'),
      endedMs: this.#figure(slot, 'endedMs') ?? 0,
      attempts: this.#figure(slot, 'attempts') ?? 0,
      start: this.#starts[slot] ?? null,
      run:
        life === null
          ? null
          : {
              life,
              startedMs: this.#figure(slot, 'startedMs') ?? 0,
              durationMs: this.#figure(slot, 'durationMs') ?? 0,
              initMs: this.#figure(slot, 'initMs'),
              restoreMs: this.#figure(slot, 'restoreMs'),
              initInsideMs: this.#figure(slot, 'initInsideMs'),
              status: this.#statuses[slot] ?? 'success',
              errorType: this.#errorTypes[slot] ?? null,
              memoryPeakMib: this.#figure(slot, 'memoryPeakMib'),
            },
      outcome: this.#outcomes[slot] ?? 'success',
      problem: this.#problems[slot] ?? null,
    };
  }

  #figure(slot: number, name: (typeof figures)[number]): number | null {
    const value = this.#figures[slot * figures.length + figures.indexOf(name)] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  }
}

/** 128 bits. */
const idWords = 4;
const zero = 48;
const nine = 57;
const dash = 45;
/** Of `a`, less its value. */
const letter = 87;

/** Of a UUID in lower case. */
function writeId(id: RequestId, into: Uint32Array, at: number): void {
  let word = 0;
  let digits = 0;
  for (let i = 0; i < id.length; i += 1) {
    const code = id.charCodeAt(i);
    if (code === dash) continue;
    word = (word << 4) | (code <= nine ? code - zero : code - letter);
    digits += 1;
    if ((digits & 7) === 0) into[at + (digits >> 3) - 1] = word;
  }
}

function readId(from: Uint32Array, at: number): RequestId {
  let hex = '';
  for (let i = at; i < at + idWords; i += 1) hex += (from[i] ?? 0).toString(16).padStart(8, '0');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as RequestId;
}
