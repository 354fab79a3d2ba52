import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.js';
import { hashFile } from './erofs.js';
import { ImageError } from './image.js';

/** A package as the machine's package lists have it now. */
export interface DebianPackage {
  readonly name: string;
  /** `bash_5.2.15-2+b13_amd64.deb` */
  readonly file: string;
  readonly bytes: number;
  /** `SHA256:…` */
  readonly hash: string;
}

/** Needed to set packages up on a machine, never to run what is in them. */
const setupOnly =
  /^(debconf|cdebconf|dpkg|perl.*|libperl.*|libdebian-installer4|libnewt.*|libslang2|libtextwrap1|mailcap|mime-support|install-info|gcc-\d+-base|base-files|original-awk|mawk|debianutils|readline-common|libgdbm.*|busybox.*|ucf|sensible-utils|adduser|passwd)$/;
const progressEveryMs = 200;

/** Package lists that are missing are fetched, where we may. */
async function withLists<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (process.getuid?.() !== 0) {
      throw new ImageError(`${(error as Error).message}\nIf package lists are missing: sudo apt-get update`);
    }
    await runCommand(['apt-get', 'update', '-qq']);
    return ask();
  }
}

/** What a package depends on: of alternatives the first. */
function readGraph(text: string): ReadonlyMap<string, readonly string[]> {
  const graph = new Map<string, string[]>();
  let own: string[] = [];
  let skipping = false;
  for (const line of text.split('\n')) {
    const match = /^( [ |])(Pre)?Depends: (\S+)$/.exec(line);
    if (/^\S/.test(line)) {
      own = [];
      graph.set(line.trim(), own);
      skipping = false;
    } else if (match !== null) {
      if (!skipping && !match[3]!.startsWith('<')) own.push(match[3]!);
      skipping = match[1] === ' |';
    }
  }
  return graph;
}

const flags = ['suggests', 'recommends', 'conflicts', 'breaks', 'replaces', 'enhances'].map((name) => `--no-${name}`);

/** These packages and all that they need to run, sorted by name. */
export async function resolvePackages(wanted: readonly string[]): Promise<readonly DebianPackage[]> {
  return withLists(async () => {
    const graph = readGraph(await runCommand(['apt-cache', 'depends', '--recurse', ...flags, ...wanted]));
    const names = new Set<string>();
    const add = (name: string) => {
      if (names.has(name) || setupOnly.test(name)) return;
      names.add(name);
      graph.get(name)?.forEach(add);
    };
    wanted.forEach(add);
    return describe([...names].sort());
  });
}

/** The newest package that `meta` stands for: `linux-image-cloud-amd64` → `linux-image-6.1.0-56-cloud-amd64`. */
export async function resolveMeta(meta: string): Promise<DebianPackage> {
  return withLists(async () => {
    const text = await runCommand(['apt-cache', 'depends', meta]).catch(() => '');
    const [name] = readGraph(text).get(meta) ?? [];
    if (name === undefined) throw new ImageError(`the package lists have no ${meta}: guest images are made on Debian`);
    return (await describe([name]))[0]!;
  });
}

async function describe(names: readonly string[]): Promise<readonly DebianPackage[]> {
  const text = await runCommand(['apt-get', 'download', '--print-uris', '-qq', ...names]);
  const found = [...text.matchAll(/^'[^']+' (\S+) (\d+) (\S+)$/gm)].map(([, file, bytes, hash]) => ({
    name: file!.slice(0, file!.indexOf('_')),
    file: file!,
    bytes: Number(bytes),
    hash: hash!,
  }));
  if (found.length !== names.length) {
    const missing = names.filter((name) => !found.some((one) => one.name === name));
    throw new ImageError(`the package lists lack ${missing.join(', ')}`);
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** A download that was cut short leaves part of a file under its name; that goes. */
async function isWhole({ file, bytes, hash }: DebianPackage, directory: string): Promise<boolean> {
  const path = join(directory, file);
  const info = await stat(path).catch(() => null);
  if (info === null) return false;
  if (info.size === bytes && hash === `SHA256:${await hashFile(path)}`) return true;
  await rm(path);
  return false;
}

/** Fetches and verifies packages (apt does) into a folder, those that are not there yet; none is installed. */
export async function downloadPackages(
  packages: readonly DebianPackage[],
  directory: string,
  onProgress: (fraction: number) => void,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const missing: DebianPackage[] = [];
  for (const one of packages) if (!(await isWhole(one, directory))) missing.push(one);
  if (missing.length === 0) return;
  const total = missing.reduce((sum, { bytes }) => sum + bytes, 0);
  const measure = async () => {
    const sizes = await Promise.all(
      missing.map(({ file }) =>
        stat(join(directory, file)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    onProgress(Math.min(1, sizes.reduce((sum, size) => sum + size, 0) / total));
  };
  const ticker = setInterval(() => void measure(), progressEveryMs);
  try {
    await runCommand(['apt-get', 'download', '-qq', ...missing.map(({ name }) => name)], { directory });
  } finally {
    clearInterval(ticker);
  }
}

/** Unpacks packages over each other. */
export async function unpackPackages(
  files: readonly string[],
  target: string,
  onProgress: (fraction: number) => void = () => {},
): Promise<void> {
  // dpkg-deb -x would put folders in the place of links to folders (/lib → usr/lib).
  const script =
    'for file; do dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink --no-same-owner || exit 1; echo; done';
  let done = 0;
  await runCommand(['bash', '-o', 'pipefail', '-c', script, 'unpack', ...files], {
    directory: target,
    onLine: () => {
      done += 1;
      onProgress(done / files.length);
    },
  });
}
