import { limits } from '../kernel/limits.js';
import { hourMs } from '../kernel/units.js';
import {
  type ConfigEffect,
  type FunctionState,
  latest,
  type RecordWrite,
  type SnapshotInput,
  type VersionRecord,
} from './messages.js';

/** Use is written down this often at most: 14 days need no better than a part of a day. */
const usedMsMin = 6 * hourMs;

/** Versions that get a snapshot: published ones of a function with SnapStart. */
export function wantsSnapshot({ version, settings }: VersionRecord): boolean {
  return version !== latest && settings.snapStart === 'PublishedVersions';
}

/** What happens to a snapshot. Pure, as the machine that it is a part of (`machine.ts`). */
export function stepSnapshot(
  state: FunctionState,
  input: SnapshotInput,
  prepare: (record: VersionRecord) => ConfigEffect,
): readonly ConfigEffect[] {
  const before = state.versions.get(input.version);
  if (before === undefined || before.generation !== input.generation || !wantsSnapshot(before)) return [];
  const { snapshot, ...without } = before;
  const { version, generation } = before;
  switch (input.kind) {
    case 'snapshot-used':
      if (snapshot === undefined || input.nowMs - snapshot.usedMs < usedMsMin) return [];
      return [put({ ...before, snapshot: { usedMs: input.nowMs } })];
    case 'snapshot-lost': {
      if (before.state !== 'Active') return [];
      const effect: ConfigEffect = { kind: 'regenerate', version, generation };
      return snapshot === undefined ? [effect] : [put(without), effect];
    }
    case 'snapshot-regenerated':
      return before.state === 'Active' ? [put({ ...before, snapshot: { usedMs: input.nowMs } })] : [];
    case 'snapshot-aged':
      if (before.state !== 'Active' || snapshot === undefined) return [];
      if (input.nowMs - snapshot.usedMs < limits.snapshotIdleMsMax) return [];
      return [
        put({ ...without, state: 'Inactive', revisionId: input.revisionIds[0] }),
        { kind: 'drop-snapshot', version, generation },
      ];
    case 'wake': {
      if (before.state !== 'Inactive') return [];
      const after: VersionRecord = { ...before, state: 'Pending', revisionId: input.revisionIds[0] };
      return [put(after), prepare(after)];
    }
  }
}

/** Of versions that go: their snapshots, also those that are being made. */
export function droppedSnapshots(records: Iterable<VersionRecord>): readonly ConfigEffect[] {
  return [...records]
    .filter(wantsSnapshot)
    .map(({ version, generation }) => ({ kind: 'drop-snapshot', version, generation }));
}

function put(record: VersionRecord): ConfigEffect {
  const write: RecordWrite = { kind: 'version', version: record.version, record };
  return { kind: 'write', writes: [write] };
}
