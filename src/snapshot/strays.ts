import { accountOf, Lineages } from './lineages.js';
import type { Plane } from './plane.js';
import { manifestsOf } from './record.js';
import type { SnapshotStore } from './store.js';

/**
 * Removes manifests that neither a snapshot nor an image names: what stored them was killed before it could say so. Only
 * before anything is stored. Resolves with how many there were; rejects, having removed some or none, as the store does.
 */
export async function removeStrays(plane: Plane, store: SnapshotStore): Promise<number> {
  const { blob, manifests } = plane.parts;
  const named = new Set<string>();
  for (const record of await store.all()) {
    for (const name of manifestsOf(record)) named.add(`${record.account}/${name}`);
  }
  const lineages = new Lineages(blob);
  for (const key of await lineages.keys()) {
    for (const { manifest } of await lineages.read(key)) named.add(`${accountOf(key)}/${manifest}`);
  }
  const strays = (await manifests.list()).filter(({ scope, name }) => !named.has(`${scope}/${name}`));
  for (const { scope, name } of strays) await manifests.delete(scope, name);
  return strays.length;
}
