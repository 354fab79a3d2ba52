import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { assert } from '../kernel/assert.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { LogSink, LogStreamWriter } from '../kernel/ports/logs.js';
import { dayMs, mib, secondMs } from '../kernel/units.js';
import { finishLine, isShort, lineStart, markLine, splitMessage, streamPart } from './eventline.js';
import { groupFolder, groupOfFolder } from './groupfolder.js';
import { tidyIndexes } from './groupindex.js';
import { type GroupHost, type GroupRecord, LogGroup } from './loggroup.js';

export interface LogScope {
  readonly account: string;
  readonly region: string;
}

export interface LogStoreOptions {
  /** For example DATA/logs; made when missing. One process at a time. */
  readonly folder: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** A segment that reached this is closed. 8 MiB is read in some 40 ms and holds about 40,000 lines. */
  readonly segmentBytesMax?: number;
  /** Characters waiting for flush, over all groups; at the bound the store flushes by itself. */
  readonly bufferedCharsMax?: number;
  /** Segment files kept open for writing; the longest unused is closed. */
  readonly openSegmentsMax?: number;
  /** Bytes per group beyond which its oldest segments are dropped. Null (default): only retention removes. */
  readonly groupBytesMax?: number | null;
  /** The disk refused a write. Lines are kept and tried again until the buffer's bound, then dropped and counted. */
  readonly onFailure?: (error: Error) => void;
}

/** Clocks of guest and host may differ this much without lines of a stream changing order. */
const skewMsMax = secondMs;

/** Durable logs: append-only segments per (account, region, group). Queries are in `eventquery.ts`. */
export class LogStore implements LogSink, GroupHost {
  readonly segmentBytesMax: number;
  readonly groupBytesMax: number | null;
  /** Characters lost because the disk refused them for too long. */
  droppedChars = 0;
  readonly #folder: string;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #bufferedCharsMax: number;
  readonly #openSegmentsMax: number;
  readonly #onFailure: (error: Error) => void;
  readonly #scopes = new Map<string, Map<string, LogGroup>>();
  readonly #open = new Set<LogGroup>();
  readonly #removals = new Set<Promise<void>>();
  #dirty: LogGroup[] = [];
  #bufferedChars = 0;

  constructor(options: LogStoreOptions) {
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.segmentBytesMax = options.segmentBytesMax ?? 8 * mib;
    this.groupBytesMax = options.groupBytesMax ?? null;
    this.#bufferedCharsMax = options.bufferedCharsMax ?? 1 * mib;
    this.#openSegmentsMax = options.openSegmentsMax ?? 128;
    this.#onFailure = options.onFailure ?? (() => {});
    mkdirSync(this.#folder, { recursive: true });
    this.#findGroups();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  open(scope: LogScope, group: string, stream: string): LogStreamWriter {
    const target = this.#groupOf(scope, group);
    if (!target.present) target.create();
    const part = streamPart(stream);
    target.append(markLine(this.nowMs(), part, 'created'));
    let lastMs = 0;
    // Lines of one millisecond share everything but their message.
    let start = '';
    let startMs = 0;
    let startNowMs = 0;
    return {
      append: (timestampMs, message) => {
        let atMs = timestampMs;
        if (atMs < lastMs && lastMs - atMs < skewMsMax) atMs = lastMs;
        else lastMs = atMs;
        const nowMs = this.#clock.nowMs();
        if (atMs !== startMs || nowMs !== startNowMs) {
          start = lineStart(atMs, nowMs, part);
          startMs = atMs;
          startNowMs = nowMs;
        }
        if (isShort(message)) target.append(finishLine(start, message));
        else for (const piece of splitMessage(message)) target.append(finishLine(start, piece));
      },
    };
  }

  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#bufferedChars = 0;
    for (const group of dirty) {
      try {
        group.flush();
      } catch (error) {
        this.#dirty.push(group);
        this.#bufferedChars += group.pending.length;
        this.#onFailure(error as Error);
      }
    }
  }

  /** The group, when it exists. */
  group(scope: LogScope, name: string): LogGroup | null {
    const group = this.#scopes.get(scopeKey(scope))?.get(name);
    return group?.present ? group : null;
  }

