/** A root generation: a set of manifests that are kept, and with them the chunks they name. */
export interface Root {
  /** From 1 on. The highest one is active: new manifests are kept there. */
  readonly generation: number;
  readonly openedMs: number;
  /** When everything that was still wanted had been taken over by the active root; null: not yet. */
  readonly retiredMs: number | null;
  /** Nothing is kept by it any more; what is left of it is being removed. */
  readonly expired: boolean;
}

/** What the store says about collection, in one object that is replaced as a whole: every change of it is one step. */
export interface CollectionState {
  readonly roots: readonly Root[];
  /** What is named in this list is being deleted; null: nothing is. */
  readonly sweep: number | null;
  /** Of the next sweep: numbers are never used twice. */
  readonly nextSweep: number;
}

export interface CollectionLimits {
  /** Age at which the active root gets a successor. */
  readonly rotateMs: number;
  /** From retirement to expiry: who began to read or to write under a root may go on this long. */
  readonly graceMs: number;
  /** Names on a sweep's list: until they are deleted, those who want to write one of them wait. */
  readonly sweepNamesMax: number;
}

export type CollectionInput =
  /** A round may begin: sent at start and at the time armed. Ignored while one is under way. */
  | { readonly kind: 'begin'; readonly nowMs: number }
  /** Answers `observe`. */
  | {
      readonly kind: 'observed';
      readonly nowMs: number;
      readonly state: CollectionState;
      /** Of each root, by generation: the manifests it keeps, `SCOPE/NAME`. */
      readonly kept: ReadonlyMap<number, ReadonlySet<string>>;
      /** All manifests that exist. */
      readonly manifests: readonly string[];
    }
  /** Answers every other effect but `compare`: it is durable. */
  | { readonly kind: 'done'; readonly nowMs: number }
  /** Answers `compare`: names that no root protects. */
  | { readonly kind: 'compared'; readonly nowMs: number; readonly dead: readonly string[] }
  /** An effect could not be had; the round ends, the next one finds what was left. */
  | { readonly kind: 'failed'; readonly nowMs: number; readonly reason: string };

export type CollectionEffect =
  | { readonly kind: 'observe' }
  /** Replace the state. */
  | { readonly kind: 'write-state'; readonly state: CollectionState }
  /** Keep a manifest in the root `to` as well: as `from` does, or (null) by what the manifest itself says. */
  | { readonly kind: 'keep'; readonly manifest: string; readonly from: number | null; readonly to: number }
  /** Remove everything that a root consists of, apart from its place in the state. */
  | { readonly kind: 'remove-root'; readonly generation: number }
  /**
   * Which chunks, and which leftovers of manifests (objects without the manifest: its deletion was cut short), does no root
   * protect? With a sweep: which of its list. Read anew, these before the roots. At most `namesMax`.
   */
  | { readonly kind: 'compare'; readonly sweep: number | null; readonly namesMax: number }
  | { readonly kind: 'write-sweep'; readonly sweep: number; readonly names: readonly string[] }
  /** A chunk, or what is left of a manifest. */
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'remove-sweep'; readonly sweep: number }
  /** Remove what belongs to no root and no announced sweep. */
  | { readonly kind: 'tidy' }
  /** The round is over. */
  | { readonly kind: 'rest'; readonly untilMs: number; readonly report: CollectionReport };

export interface CollectionReport {
  readonly opened: number;
  readonly expired: number;
  readonly deleted: number;
  readonly failure: string | null;
}
