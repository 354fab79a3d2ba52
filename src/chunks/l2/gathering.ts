import type { MemberAnswer, MemberClient } from './memberclient.js';
import { dataStripes, joinStripes, type Stripe, stripesPerChunk } from './stripes.js';

/** A stripe to be put at a member that lacks it. */
export interface Repair {
  readonly client: MemberClient;
  readonly indexes: readonly number[];
}

/** The answers to one question: what is there of a chunk. */
export class Gathering {
  readonly #name: string;
  readonly #storedBytes: number;
  /** The first intact stripe of each index, and whose it is. */
  readonly #held = new Map<number, { readonly stripe: Stripe; readonly client: MemberClient }>();
  /** Those who answered and have nothing that counts: no stripe, a broken one, one that another has too. */
  readonly #idle: MemberClient[] = [];
  #silent = 0;
  #made = false;
  #open: number;
  readonly #asked: number;

  constructor(name: string, storedBytes: number, asked: number) {
    this.#name = name;
    this.#storedBytes = storedBytes;
    this.#asked = asked;
    this.#open = asked;
  }

  /**
   * An answer is in. The chunk's bytes when they can be made now, once (later answers only say what is to be repaired);
   * whose stripe was a lie, if that came out.
   */
  add(
    client: MemberClient,
    answer: MemberAnswer,
  ): { readonly bytes: Buffer; readonly liar: MemberClient | null } | null {
    this.#open -= 1;
    if (answer.kind === 'none') {
      this.#silent += 1;
      return null;
    }
    const news = answer.kind === 'miss' ? [] : answer.stripes.filter(({ index }) => !this.#held.has(index));
    for (const stripe of news) this.#held.set(stripe.index, { stripe, client });
    if (news.length === 0) this.#idle.push(client);
    if (this.#made || news.length === 0 || this.#held.size < dataStripes) return null;
    const stripes = [...this.#held.values()].map(({ stripe }) => stripe);
    const joined = joinStripes(this.#name, this.#storedBytes, stripes);
    if (joined === null) return null;
    this.#made = true;
    const { bytes, wrong } = joined;
    if (wrong === null) return { bytes, liar: null };
    const liar = this.#held.get(wrong)!.client;
    this.#held.delete(wrong);
    this.#idle.unshift(liar);
    return { bytes, liar };
  }

  /** Whether the answers that are still out cannot make the chunk any more. */
  get hopeless(): boolean {
    // Where a member has one stripe only, each answer brings one at most.
    const each = this.#asked < stripesPerChunk ? stripesPerChunk : 1;
    return this.#open === 0 || this.#held.size + this.#open * each < dataStripes;
  }

  /**
   * Once all answers are in: which members should get which stripes, so that all five are held again. Whoever did not
   * answer may hold one of those that are missing: that many are left alone.
   */
  repairs(): Repair[] {
    const missing = Array.from({ length: stripesPerChunk }, (_, index) => index).filter((one) => !this.#held.has(one));
    const wanted = missing.slice(0, Math.max(0, missing.length - this.#silent));
    if (this.#asked >= stripesPerChunk) {
      return wanted.slice(0, this.#idle.length).map((index, at) => ({ client: this.#idle[at]!, indexes: [index] }));
    }
    const [first] = this.#idle;
    return first === undefined || wanted.length === 0 ? [] : [{ client: first, indexes: wanted }];
  }
}
