import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RuntimeLaunch } from '../worker/sandbox/driver.js';
import { fileBytes, hashFile, makeErofs } from './erofs.js';
import { ImageError, type RuntimeImage, runtimeDriveBytes } from './image.js';
import { compileTree } from './python.js';
import { defaultImageDirectory, WorkFolder } from './workfolder.js';

const recipe = 3;
const programMode = 0o755;
const fileMode = 0o644;
/** What may lie in the image: the rest of a sandbox's files is the root image's. */
const roots = ['/var/lang', '/var/runtime'];
/** Parts of language installations that run nothing: tests of the language itself, headers, static libraries. */
const unwanted =
  /(^|\/)(lib\/python\d\.\d+\/(test|config-[^/]*|idlelib|turtledemo)|include|share\/(man|doc)|__pycache__)$|\.a$/;

interface Node {
  /** On this machine. */
  readonly source: string;
  /** Below the image's root, without a leading slash. */
  readonly target: string;
  readonly kind: 'folder' | 'file' | 'link';
  readonly executable: boolean;
  /** Size and time of change of a file, target of a link. */
  readonly mark: string;
}

/** Images being made or made by this process, by folder and key. */
const making = new Map<string, Promise<RuntimeImage>>();

type RuntimeFiles = Pick<RuntimeLaunch, 'name' | 'mounts'>;

/**
 * The image with a runtime's files, made when there is none of exactly these files. Rejects with ImageError. Fast when
 * there is one: it looks at names, sizes and times only.
 */
export async function runtimeImage(launch: RuntimeFiles, directory = defaultImageDirectory()): Promise<RuntimeImage> {
  const nodes = await nodesOf(launch);
  const key = keyOf(nodes);
  const slot = `${directory} ${key}`;
  const made = making.get(slot);
  // Those that nobody used for long go, to keep the folder small: another process may have thought so of this one.
  if (made !== undefined && existsSync((await made).path)) return made;
  const image = find(new WorkFolder(directory), key, nodes);
  making.set(slot, image);
  image.catch(() => making.delete(slot));
  return image;
}

/** The same, or null when it was not made yet. */
export async function currentRuntimeImage(
  launch: RuntimeFiles,
  directory = defaultImageDirectory(),
): Promise<RuntimeImage | null> {
  return describe(new WorkFolder(directory).part('runtime', keyOf(await nodesOf(launch))));
}

async function nodesOf(launch: RuntimeFiles): Promise<readonly Node[]> {
  const nodes: Node[] = [];
  for (const { hostPath, sandboxPath } of launch.mounts) {
    if (!roots.some((root) => sandboxPath === root || sandboxPath.startsWith(`${root}/`))) {
      throw new ImageError(`${launch.name}: ${sandboxPath} is not below ${roots.join(' or ')}`);
    }
    const start = await realpath(hostPath).catch(() => {
      throw new ImageError(`${launch.name}: its files are missing: ${hostPath}`);
    });
    await walk(start, sandboxPath.slice(1), start, nodes);
  }
  return nodes.sort((one, other) => (one.target < other.target ? -1 : 1));
}

function keyOf(nodes: readonly Node[]): string {
  const hash = createHash('sha256').update(`recipe ${recipe}\n`);
  for (const { target, kind, executable, mark } of nodes) hash.update(JSON.stringify([target, kind, executable, mark]));
  return hash.digest('hex');
}

async function find(folder: WorkFolder, key: string, nodes: readonly Node[]): Promise<RuntimeImage> {
  const there = await describe(folder.part('runtime', key));
  if (there !== null) {
    await folder.used(folder.part('runtime', key));
    return there;
  }
  return folder.locked(async () => {
    const part = await folder.make('runtime', key, async (directory) => {
      const tree = join(directory, 'tree');
      await mkdir(tree);
      await copy(nodes, tree);
      await compile(nodes, tree);
      const image = join(directory, 'runtime.erofs');
      await makeErofs(image, tree);
      await rm(tree, { recursive: true });
      await writeFile(join(directory, 'id'), await hashFile(image));
      // All of one size, with a hole at the end: a machine's drive has its size before it has its runtime.
      if ((await fileBytes(image)) > runtimeDriveBytes) throw new ImageError('a runtime of more than 1 GiB');
      await truncate(image, runtimeDriveBytes);
    });
    return (await describe(part))!;
  });
}

async function describe(part: string): Promise<RuntimeImage | null> {
  const path = join(part, 'runtime.erofs');
  try {
    return { id: await readFile(join(part, 'id'), 'utf8'), path, bytes: await fileBytes(path) };
  } catch {
    return null;
  }
}

/** Links that lead out of the tree are followed: what they lead to is not in the image. */
async function walk(source: string, target: string, top: string, nodes: Node[]): Promise<void> {
  if (unwanted.test(target)) return;
  const info = await lstat(source);
  if (info.isSymbolicLink()) {
    const real = await realpath(source).catch(() => null);
    if (real === null) return;
    if (real.startsWith(`${top}/`)) {
      nodes.push({ source, target, kind: 'link', executable: false, mark: await readlink(source) });
      return;
    }
    return walk(real, target, real, nodes);
  }
  if (info.isDirectory()) {
    nodes.push({ source, target, kind: 'folder', executable: true, mark: '' });
    for (const name of await readdir(source)) await walk(join(source, name), join(target, name), top, nodes);
  } else if (info.isFile()) {
    const mark = `${info.size} ${info.mtimeMs}`;
    nodes.push({ source, target, kind: 'file', executable: (info.mode & 0o111) !== 0, mark });
  }
}

/** Everybody in the guest may read everything: it is root's there, whoever owns it here. */
async function copy(nodes: readonly Node[], tree: string): Promise<void> {
  const make = async (folder: string): Promise<void> => {
    if (existsSync(folder)) return;
    await make(dirname(folder));
    await mkdir(folder);
    await chmod(folder, programMode);
  };
  for (const { source, target, kind, executable, mark } of nodes) {
    const path = join(tree, target);
    const mode = executable ? programMode : fileMode;
    await make(kind === 'folder' ? path : dirname(path));
    if (kind === 'link') await symlink(mark, path);
    if (kind !== 'file') continue;
    // Without copying where that can be done.
    const same = ((await stat(source)).mode & 0o7777) === mode;
    if (same && (await link(source, path).then(...always))) continue;
    await copyFile(source, path);
    await chmod(path, mode);
  }
}

const always = [() => true, () => false] as const;

/** Compiles the Python sources of an installation with its own interpreter; those of our bootstrap with any. */
async function compile(nodes: readonly Node[], tree: string): Promise<void> {
  const library = nodes.find(({ target }) => /^var\/lang\/lib\/python3\.\d+$/.test(target));
  const interpreter = nodes.find(({ target }) => /^var\/lang\/bin\/python3\.\d+$/.test(target))?.source ?? 'python3';
  if (library !== undefined) await compileTree([interpreter], join(tree, library.target), `/${library.target}`);
  if (nodes.some(({ target }) => target === 'var/runtime/bootstrap.py')) {
    await compileTree([interpreter], join(tree, 'var/runtime'), '/var/runtime');
  }
}
