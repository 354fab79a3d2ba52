/** Share of the room for newcomers (S3-FIFO, SOSP 2023, section 4.1: 10 %). */
const newcomerShare = 0.1;
/** Two bits of memory per entry suffice (same source). */
const hitsMax = 3;

interface Entry {
  readonly key: string;
  readonly bytes: number;
  hits: number;
  main: boolean;
  older: Entry | null;
  newer: Entry | null;
}

/**
 * Which keys a cache of bounded bytes keeps: S3-FIFO. What was never asked for again leaves through a small queue, so that
 * a scan (a whole snapshot streamed in the background) does not push out what is in use. Holds no values; constant time.
 */
export class S3Fifo {
  readonly bytesMax: number;
  readonly #entries = new Map<string, Entry>();
  readonly #newcomers = new Queue();
  readonly #main = new Queue();
  /** Keys that left as newcomers: coming back they go straight to the main queue. As many as there are entries, at least 64. */
  readonly #ghosts = new Set<string>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#newcomers.bytes + this.#main.bytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** Somebody asked for it and it was here. */
  hit(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.hits < hitsMax) entry.hits += 1;
  }

  /**
   * It is here now. Returns the keys that have to go for it, which are forgotten; `key` itself where it is larger than
   * the whole cache. Added again, it has a new size and keeps its place in line where it can.
   */
  add(key: string, bytes: number): string[] {
    if (bytes > this.bytesMax) {
      this.remove(key);
      return [key];
    }
    const before = this.#entries.get(key);
    const known = before?.main === true || this.#ghosts.delete(key);
    if (before !== undefined) this.remove(key);
    const evicted: string[] = [];
    while (this.bytes + bytes > this.bytesMax) {
      const gone = this.#evict();
      if (gone !== null) evicted.push(gone);
    }
    const entry: Entry = { key, bytes, hits: before?.hits ?? 0, main: known, older: null, newer: null };
    this.#entries.set(key, entry);
    (known ? this.#main : this.#newcomers).push(entry);
    return evicted;
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    (entry.main ? this.#main : this.#newcomers).unlink(entry);
  }

  /** One step towards room: the key that left, or null when one only moved. */
  #evict(): string | null {
    const fromNewcomers = this.#newcomers.bytes > this.bytesMax * newcomerShare || this.#main.bytes === 0;
    const queue = fromNewcomers ? this.#newcomers : this.#main;
    const entry = queue.oldest!;
    queue.unlink(entry);
    if (fromNewcomers ? entry.hits > 1 : entry.hits > 0) {
      entry.hits = fromNewcomers ? 0 : entry.hits - 1;
      entry.main = true;
      this.#main.push(entry);
      return null;
    }
    this.#entries.delete(entry.key);
    if (fromNewcomers) this.#haunt(entry.key);
    return entry.key;
  }

  #haunt(key: string): void {
    this.#ghosts.add(key);
    while (this.#ghosts.size > Math.max(64, this.#entries.size)) {
      this.#ghosts.delete(this.#ghosts.values().next().value!);
    }
  }
}

/** Doubly linked, so that an entry leaves from anywhere without a search. */
class Queue {
  bytes = 0;
  oldest: Entry | null = null;
  #newest: Entry | null = null;

  push(entry: Entry): void {
    entry.older = this.#newest;
    entry.newer = null;
    if (this.#newest === null) this.oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
    this.bytes += entry.bytes;
  }

  unlink(entry: Entry): void {
    if (entry.older === null) this.oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = null;
    entry.newer = null;
    this.bytes -= entry.bytes;
  }
}
