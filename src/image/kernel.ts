import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runCommand } from './command.js';
import { ImageError } from './image.js';
import { unpackPackages } from './packages.js';

/** Drivers that a guest of ours needs; what they depend on comes along. */
export const wantedModules = [...['virtio_pci', 'virtio_blk', 'virtio_console', 'virtio_net', 'virtio_rng'], 'erofs'];
/** Compiled into some kernels. */
const optional = new Set(['virtio_rng', 'virtio_net']);

export interface Kernel {
  readonly version: string;
  /** Names of files in `modules/`, in the order of loading. */
  readonly order: readonly string[];
}

/** Module names are written with dashes or underscores, at will. */
const canonical = (name: string) => name.replaceAll('-', '_');

async function moduleFiles(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.ko(\.xz)?$/.test(entry.name));
  return new Map(
    files.map((entry) => [
      canonical(entry.name.replace(/\.ko.*$/, '')),
      join(entry.parentPath ?? entry.path, entry.name),
    ]),
  );
}

/** Names in a module's `depends=` note (section .modinfo: strings ended by NUL). */
function dependencies(module: Buffer): string[] {
  const at = module.indexOf('\0depends=');
  if (at < 0) return [];
  const text = module.toString('latin1', at + '\0depends='.length, module.indexOf(0, at + 1));
  return text.split(',').filter((name) => name !== '');
}

const signatureMark = '~Module signature appended~\n';
/** Before the mark: five bytes of kinds, three of padding, u32 big-endian length of the signature. */
const signatureFooterBytes = 12;

/**
 * A module without the signature at its end. Checking one takes an emulated processor some 100 ms; here it would say
 * nothing: kernel and modules come from one package that apt has verified, in one image that only root changes.
 */
function withoutSignature(module: Buffer): Buffer {
  if (module.toString('latin1', module.length - signatureMark.length) !== signatureMark) return module;
  const footer = module.length - signatureMark.length - signatureFooterBytes;
  return module.subarray(0, footer - module.readUInt32BE(footer + 8));
}

/** Takes out of a kernel package the kernel, as `kernel`, and the drivers, into `modules/`; says which in `about.json`. */
export async function takeKernel(packageFile: string, directory: string): Promise<void> {
  const unpacked = join(directory, 'unpacked');
  await mkdir(unpacked);
  await unpackPackages([packageFile], unpacked);
  const [image] = (await readdir(join(unpacked, 'boot'))).filter((name) => /^vmlinu[xz]-/.test(name));
  if (image === undefined) throw new ImageError(`${basename(packageFile)} has no kernel in it`);
  await copyFile(join(unpacked, 'boot', image), join(directory, 'kernel'));
  const lib = (await readdir(unpacked)).includes('lib') ? join(unpacked, 'lib') : join(unpacked, 'usr', 'lib');
  const files = await moduleFiles(join(lib, 'modules'));
  await mkdir(join(directory, 'modules'));
  const order: string[] = [];
  const take = async (name: string): Promise<void> => {
    const file = files.get(canonical(name));
    const target = `${canonical(name)}.ko`;
    if (file === undefined) {
      if (optional.has(name)) return;
      throw new ImageError(`the kernel has no module ${name}`);
    }
    if (order.includes(target)) return;
    if (file.endsWith('.xz')) await runCommand(['xz', '-d', file]);
    const module = withoutSignature(await readFile(file.replace(/\.xz$/, '')));
    for (const other of dependencies(module)) await take(other);
    await writeFile(join(directory, 'modules', target), module);
    order.push(target);
  };
  for (const name of wantedModules) await take(name);
  const about: Kernel = { version: image.slice(image.indexOf('-') + 1), order };
  await writeFile(join(directory, 'about.json'), JSON.stringify(about));
  await rm(unpacked, { recursive: true });
}
