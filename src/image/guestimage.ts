import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { nativeProgram } from '../worker/sandbox/programs.js';
import { fileBytes, hashFile } from './erofs.js';
import { type GuestImage, ImageError, type ImageProgress } from './image.js';
import { makeInitrd } from './initrd.js';
import { takeKernel, wantedModules } from './kernel.js';
import { type DebianPackage, downloadPackages, resolveMeta, resolvePackages } from './packages.js';
import { machineAuthorities, makeRoot, rootPackages } from './root.js';
import { defaultImageDirectory, WorkFolder } from './workfolder.js';

/** Of what this code makes out of the same inputs: to be counted up with every change of it. */
const recipe = 6;

/**
 * Console for messages of a dying machine; a panic ends it. No mitigations: they keep apart what the machine as a
 * whole, which is one function's, already keeps apart from others, and make an emulated processor slow. The rest is
 * about devices that the machine does not have, IPv6, which only its loopback speaks (guest/vm/network.c), tests of
 * clocks that an emulated processor fails, statistics and watchdogs that nobody looks at and every wake-up pays for, and
 * zeroing more memory than is used: pages are small, so that a snapshot has no more of them than were touched.
 */
const commandLine = [
  ...['console=ttyS0', 'quiet', 'loglevel=3', 'panic=-1', 'mitigations=off', 'no_timer_check', 'tsc=reliable'],
  ...['i8042.noaux', 'i8042.nomux', 'i8042.nopnp', '8250.nr_uarts=1', 'random.trust_cpu=on', 'cryptomgr.notests'],
  ...['net.ifnames=0', 'ipv6.disable_ipv6=1', 'psi=0', 'nowatchdog', 'init_on_alloc=0', 'transparent_hugepage=never'],
].join(' ');

export interface GuestImageOptions {
  /** Default: shared by all platforms of this user. */
  readonly directory?: string;
  /** Asks the package lists for newer packages. Without it the image that is there is taken. */
  readonly refresh?: boolean;
  readonly onProgress?: (progress: ImageProgress) => void;
}

/** Which parts make the current image. */
interface Current {
  readonly recipe: number;
  readonly kernelKey: string;
  readonly rootKey: string;
  readonly packages: readonly string[];
}

const keyOf = (...parts: readonly (string | Buffer)[]) => {
  const hash = createHash('sha256').update(`recipe ${recipe}\n`);
  for (const part of parts) hash.update(part).update('\n');
  return hash.digest('hex');
};
const describe = (packages: readonly DebianPackage[]) => packages.map(({ file, hash }) => `${file} ${hash}`).join('\n');

/** The image that is there, or null. */
export async function currentImage(directory = defaultImageDirectory()): Promise<GuestImage | null> {
  const agentPath = nativeProgram('vmagent');
  return agentPath === null ? null : find(new WorkFolder(directory), await readFile(agentPath));
}

/** The image that virtual machines of this machine start from; built when it is not there. Rejects with ImageError. */
export async function guestImage(options: GuestImageOptions = {}): Promise<GuestImage> {
  const { onProgress = () => {} } = options;
  const folder = new WorkFolder(options.directory ?? defaultImageDirectory());
  const agentPath = nativeProgram('vmagent');
  if (agentPath === null)
    throw new ImageError('the agent is not built: node setup/native.mjs (needs gcc and libc6-dev)');
  const agent = await readFile(agentPath);
  if (options.refresh !== true) {
    const found = await find(folder, agent);
    if (found !== null) {
      await folder.used(...[found.kernelPath, found.initrdPath, found.rootPath].map(dirname));
      return found;
    }
  }
  return folder.locked(async () => {
    const before = await readCurrent(folder);
    const complete = before !== null && partsExist(folder, before);
    const current = complete && options.refresh !== true ? before : await buildParts(folder, onProgress);
    const kernel = folder.part('kernel', current.kernelKey);
    await folder.make('initrd', keyOf(current.kernelKey, current.rootKey, commandLine, agent), async (directory) => {
      await writeFile(join(directory, 'initrd'), await makeInitrd(kernel, agent));
      const parts = [join(kernel, 'kernel'), join(directory, 'initrd'), join(rootOf(folder, current), 'root.erofs')];
      const hashes = await Promise.all(parts.map(hashFile));
      await writeFile(join(directory, 'id'), keyOf(...hashes, commandLine));
    });
    const unfinished = join(folder.path, 'current.new');
    await writeFile(unfinished, JSON.stringify(current));
    await rename(unfinished, join(folder.path, 'current.json'));
    onProgress({ phase: 'done', fraction: 1 });
    return (await find(folder, agent))!;
  });
}

