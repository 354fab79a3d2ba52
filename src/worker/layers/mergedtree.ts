import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Files made at once: as many as libuv has threads by default; more would only wait. */
const lanesMax = 4;

type Folder = Map<string, Entry>;
/** A folder, or where the file or link is on the host. */
type Entry = Folder | { readonly path: string; readonly link: boolean };

/**
 * Makes `target`, which does not exist, a folder of all files of `sources`: of two with the same path the later
 * source's. Files are hard links (copies where the file system has none), so a tree costs its folders only. Nothing is
 * written through a link of a source: a later folder takes the place of an earlier link.
 */
export async function mergeTrees(sources: readonly string[], target: string): Promise<void> {
  const root: Folder = new Map();
  for (const source of sources) await survey(source, root);
  const todo: (() => Promise<void>)[] = [];
  await mkdir(target, { mode: 0o755 });
  await makeFolders(root, target, todo);
  const lane = async (): Promise<void> => {
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) await next();
  };
  const lanes = await Promise.allSettled(Array.from({ length: lanesMax }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function survey(source: string, folder: Folder): Promise<void> {
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const path = join(source, entry.name);
    if (entry.isDirectory()) {
      const before = folder.get(entry.name);
      const inner: Folder = before instanceof Map ? before : new Map();
      folder.set(entry.name, inner);
      await survey(path, inner);
    } else folder.set(entry.name, { path, link: entry.isSymbolicLink() });
  }
}

async function makeFolders(folder: Folder, target: string, todo: (() => Promise<void>)[]): Promise<void> {
  for (const [name, entry] of folder) {
    const place = join(target, name);
    if (entry instanceof Map) {
      await mkdir(place, { mode: 0o755 });
      await makeFolders(entry, place, todo);
    } else todo.push(async () => await show(entry.path, entry.link, place));
  }
}

async function show(path: string, isLink: boolean, place: string): Promise<void> {
  if (isLink) return await symlink(await readlink(path), place);
  try {
    await link(path, place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM') throw error;
    await copyFile(path, place);
  }
}
