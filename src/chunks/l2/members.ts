import { readFileSync } from 'node:fs';
import { secondMs } from '../../kernel/units.js';
import type { Member } from './placement.js';

/** How often a file of members is read again: a change is rare, reading it takes microseconds. */
const readMsMin = 5 * secondMs;
/** Beyond this a list is no list; rendezvous hashing looks at every member for every chunk. */
const membersMax = 256;

/**
 * Members of L2 from text: one a line, or several with commas between; `URL`, or `ID URL` for a member that keeps its share
 * of the chunks when its address changes. Behind `#`: a comment. Throws Error with what is wrong.
 */
export function parseMembers(text: string): Member[] {
  const members: Member[] = [];
  for (const line of text.split(/[\n,]/)) {
    const words = line.replace(/#.*/, '').trim().split(/\s+/);
    if (words[0] === '') continue;
    const address = words.at(-1)!;
    const id = words.length === 2 ? words[0]! : address;
    const url = URL.canParse(address) ? new URL(address) : null;
    if (words.length > 2 || url?.protocol !== 'http:' || url.pathname !== '/') {
      throw new Error(`not a member of a cache: ${line.trim()} (such as http://10.0.0.7:7400)`);
    }
    if (members.some((one) => one.id === id)) throw new Error(`the member ${id} is listed twice`);
    members.push({ id, url });
  }
  if (members.length > membersMax) throw new Error(`${members.length} members of a cache; at most ${membersMax}`);
  return members;
}

/**
 * Reads a file of members again and again; `onChange` gets each list that differs from the one before. A file that cannot be
 * read, or is wrong, changes nothing but is reported, once. Returns what ends it.
 */
export function watchMembers(
  path: string,
  now: readonly Member[],
  onChange: (members: readonly Member[]) => void,
  onTrouble: (message: string) => void,
): () => void {
  let before = textOf(now);
  let trouble = '';
  const timer = setInterval(() => {
    try {
      const members = parseMembers(readFileSync(path, 'utf8'));
      trouble = '';
      if (textOf(members) === before) return;
      before = textOf(members);
      onChange(members);
    } catch (error) {
      const { message } = error as Error;
      if (message !== trouble) onTrouble(message);
      trouble = message;
    }
  }, readMsMin);
  timer.unref();
  return () => clearInterval(timer);
}

function textOf(members: readonly Member[]): string {
  return members.map(({ id, url }) => `${id} ${url.href}`).join('\n');
}