  /** Names of all groups of the scope, in order of their UTF-16 units. */
  groupNames(scope: LogScope): string[] {
    const names: string[] = [];
    for (const group of this.#scopes.get(scopeKey(scope))?.values() ?? []) if (group.present) names.push(group.name);
    return names.sort();
  }

  /** False when it exists already. */
  createGroup(
    scope: LogScope,
    name: string,
    tags: Readonly<Record<string, string>>,
    more: Pick<GroupRecord, 'groupClass' | 'protected'> = {},
  ): boolean {
    const group = this.#groupOf(scope, name);
    if (group.present) return false;
    group.create(tags, more);
    return true;
  }

  /** Gone at once: the folder is renamed, its files are removed in the background. */
  deleteGroup(group: LogGroup): void {
    const grave = join(dirname(group.folder), `.deleted-${randomUUID()}`);
    group.vanish();
    this.#open.delete(group);
    renameSync(group.folder, grave);
    this.#bury(grave);
  }

  /** Writes a mark that the stream begins, or that everything of it until here is deleted. */
  mark(group: LogGroup, stream: string, mark: 'created' | 'deleted'): void {
    group.append(markLine(this.nowMs(), streamPart(stream), mark));
    this.flush();
  }

  /** Applies retention (whole segments) and prepares indexes of closed segments. Call every few minutes. */
  async sweep(): Promise<void> {
    for (const groups of this.#scopes.values()) {
      for (const group of [...groups.values()]) {
        if (!group.present) continue;
        const { retentionDays } = group.record;
        if (retentionDays !== null) group.expire(this.nowMs() - retentionDays * dayMs);
        await tidyIndexes(group);
        // Groups are loaded here, some 0.1 ms each: others go in between.
        await setImmediate();
      }
    }
  }

  async close(): Promise<void> {
    this.flush();
    for (const group of this.#open) group.closeFile();
    this.#open.clear();
    await Promise.all(this.#removals);
  }

  /** @internal {@link GroupHost} */
  buffered(group: LogGroup, chars: number): void {
    if (group.pending.length === chars) this.#dirty.push(group);
    this.#bufferedChars += chars;
    if (this.#bufferedChars < this.#bufferedCharsMax) return;
    this.flush();
    if (this.#bufferedChars < this.#bufferedCharsMax) return;
    for (const stuck of this.#dirty) {
      this.droppedChars += stuck.pending.length;
      stuck.pending = '';
    }
    this.#dirty = [];
    this.#bufferedChars = 0;
  }

  /** @internal {@link GroupHost} */
  opened(group: LogGroup): void {
    this.#open.add(group);
    if (this.#open.size <= this.#openSegmentsMax) return;
    for (const oldest of this.#open) {
      if (oldest === group) continue;
      this.#open.delete(oldest);
      oldest.closeFile();
      return;
    }
  }

  #groupOf(scope: LogScope, name: string): LogGroup {
    const key = scopeKey(scope);
    let groups = this.#scopes.get(key);
    if (groups === undefined) {
      groups = new Map();
      this.#scopes.set(key, groups);
    }
    let group = groups.get(name);
    if (group === undefined) {
      group = new LogGroup(this, name, join(this.#folder, key, groupFolder(name)), false);
      groups.set(name, group);
    }
    return group;
  }

  /** Only names are read here, so that a restart with many groups is quick; groups load at first use. */
  #findGroups(): void {
    for (const account of foldersIn(this.#folder)) {
      for (const region of foldersIn(join(this.#folder, account))) {
        const groups = new Map<string, LogGroup>();
        this.#scopes.set(`${account}/${region}`, groups);
        const scopeFolder = join(this.#folder, account, region);
        for (const folder of foldersIn(scopeFolder)) {
          const path = join(scopeFolder, folder);
          if (folder.startsWith('.deleted-')) this.#bury(path);
          const escaped = groupOfFolder(folder);
          const name = escaped === null ? recordedName(path) : escaped;
          if (name != null) groups.set(name, new LogGroup(this, name, path, true));
        }
      }
    }
  }

  #bury(folder: string): void {
    const removal = rm(folder, { recursive: true, force: true }).catch((error: Error) => this.#onFailure(error));
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
  }
}

/** Both parts come from verified credentials and request scopes; they become folder names. */
function scopeKey(scope: LogScope): string {
  const key = `${scope.account}/${scope.region}`;
  assert(/^[0-9A-Za-z-]+\/[0-9A-Za-z-]+$/.test(key), `not an account and region: ${key}`);
  return key;
}

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** The name of a group whose folder name was cut. */
function recordedName(folder: string): string | null {
  try {
    return (JSON.parse(readFileSync(join(folder, 'group.json'), 'utf8')) as { name: string }).name;
  } catch {
    // Killed before its record was written: no event is in it yet.
    return null;
  }
}
