import { pageBytes } from '../chunks/layout.js';
import type { SnapshotSource } from '../frontend/ports.js';
import { mib } from '../kernel/units.js';
import { workingSet } from '../snapshot/accesslog.js';
import type { SnapshotRecord } from '../snapshot/record.js';
import { accessPattern, type LayerReport, type SnapshotReport } from '../snapshot/report.js';
import type { SnapshotParts } from './isolation.js';

const layerOrder = { os: 0, runtime: 1, function: 2 } as const;

/** What is told of snapshots: `GET /_hearth/snapshots`. */
export class SnapshotReports implements SnapshotSource {
  constructor(private readonly parts: SnapshotParts) {}

  async list(account: string): Promise<readonly LayerReport[]> {
    const records = [...(await this.parts.store.list(account))];
    records.sort((a, b) => layerOrder[a.layer] - layerOrder[b.layer] || (a.id < b.id ? -1 : 1));
    return Promise.all(records.map((record) => this.#report(record)));
  }

  async show(account: string, name: string): Promise<SnapshotReport | null> {
    const records = await this.parts.store.list(account);
    const named = records.filter((record) => record.id === name || functionOf(record) === name);
    // Without a version: the newest.
    const ofAnyVersion = records.filter((record) => functionOf(record)?.split(':')[0] === name);
    const newest = (some: readonly SnapshotRecord[]) => [...some].sort((a, b) => b.createdMs - a.createdMs)[0];
    const first = newest(named) ?? newest(ofAnyVersion);
    if (first === undefined) return null;
    const chain = [first];
    for (let parent = first.parent; parent !== null; ) {
      const next = records.find(({ id, layer }) => id === parent && layer !== 'function');
      if (next === undefined) break; // Made again under another name since.
      chain.push(next);
      parent = next.parent;
    }
    const pages = workingSet(await this.parts.store.accessLog(first));
    return {
      layers: await Promise.all(chain.map((record) => this.#report(record))),
      pattern: accessPattern(pages, (first.memoryMib * mib) / pageBytes),
    };
  }

  async #report(record: SnapshotRecord): Promise<LayerReport> {
    const { layer, id, sizes, memoryMib, parent, createdMs } = record;
    const log = await this.parts.store.accessLog(record);
    return {
      layer,
      id,
      of: functionOf(record),
      memoryMib,
      parent,
      createdMs,
      stale: layer === 'function' && !(await this.parts.machines.fits(record)),
      recordedRuns: log.runs.length,
      workingSetBytes: workingSet(log).length * pageBytes,
      ...sizes,
    };
  }
}

/** `FUNCTION:VERSION` of a function's layer: its id is `ACCOUNT.REGION.FUNCTION.VERSION.GENERATION`. */
function functionOf({ layer, id }: SnapshotRecord): string | null {
  const [, , name, version] = id.split('.');
  return layer === 'function' && name !== undefined && version !== undefined ? `${name}:${version}` : null;
}
