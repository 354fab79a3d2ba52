import { mib, secondMs } from '../../kernel/units.js';
import type { Urgency } from '../layout.js';
import type { ChunkTier } from '../tier.js';
import { Gathering, type Repair } from './gathering.js';
import { MemberClient, type MemberCounts } from './memberclient.js';
import { type Member, rank, shares } from './placement.js';
import { cutStripes, encodeStripes, stripesPerChunk } from './stripes.js';

export interface L2Options {
  readonly members: readonly Member[];
  /** Shared by workers and members of a zone; at least 16 bytes. */
  readonly secret: Buffer;
  /** From a `get` to its null; for tests. */
  readonly getMsMax?: number;
}

/** What L2 is worth and what it suffered, for reports. */
export interface L2Status {
  readonly members: readonly ({ readonly id: string; readonly url: string; readonly down: boolean } & MemberCounts)[];
  /** Stripes that were missing or wrong at a member that answers, and were put there again. */
  readonly repaired: number;
  /** Chunks and stripes that were not put because too many were on their way. */
  readonly dropped: number;
}

/** Then the origin is asked. Long for a network of one zone (about 1 ms), short against a restore that hangs. */
const getMsMax = secondMs;
const putMsMax = 5 * secondMs;
/**
 * Chunks being fetched at once, with all five stripes of each 40 MiB; one more is null at once. The reader in front of the
 * tiers lets half as many through, the most urgent first.
 */
const gettingMax = 64;
/** Chunks on their way to members, together with repairs. */
const puttingBytesMax = 32 * mib;

/**
 * The tier that a zone's workers share. A chunk's ciphertext lies in five stripes at its first five members by rendezvous
 * hashing; all five are asked at once, and the first four intact answers make the chunk, so that any one member may be
 * gone, slow or wrong at no cost. Members that fail are left out and the next in order take their places: since a member
 * gives whatever stripe of the chunk it has, nothing depends on all workers seeing the same members. What was missing at a
 * member that answers is put there again in the background.
 *
 * With fewer than five members each holds several stripes (`placement.ts` says what may then be lost); with none every
 * `get` is null.
 */
export class L2Tier implements ChunkTier {
  readonly name = 'l2';
  readonly verified = true;
  readonly #secret: Buffer;
  readonly #getMsMax: number;
  #clients: MemberClient[] = [];
  #getting = 0;
  #puttingBytes = 0;
  readonly #putting = new Set<Promise<void>>();
  #repaired = 0;
  #dropped = 0;
  #closed = false;

  constructor(options: L2Options) {
    this.#secret = options.secret;
    this.#getMsMax = options.getMsMax ?? getMsMax;
    this.setMembers(options.members);
  }

  /** Another list of members: who stays keeps connections and standing. Ids are unique; a new address is a new member's. */
  setMembers(members: readonly Member[]): void {
    const before = this.#clients;
    this.#clients = members.map(
      (member) =>
        before.find((one) => one.id === member.id && one.member.url.href === member.url.href) ??
        new MemberClient(member, this.#secret),
    );
    for (const client of before) if (!this.#clients.includes(client)) client.close();
  }

  async get(name: string, storedBytes: number, _urgency: Urgency): Promise<Buffer | null> {
    if (this.#clients.length === 0 || this.#closed || this.#getting >= gettingMax) return null;
    this.#getting += 1;
    try {
      return await this.#fetch(name, storedBytes);
    } finally {
      this.#getting -= 1;
    }
  }

  /** Resolves when every member has answered or its time is over; a chunk that finds no room is dropped. */
  put(name: string, bytes: Buffer): Promise<void> {
    return this.#inBackground(bytes.length, async () => {
      const nowMs = performance.now();
      const asked = this.#ask(name, nowMs).slice(0, stripesPerChunk);
      const stripes = cutStripes(bytes);
      const parts = shares(asked.length, stripesPerChunk);
      await Promise.all(
        asked.map(({ client, trial }, place) => {
          const body = encodeStripes(
            name,
            (parts[place] ?? []).map((index) => stripes[index]!),
          );
          return client.put(name, body, putMsMax, trial);
        }),
      );
    });
  }

  status(): L2Status {
    const members = this.#clients.map((client) => ({
      id: client.id,
      url: client.member.url.href,
      down: client.down,
      ...client.counts,
    }));
    return { members, repaired: this.#repaired, dropped: this.#dropped };
  }

  /** Resolves when nothing is being put any more. */
  async settled(): Promise<void> {
    while (this.#putting.size > 0) await Promise.all(this.#putting);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const client of this.#clients) client.close();
    await this.settled();
  }

  /** The chunk's members that are worth asking, in order; one more for each that is only tried. */
  #ask(name: string, nowMs: number): { readonly client: MemberClient; readonly trial: boolean }[] {
    const found: { client: MemberClient; trial: boolean }[] = [];
    let wanted = stripesPerChunk;
    for (const client of rank(name, this.#clients)) {
      if (found.length === wanted) break;
      const may = client.ask(nowMs);
      if (may === 'no') continue;
      if (may === 'trial') wanted += 1;
      found.push({ client, trial: may === 'trial' });
    }
    return found;
  }

  #fetch(name: string, storedBytes: number): Promise<Buffer | null> {
    const asked = this.#ask(name, performance.now());
    const gathering = new Gathering(name, storedBytes, asked.length);
    return new Promise((resolve) => {
      if (asked.length === 0) return resolve(null);
      let made: Buffer | null = null;
      const all = asked.map(async ({ client, trial }) => {
        const answer = await client.get(name, storedBytes, this.#getMsMax, trial);
        const outcome = gathering.add(client, answer);
        if (outcome === null) {
          if (made === null && gathering.hopeless) resolve(null);
          return;
        }
        outcome.liar?.lied(performance.now());
        made = outcome.bytes;
        resolve(made);
      });
      void Promise.all(all).then(() => {
        if (made !== null) this.#repair(name, made, gathering.repairs());
      });
    });
  }

  #repair(name: string, bytes: Buffer, repairs: readonly Repair[]): void {
    if (repairs.length === 0) return;
    void this.#inBackground(bytes.length, async () => {
      const stripes = cutStripes(bytes);
      await Promise.all(
        repairs.map(async ({ client, indexes }) => {
          if (client.down) return;
          const body = encodeStripes(
            name,
            indexes.map((index) => stripes[index]!),
          );
          if (await client.put(name, body, putMsMax, false)) this.#repaired += 1;
        }),
      );
    });
  }

  #inBackground(bytes: number, work: () => Promise<void>): Promise<void> {
    if (this.#closed || this.#puttingBytes + bytes > puttingBytesMax) {
      this.#dropped += 1;
      return Promise.resolve();
    }
    this.#puttingBytes += bytes;
    const done = work().finally(() => {
      this.#puttingBytes -= bytes;
      this.#putting.delete(done);
    });
    this.#putting.add(done);
    return done;
  }
}
