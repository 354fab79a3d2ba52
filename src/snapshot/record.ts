import type { SnapshotSizes } from '../worker/sandbox/driver.js';

/** OS: booted. Runtime: its client is loaded and waits. Function: initialized (SnapStart). */
export type LayerKind = 'os' | 'runtime' | 'function';

/** What is known of one stored layer. Its bytes lie in the chunks that its manifests name. */
export interface SnapshotRecord {
  readonly layer: LayerKind;
  /** Which one: `os-1152`, `runtime-nodejs22.x-1152`, or the id of a capture. */
  readonly id: string;
  /** Key of everything a restore depends on (`key.ts`): equal, or it is of no use. */
  readonly basis: string;
  /** Whose key opens the manifests. */
  readonly account: string;
  /** Name of the manifest of the memory. */
  readonly memory: string;
  readonly memoryMib: number;
  /** Name of the manifest of the device state and, behind it, the link's. */
  readonly state: string;
  readonly deviceBytes: number;
  readonly linkBytes: number;
  /** Name of the manifest of the scratch drive; null while it had nothing on it. */
  readonly scratch: string | null;
  /** The runtime whose image the machine has, that image by content, and where it lies; or null. */
  readonly runtime: { readonly name: string; readonly imageId: string; readonly path: string } | null;
  /** Names of the manifests of the code and layers images that the machine has mounted; null: none. */
  readonly code: string | null;
  readonly layers: string | null;
  readonly sizes: SnapshotSizes;
  /** Id of the layer that it was made from, or null. */
  readonly parent: string | null;
  readonly createdMs: number;
}

/** Keys of the blob store: letters, digits, dots, dashes, underscores (`kernel/ports/blob.ts`), at most 120. */
const idPattern = /^[a-zA-Z0-9._-]{1,120}$/;

export function isSnapshotId(id: string): boolean {
  return idPattern.test(id);
}

/** Names that no other account's snapshot can take. */
export function recordName(account: string, layer: LayerKind, id: string): string {
  return `${account}.${layer}.${id}`;
}

/** Manifests that the record keeps alive, all of its account. */
export function manifestsOf(record: SnapshotRecord): readonly string[] {
  const { memory, state, scratch, code, layers } = record;
  return [memory, state, scratch, code, layers].filter((name) => name !== null);
}