/** The kernel of the image, if there is one already: also where the rest of the image has to be made again. */
export async function builtKernel(
  directory = defaultImageDirectory(),
): Promise<{ path: string; version: string } | null> {
  const folder = new WorkFolder(directory);
  const current = await readCurrent(folder);
  if (current === null || !partsExist(folder, current)) return null;
  const kernel = folder.part('kernel', current.kernelKey);
  return { path: join(kernel, 'kernel'), version: await kernelVersion(kernel) };
}

async function kernelVersion(kernel: string): Promise<string> {
  return (JSON.parse(await readFile(join(kernel, 'about.json'), 'utf8')) as { version: string }).version;
}

const rootOf = (folder: WorkFolder, { rootKey }: Current) => folder.part('root', rootKey);

async function readCurrent(folder: WorkFolder): Promise<Current | null> {
  try {
    const current = JSON.parse(await readFile(join(folder.path, 'current.json'), 'utf8')) as Current;
    return current.recipe === recipe ? current : null;
  } catch {
    return null;
  }
}

function partsExist(folder: WorkFolder, current: Current): boolean {
  return existsSync(folder.part('kernel', current.kernelKey)) && existsSync(rootOf(folder, current));
}

async function find(folder: WorkFolder, agent: Buffer): Promise<GuestImage | null> {
  const current = await readCurrent(folder);
  if (current === null || !partsExist(folder, current)) return null;
  const initrd = folder.part('initrd', keyOf(current.kernelKey, current.rootKey, commandLine, agent));
  if (!existsSync(initrd)) return null;
  const kernel = folder.part('kernel', current.kernelKey);
  const rootPath = join(rootOf(folder, current), 'root.erofs');
  return {
    id: await readFile(join(initrd, 'id'), 'utf8'),
    kernelPath: join(kernel, 'kernel'),
    initrdPath: join(initrd, 'initrd'),
    commandLine,
    rootPath,
    rootBytes: await fileBytes(rootPath),
    kernelVersion: await kernelVersion(kernel),
    packages: current.packages,
  };
}

async function buildParts(folder: WorkFolder, onProgress: (progress: ImageProgress) => void): Promise<Current> {
  onProgress({ phase: 'resolve', fraction: null });
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const kernelPackage = await resolveMeta(`linux-image-cloud-${architecture}`);
  const packages = await resolvePackages(rootPackages);
  const authorities = await machineAuthorities();
  const current: Current = {
    recipe,
    kernelKey: keyOf(describe([kernelPackage]), wantedModules.join(' ')),
    rootKey: keyOf(describe(packages), rootPackages.join(' '), authorities ?? ''),
    packages: packages.map(({ file }) => file),
  };
  if (partsExist(folder, current)) return current;
  const downloads = join(folder.path, 'packages');
  const fetched = (fraction: number) => onProgress({ phase: 'download', fraction });
  await downloadPackages([kernelPackage, ...packages], downloads, fetched);
  const pathOf = ({ file }: DebianPackage) => join(downloads, file);
  await folder.make('kernel', current.kernelKey, (directory) => takeKernel(pathOf(kernelPackage), directory));
  await folder.make('root', current.rootKey, (directory) =>
    makeRoot(packages.map(pathOf), directory, authorities, onProgress),
  );
  // Only on the way: what was made of them stays.
  await rm(downloads, { recursive: true });
  await mkdir(folder.path, { recursive: true });
  return current;
}
