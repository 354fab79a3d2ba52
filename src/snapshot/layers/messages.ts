/**
 * A layer that every sandbox needs and nobody made by hand: `slot` says which (`os-1152`), `key` what it must be made
 * of now. A stored one with another key is of another image, monitor or machine: it is made again.
 */
export interface LayerWish {
  readonly slot: string;
  readonly key: string;
}

export type LayerInput =
  /** Somebody needs it; answered by `grant` or `refuse` with this ticket. */
  | { readonly kind: 'wanted'; readonly nowMs: number; readonly ticket: number; readonly wish: LayerWish }
  /** What the store has in this slot: its key, or null. */
  | { readonly kind: 'found'; readonly nowMs: number; readonly slot: string; readonly key: string | null }
  | { readonly kind: 'made'; readonly nowMs: number; readonly slot: string; readonly key: string }
  | { readonly kind: 'failed'; readonly nowMs: number; readonly slot: string; readonly reason: string }
  /** A restore of it failed though it was granted. */
  | { readonly kind: 'broken'; readonly nowMs: number; readonly slot: string; readonly key: string };

export type LayerEffect =
  | { readonly kind: 'look'; readonly slot: string }
  /** Replaces what is stored in the slot. */
  | { readonly kind: 'make'; readonly wish: LayerWish }
  | { readonly kind: 'grant'; readonly ticket: number }
  | { readonly kind: 'refuse'; readonly ticket: number; readonly reason: string };
