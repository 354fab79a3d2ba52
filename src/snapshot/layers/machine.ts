import type { LayerEffect, LayerInput, LayerWish } from './messages.js';

/** Who waits for one layer at once; beyond that, starts are refused. As many as sandboxes fit a worker. */
export const waitersMax = 1_000;
/** After a creation that failed, the next is tried no sooner: each costs seconds of a processor. */
export const retryMs = 5_000;

type Phase = 'looking' | 'creating' | 'ready' | 'failed';

interface Slot {
  phase: Phase;
  /** What it has to be of, as far as known. */
  wish: LayerWish;
  waiting: number[];
  reason: string;
  /** No new creation before. */
  restsUntilMs: number;
}

/**
 * Life of layers: missing → creating → ready → stale → creating … One creation serves everybody who waits. Pure.
 */
export class LayerMachine {
  readonly #slots = new Map<string, Slot>();

  step(input: LayerInput): readonly LayerEffect[] {
    switch (input.kind) {
      case 'wanted':
        return this.#wanted(input.nowMs, input.ticket, input.wish);
      case 'found':
        return this.#found(input.nowMs, input.slot, input.key);
      case 'made':
        return this.#made(input.nowMs, input.slot, input.key);
      case 'failed':
        return this.#failed(input.nowMs, input.slot, input.reason);
      case 'broken':
        return this.#broken(input.slot, input.key);
    }
  }

  /** For reports. */
  phase(slot: string): Phase | 'missing' {
    return this.#slots.get(slot)?.phase ?? 'missing';
  }

  #wanted(nowMs: number, ticket: number, wish: LayerWish): readonly LayerEffect[] {
    const slot = this.#slots.get(wish.slot);
    if (slot === undefined) {
      this.#slots.set(wish.slot, { phase: 'looking', wish, waiting: [ticket], reason: '', restsUntilMs: 0 });
      return [{ kind: 'look', slot: wish.slot }];
    }
    const stale = slot.wish.key !== wish.key;
    if (slot.phase === 'ready' && !stale) return [{ kind: 'grant', ticket }];
    if (slot.phase === 'failed' && !stale && nowMs < slot.restsUntilMs) {
      return [{ kind: 'refuse', ticket, reason: slot.reason }];
    }
    if (slot.waiting.length >= waitersMax) {
      return [{ kind: 'refuse', ticket, reason: `${waitersMax} sandboxes wait for ${wish.slot} already` }];
    }
    slot.wish = wish;
    slot.waiting.push(ticket);
    // Whatever runs ends in `found`, `made` or `failed`, which look at the newest wish.
    if (slot.phase === 'looking' || slot.phase === 'creating') return [];
    return this.#create(slot);
  }

  #create(slot: Slot): readonly LayerEffect[] {
    slot.phase = 'creating';
    return [{ kind: 'make', wish: slot.wish }];
  }

  #found(nowMs: number, name: string, key: string | null): readonly LayerEffect[] {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.phase !== 'looking') return [];
    return key === slot.wish.key ? this.#made(nowMs, name, key) : this.#create(slot);
  }

  #made(_nowMs: number, name: string, key: string): readonly LayerEffect[] {
    const slot = this.#slots.get(name);
    if (slot === undefined) return [];
    if (slot.wish.key !== key) return this.#create(slot);
    slot.phase = 'ready';
    return slot.waiting.splice(0).map((ticket) => ({ kind: 'grant', ticket }));
  }

  #failed(nowMs: number, name: string, reason: string): readonly LayerEffect[] {
    const slot = this.#slots.get(name);
    if (slot === undefined) return [];
    slot.phase = 'failed';
    slot.reason = reason;
    slot.restsUntilMs = nowMs + retryMs;
    return slot.waiting.splice(0).map((ticket) => ({ kind: 'refuse', ticket, reason }));
  }

  /** Made again for whoever comes next; the one whose restore failed tells its own caller. */
  #broken(name: string, key: string): readonly LayerEffect[] {
    const slot = this.#slots.get(name);
    if (slot === undefined || slot.phase !== 'ready' || slot.wish.key !== key) return [];
    return this.#create(slot);
  }
}
