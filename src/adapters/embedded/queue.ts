import type { Database } from 'lmdb';
import { type Delivery, type Queue, QueueFullError } from '../../kernel/ports/queue.js';
import { kib, mib } from '../../kernel/units.js';
import { type Due, DueHeap } from './dueheap.js';
import type { LmdbEnvironment } from './environment.js';

/** The stored head of a message: its JSON text. A short payload stands behind it, after a line feed, which JSON has none of. */
interface Head {
  readonly publishedMs: number;
  readonly dueMs: number;
  readonly deliveries: number;
  readonly bytes: number;
  readonly body: unknown;
}

/** A message as it was published, kept in memory for its first delivery. */
interface Fresh {
  readonly publishedMs: number;
  readonly body: unknown;
  readonly payload: Buffer;
  /** Of memory, about. */
  readonly bytes: number;
}

/** The in-memory index: a message that is due at `dueMs`, or whose lease ends then. About 100 bytes each. */
interface Indexed extends Due {
  deliveries: number;
  bytes: number;
  /** Its payload stands behind its head. */
  readonly inline: boolean;
  fresh: Fresh | null;
}

/** Acknowledgements that are not yet being written. */
interface Removal {
  readonly items: Indexed[];
  readonly timer: NodeJS.Timeout;
  readonly stored: Promise<void>;
  readonly end: (error: Error | null) => void;
}

const lineFeed = 0x0a;

/**
 * A message may grow by this much whatever the bound says, once each time it is written: what becomes of it must be
 * storable. Ours: a note of its state, without a payload.
 */
const noteBytes = 4 * kib;

/**
 * Payloads up to this stand behind the head; larger ones have a database of their own, so that `nak` does not rewrite
 * them. With a head of half as much that is less than half a page, which LMDB keeps within its leaf.
 */
const inlineBytesMax = kib;

/** Of messages that wait for their first delivery, so much is kept in memory; more is read from disk when it is due. */
const freshBytesMax = 16 * mib;

/**
 * Acknowledgements wait this long for something to share their write with, or until there are so many of them: a commit
 * of their own would keep what is published meanwhile waiting for the disk. What a crash takes of them is delivered again,
 * as what was in flight then.
 */
const removalMsMax = 5;
const removalsMax = 64;

/** Ids are sequences that are never used again; below the number stored under this key all may have been. */
const sequenceKey = 0;
/** So many ids are set aside at once, rather than the number stored with each message. */
const sequencesAside = 1_000;

/**
 * Work queue on two named databases. Leases are in memory only: after a restart every message is due again at the
 * time it was last given. Delivery counts are stored by `nak`; a crash forgets the count of the delivery in flight.
 * What is published and acknowledged at about the same time is one commit.
 */
export class EmbeddedQueue<T = unknown> implements Queue<T> {
  readonly #environment: LmdbEnvironment;
  readonly #heads: Database<Buffer, number>;
  readonly #payloads: Database<Buffer, number>;
  readonly #index = new Map<string, Indexed>();
  readonly #heap = new DueHeap<Indexed>();
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #sequence: number;
  #sequenceMax: number;
  /** Stored and being stored. */
  #messages = 0;
  #bytes = 0;
  #freshBytes = 0;
  #removal: Removal | null = null;

  /**
   * Defaults: 250,000 messages (25 MB of index: a backlog of 100,000 drains while as many arrive) and 1 GiB of payloads
   * and bodies (a thousand events of the largest size); beyond either, `publish` rejects with QueueFullError.
   */
  constructor(
    environment: LmdbEnvironment,
    name: string,
    {
      messagesMax = 250_000,
      bytesMax = 1024 * mib,
    }: { readonly messagesMax?: number; readonly bytesMax?: number } = {},
  ) {
    this.#environment = environment;
    this.#heads = environment.bytes<number>(`queue.${name}`);
    this.#payloads = environment.bytes<number>(`queue.${name}.payloads`);
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.#sequence = this.#sequenceMax = Number(this.#heads.get(sequenceKey)?.toString() ?? '0');
    for (const { key, value } of this.#heads.getRange({ start: 1 })) {
      const { dueMs, deliveries, bytes } = headOf(value);
      this.#messages++;
      this.#bytes += bytes;
      const inline = value.includes(lineFeed);
      this.#insert({ sequence: key, dueMs, deliveries, bytes, inline, fresh: null, slot: -1 });
    }
  }

