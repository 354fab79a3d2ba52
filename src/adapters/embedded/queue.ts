import type { Database } from 'lmdb';
import { type Delivery, type Queue, QueueFullError } from '../../kernel/ports/queue.js';
import { kib, mib } from '../../kernel/units.js';
import { type Due, DueHeap } from './dueheap.js';
import type { LmdbEnvironment } from './environment.js';

/** The stored head of a message; its payload is in a database of its own, so that `nak` does not rewrite it. */
interface Head {
  readonly publishedMs: number;
  readonly dueMs: number;
  readonly deliveries: number;
  readonly bytes: number;
  readonly body: unknown;
}

/** The in-memory index: a message that is due at `dueMs`, or whose lease ends then. About 100 bytes each. */
interface Indexed extends Due {
  deliveries: number;
  bytes: number;
}

/**
 * A message may grow by this much whatever the bound says, once each time it is written: what becomes of it must be
 * storable. Ours: a note of its state, without a payload.
 */
const noteBytes = 4 * kib;

/** Ids are sequences that are never used again; the counter is stored under this key. */
const sequenceKey = 0;

/**
 * Work queue on two named databases. Leases are in memory only: after a restart every message is due again at the
 * time it was last given. Delivery counts are stored by `nak`; a crash forgets the count of the delivery in flight.
 */
export class EmbeddedQueue<T = unknown> implements Queue<T> {
  readonly #environment: LmdbEnvironment;
  readonly #heads: Database<string, number>;
  readonly #payloads: Database<Buffer, number>;
  readonly #index = new Map<string, Indexed>();
  readonly #heap = new DueHeap<Indexed>();
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #sequence: number;
  /** Stored and being stored. */
  #messages = 0;
  #bytes = 0;

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
    this.#heads = environment.texts<number>(`queue.${name}`);
    this.#payloads = environment.bytes<number>(`queue.${name}.payloads`);
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.#sequence = Number(this.#heads.get(sequenceKey) ?? '0');
    for (const { key, value } of this.#heads.getRange({ start: 1 })) {
      const { dueMs, deliveries, bytes } = JSON.parse(value) as Head;
      this.#messages++;
      this.#bytes += bytes;
      this.#insert({ sequence: key, dueMs, deliveries, bytes, slot: -1 });
    }
  }

  async publish(message: { readonly body: T; readonly payload: Uint8Array; readonly nowMs: number }): Promise<string> {
    const { body, payload, nowMs } = message;
    const bytes = payload.byteLength + textBytes(body);
    if (this.#messages >= this.#messagesMax || this.#bytes + bytes > this.#bytesMax) {
      throw new QueueFullError(`queue holds ${this.#messages} messages, ${this.#bytes} bytes`);
    }
    this.#messages++;
    this.#bytes += bytes;
    const sequence = ++this.#sequence;
    const head = encode({ publishedMs: nowMs, dueMs: nowMs, deliveries: 0, bytes, body });
    try {
      await this.#environment.transaction(() => {
        this.#payloads.put(sequence, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength));
        this.#heads.put(sequence, head);
        this.#heads.put(sequenceKey, String(Math.max(sequence, Number(this.#heads.get(sequenceKey) ?? '0'))));
      });
    } catch (error) {
      this.#messages--;
      this.#bytes -= bytes;
      throw error;
    }
    this.#insert({ sequence, dueMs: nowMs, deliveries: 0, bytes, slot: -1 });
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
      const head = JSON.parse(this.#heads.get(item.sequence)!) as Head;
      const payload = this.#payloads.get(item.sequence)!;
      item.deliveries++;
      item.dueMs = nowMs + leaseMs;
      this.#heap.add(item);
      return {
        id: String(item.sequence),
        body: head.body as T,
        payload,
        deliveries: item.deliveries,
        publishedMs: head.publishedMs,
      };
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
    try {
      await this.#environment.transaction(() => {
        this.#heads.remove(item.sequence);
        this.#payloads.remove(item.sequence);
      });
    } catch (error) {
      this.#insert(item);
      throw error;
    }
    this.#messages--;
    this.#bytes -= item.bytes;
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
    const before = this.#heads.get(item.sequence);
    if (before === undefined) return;
    const old = JSON.parse(before) as Head;
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
        this.#heads.put(
          item.sequence,
          encode({ ...head, bytes: item.bytes, body: body === undefined ? old.body : body }),
        );
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

  async close(): Promise<void> {}

  #insert(item: Indexed): void {
    this.#index.set(String(item.sequence), item);
    this.#heap.add(item);
  }
}

function textBytes(body: unknown): number {
  return Buffer.byteLength(JSON.stringify(body));
}

function encode(head: Head): string {
  return JSON.stringify(head);
}
