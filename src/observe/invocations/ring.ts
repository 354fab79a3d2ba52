import type { AccountId } from '../../kernel/ids.js';
import { Columns } from './columns.js';
import type { InvocationRecord } from './record.js';

/** Last invocations, whatever they met. One takes 176 bytes: 2 MB. */
export const recordsMax = 10_000;
/** Last ones of note: a cold start is still there after many more warm invocations. */
export const notableMax = 2_000;

/**
 * The last invocations. Adding one fills a slot and nothing else: whoever asks, rarely, pays with a look at all of them.
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

  /** The newest of this id, as all attempts of an event have the same. Null: not of this account, or forgotten. */
  find(account: AccountId, requestId: string): InvocationRecord | null {
    const found = [...this.#notable.of(requestId), ...this.#records.of(requestId)];
    return found.filter(({ spec }) => spec.account === account).sort((a, b) => b.arrivedMs - a.arrivedMs)[0] ?? null;
  }

  /** Those that were not warm, newest first. */
  notable(account: AccountId, countMax: number): readonly InvocationRecord[] {
    const found: InvocationRecord[] = [];
    for (const record of this.#notable.newest()) {
      if (found.length === countMax) break;
      if (record.spec.account === account) found.push(record);
    }
    return found;
  }
}

/** Warm ones and throttled ones come in crowds, and so do those in provisioned sandboxes after the first. */
function isNotable({ start, outcome }: InvocationRecord): boolean {
  if (start === null) return outcome === 'refused';
  return start.kind !== 'warm' && (start.first || start.kind !== 'provisioned');
}

class Last {
  readonly #columns: Columns;
  #next = 0;

  constructor(countMax: number) {
    this.#columns = new Columns(countMax);
  }

  add(record: InvocationRecord): void {
    this.#columns.set(this.#next, record);
    this.#next = this.#next + 1 === this.#columns.slots ? 0 : this.#next + 1;
  }

  /** Newest first. */
  *of(requestId: string): Iterable<InvocationRecord> {
    for (const slot of this.#slots()) {
      if (this.#columns.requestId(slot) !== requestId) continue;
      const record = this.#columns.get(slot);
      if (record !== null) yield record;
    }
  }

  *newest(): Iterable<InvocationRecord> {
    for (const slot of this.#slots()) {
      const record = this.#columns.get(slot);
      if (record === null) return;
      yield record;
    }
  }

  *#slots(): Iterable<number> {
    const { slots } = this.#columns;
    for (let back = 1; back <= slots; back += 1) yield (this.#next - back + slots) % slots;
  }
}
