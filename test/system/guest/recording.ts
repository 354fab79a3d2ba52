import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../src/adapters/projectroot.js';
import type { Case, Observed } from './observed.js';

const folder = join(projectRoot, '.cache', 'official', 'observed');

/** Every case with every version: `npm run test:runtimes` asks for it, it takes minutes. */
export const everyCase = process.env.HEARTH_EVERY_CASE === '1';

/** How it was observed: other observers may see more. */
const observers = ['officialclient.js', 'observed.js', 'recording.js'].map((name) =>
  readFileSync(join(import.meta.dirname, name)),
);

/** SHA-256 over the files below a folder, their names included. */
export function digestOf(directory: string, wanted = /./): string {
  const hash = createHash('sha256');
  const paths = readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
  for (const path of paths) hash.update(path.slice(directory.length)).update('\0').update(readFileSync(path));
  return hash.digest('hex');
}

/**
 * What the official client did with a case, run once for the same client, interpreter and handlers: half of the time of
 * these tests would go into doing again what cannot come out otherwise. `taskRoot` may differ from run to run, and the
 * checkout: the cache belongs to all of them.
 */
export async function recorded(
  subject: string,
  wanted: Case,
  taskRoot: string,
  run: (wanted: Case) => Promise<Observed>,
): Promise<Observed> {
  const hash = createHash('sha256').update(`${subject}\0${JSON.stringify(wanted)}`);
  for (const observer of observers) hash.update(observer);
  const key = hash.digest('hex');
  const file = join(folder, key);
  const places = { TASKROOT: taskRoot, PROJECTROOT: projectRoot };
  if (existsSync(file)) {
    let text = readFileSync(file, 'utf8');
    for (const [name, place] of Object.entries(places)) text = text.replaceAll(name, place);
    return JSON.parse(text) as Observed;
  }
  const observed = await run(wanted);
  mkdirSync(folder, { recursive: true });
  const temporary = `${file}.${process.pid}`;
  let text = JSON.stringify(observed);
  for (const [name, place] of Object.entries(places)) text = text.replaceAll(place, name);
  writeFileSync(temporary, text);
  renameSync(temporary, file);
  return observed;
}
