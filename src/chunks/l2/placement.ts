import { createHash } from 'node:crypto';

/** A process that holds stripes. */
export interface Member {
  /** What it is known by; keeps its share of the chunks while this is the same, wherever it moves. */
  readonly id: string;
  /** For example `http://127.0.0.1:7400`. */
  readonly url: URL;
}

/** First 6 bytes of a SHA-256: as many as a double holds exactly. */
function weight(name: string, id: string): number {
  return createHash('sha256').update(name).update('\0').update(id).digest().readUIntBE(0, 6);
}

/**
 * Members in the order in which they are a chunk's, by rendezvous hashing (highest random weight): each gets a number
 * from chunk and id, highest first. A member that comes or goes changes the order of no others: it moves only the
 * chunks that are among its first places.
 */
export function rank<One extends { readonly id: string }>(name: string, members: readonly One[]): One[] {
  return members
    .map((member) => ({ member, weight: weight(name, member.id) }))
    .sort((a, b) => b.weight - a.weight || (a.member.id < b.member.id ? -1 : 1))
    .map(({ member }) => member);
}

/**
 * Which of `count` stripes each of `holders` members gets: with as many members as stripes one each; with fewer, several
 * each. What survives then: of 4 members any but the first may go, of 3 only the last, of 2 or 1 none.
 */
export function shares(holders: number, count: number): number[][] {
  const found = Array.from({ length: Math.min(holders, count) }, () => [] as number[]);
  for (let index = 0; index < count; index += 1) found[index % found.length]?.push(index);
  return found;
}
