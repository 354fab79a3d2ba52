import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LogGroup } from './loggroup.js';
import { indexFile, indexSegment, type Segment, type SegmentIndex } from './segment.js';

export type GroupIndexes = readonly (readonly [Segment, SegmentIndex])[];

/** Per group: indexes are brought up to date by one task after the other, so that no line is counted twice. */
const queues = new WeakMap<LogGroup, Promise<unknown>>();

function inTurn<T>(group: LogGroup, task: () => Promise<T>): Promise<T> {
  const turn = (queues.get(group) ?? Promise.resolve()).then(task, task);
  queues.set(group, turn);
  return turn;
}

/** All segments of the group in order of writing, each indexed as far as it is on disk. */
export function groupIndexes(group: LogGroup): Promise<GroupIndexes> {
  group.queried = true;
  return inTurn(group, async () => {
    if (!group.present) return [];
    group.load();
    const indexes: (readonly [Segment, SegmentIndex])[] = [];
    for (const segment of [...group.segments]) {
      indexes.push([segment, await indexSegment(group.folder, segment, segment !== group.segments.at(-1))]);
    }
    return indexes;
  });
}

/**
 * Housekeeping: writes index files of closed segments ahead of the first query, and lets go of indexes in memory that
 * nobody asked for since the last call, which bounds memory by what is really looked at.
 */
export function tidyIndexes(group: LogGroup): Promise<void> {
  return inTurn(group, async () => {
    for (const segment of group.segments.slice(0, -1)) {
      if (segment.index !== null || existsSync(join(group.folder, indexFile(segment)))) continue;
      await indexSegment(group.folder, segment, true);
    }
    if (!group.queried) for (const segment of group.segments) segment.index = null;
    group.queried = false;
  });
}
