import type { PackedManifest } from '../chunks/packedmanifest.js';
import { mib } from '../kernel/units.js';
import type { Access, SparseFsMetrics } from './sparsefs.js';

/**
 * What owner and server say to each other over Node's channel between parent and child (structured clones; it ends with
 * either). The owner asks, the server answers each request once, in any order.
 */

/** A larger manifest is refused: it is of 500 GB of memory, or broken. */
export const manifestBytesMax = 64 * mib;
/** Requests without an answer: eight for each sandbox that a worker may have. More are refused. */
export const pendingMax = 8_192;

export type ControlRequest =
  | { readonly kind: 'open'; readonly directory: string; readonly composition: unknown }
  | {
      readonly kind: 'expose';
      readonly name: string;
      readonly bytes: number;
      readonly manifest: PackedManifest | null;
      readonly access: Access;
    }
  | { readonly kind: 'fill'; readonly name: string; readonly manifest: PackedManifest }
  | { readonly kind: 'withdraw'; readonly name: string }
  | { readonly kind: 'record'; readonly name: string }
  | { readonly kind: 'recorded'; readonly name: string }
  | { readonly kind: 'prefetch'; readonly name: string; readonly pages: Uint32Array }
  | { readonly kind: 'adjust'; readonly change: unknown }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'ping' };

export interface ControlMessage {
  readonly id: number;
  readonly request: ControlRequest;
}

/** `error`: a sentence; the request had no effect then. */
export interface ControlAnswer {
  readonly id: number;
  readonly error?: string;
  readonly pages?: Uint32Array;
  readonly metrics?: SparseFsMetrics;
}

/** The server's last words before it ends itself. */
export interface ControlEnd {
  readonly ended: string;
}
