import type { AccountId } from '../../kernel/ids.js';
import type { InvocationRecord } from './record.js';

/** Last invocations, whatever they met. A record and its facts take some 400 bytes: 4 MB. */
export const recordsMax = 10_000;
/** Last ones of note: a cold start is still there after many more warm invocations. */
export const notableMax = 2_000;

/**
 * The last invocations. Adding stores a reference and nothing else: whoever asks, rarely, pays with a look at all of them.
 * (A map by request id would cost each invocation its insertion and the deletion of another.)
 */
export class InvocationRing {
  readonly #records: Last;
  readonly #notable: Last;

  constructor(bounds: { readonly recordsMax?: number; readonly notableMax?: number } = {}) {
    this.#records = new Last(bounds.recordsMax ?? recordsMax);
    this.#notable = new Last(bounds.notableMax ?? notableMax);
  }

  add(record: InvocationRecord): void {
    if (isNotable(record)) this.#notable.add(record);
    else this.#records.add(record);
  }

  /** Null: not of this account, or forgotten. */
  find(account: AccountId, requestId: string): InvocationRecord | null {
    const isIt = (one: InvocationRecord) => one.requestId === requestId && one.spec.account === account;
    return this.#notable.find(isIt) ?? this.#records.find(isIt);
  }

  /** Those that were not warm, newest first. */
  notable(account: AccountId, countMax: number): readonly InvocationRecord[] {
    return this.#notable.newest((one) => one.spec.account === account, countMax);
  }
}

/** Warm ones and throttled ones come in crowds, and so do those in provisioned sandboxes after the first. */
function isNotable({ start, outcome }: InvocationRecord): boolean {
  if (start === null) return outcome === 'refused';
  return start.kind !== 'warm' && (start.first || start.kind !== 'provisioned');
}

class Last {
  readonly #slots: InvocationRecord[] = [];
  #next = 0;

  constructor(private readonly countMax: number) {}

  add(record: InvocationRecord): void {
    this.#slots[this.#next] = record;
    this.#next = this.#next + 1 === this.countMax ? 0 : this.#next + 1;
  }

  /** The newest one that is it: an asynchronous invocation's id is the same at each attempt. */
  find(isIt: (record: InvocationRecord) => boolean): InvocationRecord | null {
    return this.newest(isIt, 1)[0] ?? null;
  }

  newest(matches: (record: InvocationRecord) => boolean, countMax: number): readonly InvocationRecord[] {
    const found: InvocationRecord[] = [];
    const { length } = this.#slots;
    for (let back = 1; back <= length && found.length < countMax; back += 1) {
      const record = this.#slots[(this.#next - back + length) % length]!;
      if (matches(record)) found.push(record);
    }
    return found;
  }
}
