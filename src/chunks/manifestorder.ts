import { decodeManifest, encodeManifest } from './manifest.js';
import { asBuffer, lazyManifest, type PackedManifest, packManifest } from './packedmanifest.js';
import { openRecord, recordName, sealRecord } from './sealedrecord.js';

/** Work on manifests and what belongs to them that grows with their size. Keys: 32 bytes. */
export type ManifestOrder =
  | { readonly kind: 'open'; readonly label: string; readonly sealed: Uint8Array; readonly key: Uint8Array }
  | {
      readonly kind: 'encode';
      readonly packed: PackedManifest;
      readonly parent: string | null;
      readonly key: Uint8Array;
    }
  | { readonly kind: 'seal'; readonly label: string; readonly plaintext: Uint8Array; readonly key: Uint8Array };

export type ManifestResult =
  | { readonly kind: 'opened'; readonly packed: PackedManifest; readonly parent: string | null }
  | { readonly kind: 'encoded'; readonly name: string; readonly encoded: Uint8Array }
  | { readonly kind: 'sealed'; readonly sealed: Uint8Array };

/** Throws ChunkError (`corrupt`) for what does not open. */
export function perform(order: ManifestOrder): ManifestResult {
  const key = asBuffer(order.key);
  switch (order.kind) {
    case 'open': {
      const manifest = decodeManifest(openRecord(order.label, order.sealed, key));
      return { kind: 'opened', packed: packManifest(manifest), parent: manifest.parent };
    }
    case 'encode': {
      const encoded = encodeManifest(lazyManifest(order.packed, order.parent));
      return { kind: 'encoded', name: recordName(encoded, key), encoded };
    }
    case 'seal':
      return { kind: 'sealed', sealed: sealRecord(order.label, order.plaintext, key) };
  }
}
