import type { AnalyticsError, AnalyticsQuestion } from '../../kernel/ports/analytics.js';

/** The engine's only argument, as JSON. */
export interface EngineSettings {
  readonly folder: string;
  readonly memoryMib: number;
}

export type EngineRequest =
  | ({ readonly kind: 'ask'; readonly id: number } & Omit<AnalyticsQuestion, 'signal'>)
  | { readonly kind: 'cancel'; readonly id: number };

/** `columns`, then any number of `rows`, then `end`; or `error` at any time. Rows come in small batches. */
export type EngineReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'columns'; readonly id: number; readonly columns: readonly string[] }
  | { readonly kind: 'rows'; readonly id: number; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly kind: 'end'; readonly id: number; readonly truncated: boolean }
  | { readonly kind: 'error'; readonly id: number; readonly error: AnalyticsError['kind']; readonly message: string };