  async publish(message: { readonly body: T; readonly payload: Uint8Array; readonly nowMs: number }): Promise<string> {
    const { body, payload, nowMs } = message;
    const text = JSON.stringify(body);
    const bytes = payload.byteLength + Buffer.byteLength(text);
    if (this.#messages >= this.#messagesMax || this.#bytes + bytes > this.#bytesMax) {
      throw new QueueFullError(`queue holds ${this.#messages} messages, ${this.#bytes} bytes`);
    }
    this.#messages++;
    this.#bytes += bytes;
    const sequence = ++this.#sequence;
    const head = `{"publishedMs":${nowMs},"dueMs":${nowMs},"deliveries":0,"bytes":${bytes},"body":${text}}`;
    const inline = payload.byteLength <= inlineBytesMax;
    const stored = inline ? recordOf(head, payload) : Buffer.from(head);
    try {
      await this.#environment.written(() => {
        this.#remove();
        if (!inline) {
          this.#payloads.put(sequence, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
        }
        if (sequence > this.#sequenceMax) {
          this.#sequenceMax = sequence + sequencesAside;
          this.#heads.put(sequenceKey, Buffer.from(String(this.#sequenceMax)));
        }
        return this.#heads.put(sequence, stored);
      });
    } catch (error) {
      this.#messages--;
      this.#bytes -= bytes;
      // Perhaps it was not stored either.
      this.#sequenceMax = 0;
      throw error;
    }
    let fresh: Fresh | null = null;
    if (inline && this.#freshBytes < freshBytesMax) {
      const { byteLength } = stored;
      this.#freshBytes += byteLength;
      const kept = stored.subarray(byteLength - payload.byteLength);
      fresh = { publishedMs: nowMs, body, payload: kept, bytes: byteLength };
    }
    this.#insert({ sequence, dueMs: nowMs, deliveries: 0, bytes, inline, fresh, slot: -1 });
    return String(sequence);
  }

  async pull(options: {
    readonly count: number;
    readonly nowMs: number;
    readonly leaseMs: number;
  }): Promise<readonly Delivery<T>[]> {
    const { count, nowMs, leaseMs } = options;
    const due: Indexed[] = [];
    while (due.length < count) {
      const first = this.#heap.first;
      if (first === undefined || first.dueMs > nowMs) break;
      this.#heap.remove(first);
      due.push(first);
    }
    return due.map((item) => {
      const { publishedMs, body, payload } = item.fresh ?? this.#read(item);
      this.#forget(item);
      item.deliveries++;
      item.dueMs = nowMs + leaseMs;
      this.#heap.add(item);
      return { id: String(item.sequence), body: body as T, payload, deliveries: item.deliveries, publishedMs };
    });
  }

  async extend(id: string, leaseUntilMs: number): Promise<void> {
    const item = this.#index.get(id);
    if (item === undefined || item.slot < 0) return;
    this.#heap.remove(item);
    item.dueMs = leaseUntilMs;
    this.#heap.add(item);
  }

  async ack(id: string): Promise<void> {
    const item = this.#index.get(id);
    if (item === undefined) return;
    this.#heap.remove(item);
    this.#index.delete(id);
    this.#forget(item);
    this.#removal ??= this.#gather();
    const { items, stored } = this.#removal;
    items.push(item);
    if (items.length >= removalsMax) this.#remove();
    await stored;
  }

  async update(id: string, body: T): Promise<void> {
    const item = this.#index.get(id);
    if (item !== undefined) await this.#rewrite(item, null, body);
  }

  async nak(id: string, dueMs: number, body?: T): Promise<void> {
    const item = this.#index.get(id);
    if (item === undefined || item.slot < 0) return;
    // Out of the heap until the new body is on disk: nobody is to get the old one again.
    this.#heap.remove(item);
    try {
      await this.#rewrite(item, dueMs, body);
      item.dueMs = dueMs;
    } finally {
      if (this.#index.get(id) === item) this.#heap.add(item);
    }
  }

  /** Null: due when it was. */
  async #rewrite(item: Indexed, dueMs: number | null, body: T | undefined): Promise<void> {
    this.#forget(item);
    const before = this.#heads.get(item.sequence);
    if (before === undefined) return;
    const old = headOf(before);
    const payload = payloadOf(before);
    const head = { ...old, dueMs: dueMs ?? old.dueMs, deliveries: item.deliveries };
    const growth = body === undefined ? 0 : textBytes(body) - textBytes(old.body);
    if (growth > noteBytes && this.#bytes + growth > this.#bytesMax) {
      throw new QueueFullError(`queue holds ${this.#messages} messages, ${this.#bytes} bytes`);
    }
    this.#bytes += growth;
    item.bytes += growth;
    try {
      await this.#environment.transaction(() => {
        if (this.#heads.get(item.sequence) === undefined) return;
        const text = JSON.stringify({ ...head, bytes: item.bytes, body: body === undefined ? old.body : body });
        this.#heads.put(item.sequence, payload === null ? Buffer.from(text) : recordOf(text, payload));
      });
    } catch (error) {
      this.#bytes -= growth;
      item.bytes -= growth;
      throw error;
    }
  }

  async depth(): Promise<number> {
    return this.#index.size;
  }

  async nextDueMs(): Promise<number | null> {
    return this.#heap.first?.dueMs ?? null;
  }

  /** What it was told before is on disk then. */
  async close(): Promise<void> {
    const removal = this.#removal;
    this.#remove();
    await removal?.stored;
  }

  #gather(): Removal {
    let end!: Removal['end'];
    const stored = new Promise<void>((resolve, reject) => {
      end = (error) => (error === null ? resolve() : reject(error));
    });
    return { items: [], timer: setTimeout(() => this.#remove(), removalMsMax), stored, end };
  }

  /** Begins to write the acknowledgements gathered so far. */
  #remove(): void {
    const removal = this.#removal;
    if (removal === null) return;
    this.#removal = null;
    const { items, timer, end } = removal;
    clearTimeout(timer);
    const stored = this.#environment.written(() => {
      let last: Promise<unknown> = Promise.resolve();
      for (const { sequence, inline } of items) {
        if (!inline) this.#payloads.remove(sequence);
        last = this.#heads.remove(sequence);
      }
      return last;
    });
    stored.then(
      () => {
        for (const { bytes } of items) {
          this.#messages--;
          this.#bytes -= bytes;
        }
        end(null);
      },
      (error: Error) => {
        for (const item of items) this.#insert(item);
        end(error);
      },
    );
  }

  #read({ sequence }: Indexed): Omit<Fresh, 'bytes'> {
    const stored = this.#heads.get(sequence)!;
    const { publishedMs, body } = headOf(stored);
    return { publishedMs, body, payload: payloadOf(stored) ?? this.#payloads.get(sequence)! };
  }

  #forget(item: Indexed): void {
    if (item.fresh === null) return;
    this.#freshBytes -= item.fresh.bytes;
    item.fresh = null;
  }

  #insert(item: Indexed): void {
    this.#index.set(String(item.sequence), item);
    this.#heap.add(item);
  }
}

function textBytes(body: unknown): number {
  return Buffer.byteLength(JSON.stringify(body));
}

function recordOf(head: string, payload: Uint8Array): Buffer {
  const length = Buffer.byteLength(head);
  const record = Buffer.allocUnsafe(length + 1 + payload.byteLength);
  record.write(head, 'utf8');
  record[length] = lineFeed;
  record.set(payload, length + 1);
  return record;
}

function headOf(stored: Buffer): Head {
  const end = stored.indexOf(lineFeed);
  return JSON.parse(stored.toString('utf8', 0, end < 0 ? stored.byteLength : end)) as Head;
}

/** Null: it is in a database of its own. */
function payloadOf(stored: Buffer): Buffer | null {
  const end = stored.indexOf(lineFeed);
  return end < 0 ? null : stored.subarray(end + 1);
}
