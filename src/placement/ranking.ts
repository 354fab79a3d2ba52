/** Something that has a place in one ranking. */
export interface Ranked {
  /** Least is first; infinite: not to be taken. */
  rank: number;
  /** Its leaf, -1 while it has none. */
  leaf: number;
}

const leavesMin = 16;

/**
 * Who of many ranks first, and among equals joined first: a tree in which each node knows the first below it. Looking costs
 * nothing, a changed rank log n comparisons.
 */
export class Ranking<T extends Ranked> {
  /** The root is 1; of node n those below are 2n and 2n + 1; the second half are leaves, in the order of joining. */
  #nodes: (T | null)[] = new Array<T | null>(2 * leavesMin).fill(null);
  #joined = 0;

  get first(): T | null {
    return this.#nodes[1]!;
  }

  join(one: T): void {
    if (this.#joined === this.#leaves) this.#rebuild();
    this.#nodes[this.#leaves + this.#joined] = one;
    one.leaf = this.#joined;
    this.#joined += 1;
    this.moved(one);
  }

  leave(one: T): void {
    const node = this.#leaves + one.leaf;
    this.#nodes[node] = null;
    one.leaf = -1;
    this.#settle(node);
  }

  /** Its rank has changed. */
  moved(one: T): void {
    this.#settle(this.#leaves + one.leaf);
  }

  get #leaves(): number {
    return this.#nodes.length / 2;
  }

  #settle(leaf: number): void {
    const nodes = this.#nodes;
    for (let node = leaf >> 1; node >= 1; node >>= 1) {
      const left = nodes[2 * node]!;
      const right = nodes[2 * node + 1]!;
      nodes[node] = left === null || (right !== null && right.rank < left.rank) ? right : left;
    }
  }

  /** Leaves of those that have left are used again, and there are more of them when half are in use. */
  #rebuild(): void {
    const all = this.#nodes.slice(this.#leaves).filter((one) => one !== null);
    const leaves = all.length > this.#leaves / 2 ? 2 * this.#leaves : this.#leaves;
    this.#nodes = new Array<T | null>(2 * leaves).fill(null);
    this.#joined = 0;
    for (const one of all) this.join(one);
  }
}
