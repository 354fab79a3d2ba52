/** A limit that a scenario's figure is held against. Ratios come from interleaved runs. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Smallest and largest of the rounds that `value` is the median of. */
  readonly range?: readonly [number, number];
  readonly limit?: { readonly kind: 'at-least' | 'at-most'; readonly value: number };
}

export interface Scenario {
  readonly name: string;
  /** What is measured against what, in a sentence. */
  readonly title: string;
  run(progress: (text: string) => void): Promise<readonly Figure[]>;
}

export function met({ value, limit }: Figure): boolean | null {
  if (limit === undefined) return null;
  return limit.kind === 'at-least' ? value >= limit.value : value <= limit.value;
}
