import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Layers that one test's platform made serve the next one's: each costs some seconds of a processor. */
const seed = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hearth', 'test-snapshots');
/** Copying some thousand links. */
const copyMsMax = 60_000;

/** Gives a data folder the layers of an earlier test. What is stale among them is made again. */
export function seedSnapshots(dataFolder: string): void {
  const target = join(dataFolder, 'snapshots');
  if (existsSync(target)) return;
  // Replaced while it was copied, it would be in pieces.
  for (let before = inodeOf(seed); before !== null; before = inodeOf(seed)) {
    copyLinks(seed, target);
    if (inodeOf(seed) === before) return;
    rmSync(target, { recursive: true, force: true });
  }
}

function inodeOf(folder: string): number | null {
  return statSync(folder, { throwIfNoEntry: false })?.ino ?? null;
}

/** Keeps the layers of a platform that has ended, if it has more of them, or newer ones. */
export function keepSnapshots(dataFolder: string): void {
  const from = join(dataFolder, 'snapshots');
  const made = layersOf(from);
  const kept = layersOf(seed);
  if (![...made].some(([layer, ms]) => ms > (kept.get(layer) ?? 0))) return;
  mkdirSync(join(seed, '..'), { recursive: true });
  const fresh = mkdtempSync(`${seed}-`);
  copyLinks(from, join(fresh, 'new'));
  try {
    // Two at once: the one that comes second takes the other's place.
    if (existsSync(seed)) renameSync(seed, join(fresh, 'old'));
    renameSync(join(fresh, 'new'), seed);
  } catch {
    // The other one was quicker.
  }
  rmSync(fresh, { recursive: true, force: true });
}

/** Records of OS and runtime layers with the time they were made. */
function layersOf(folder: string): Map<string, number> {
  const objects = join(folder, 'origin', 'objects');
  if (!existsSync(objects)) return new Map();
  const names = readdirSync(objects).filter((name) => name.startsWith('snapshots%platform.'));
  return new Map(names.map((name) => [name, statSync(join(objects, name)).mtimeMs]));
}

/** Objects are replaced, never changed: links will do. The key and everything else of little size is copied with them. */
function copyLinks(from: string, to: string): void {
  spawnSync('cp', ['-al', from, to], { timeout: copyMsMax, stdio: 'ignore' });
  rmSync(join(to, 'l1'), { recursive: true, force: true });
  // Roots of a test that moved its time on would be from the future: a collection begins with its own.
  const objects = join(to, 'origin', 'objects');
  if (!existsSync(objects)) return;
  for (const name of readdirSync(objects)) if (name.startsWith('roots%')) rmSync(join(objects, name), { force: true });
}
