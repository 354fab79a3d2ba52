import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guestNetwork } from '../vmm/vmm.js';
import { etcFiles } from '../worker/sandbox/process/skeleton.js';
import { runCommand } from './command.js';
import { makeErofs } from './erofs.js';
import type { ImageProgress } from './image.js';
import { unpackPackages } from './packages.js';
import { compilePython } from './python.js';

/**
 * What programs find in a sandbox besides their runtime: what Lambda's own environment has (a shell with the usual
 * commands, curl, certificates, time zones), the libraries that runtimes and native parts of functions link to, and
 * Debian's Python. What these depend on comes along.
 */
export const rootPackages = [
  ...['libc6', 'libc-bin', 'libstdc++6', 'libgcc-s1', 'zlib1g', 'libatomic1'],
  ...['bash', 'coreutils', 'grep', 'sed', 'gawk', 'findutils', 'tar', 'gzip', 'curl', 'ca-certificates'],
  ...['python3', 'tzdata', 'netbase', 'media-types'],
];

/** As on a Debian system; packages may still have files in either place. */
const rootLinks = ['bin', 'lib', 'lib64', 'sbin'];
/** Where drives and kernel file systems are mounted. */
const mountPoints = [
  'proc',
  'sys',
  'dev',
  'tmp',
  'opt',
  'var/task',
  'var/lang',
  'var/runtime',
  'var/tmp',
  'run',
  'root',
];
const unwanted = [
  'doc',
  'man',
  'locale',
  'info',
  'lintian',
  'bug',
  'menu',
  'bash-completion',
  'gcc',
  'doc-base',
  'pixmaps',
];
/** The rest of `/etc` sets up a machine. */
const etcKept = /^(ld\.so\.conf(\.d)?|services|protocols|mime\.types|ssl|alternatives)$/;

/**
 * The certificate authorities this machine trusts, as in the `process` driver's sandboxes: behind a company's proxy
 * nothing else reaches the world. Null: Debian's.
 */
export async function machineAuthorities(): Promise<Buffer | null> {
  return readFile('/etc/ssl/certs/ca-certificates.crt').catch(() => null);
}

/** Makes `root.erofs` in `directory` out of packages. The same packages and authorities give the same bytes. */
export async function makeRoot(
  files: readonly string[],
  directory: string,
  authorities: Buffer | null,
  onProgress: (progress: ImageProgress) => void,
): Promise<void> {
  const root = join(directory, 'root');
  await mkdir(root);
  for (const name of rootLinks) {
    await mkdir(join(root, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  await unpackPackages(files, root, (fraction) => onProgress({ phase: 'unpack', fraction }));
  for (const name of unwanted) await rm(join(root, 'usr/share', name), { recursive: true, force: true });
  await rm(join(root, 'var'), { recursive: true, force: true });
  for (const point of mountPoints) await mkdir(join(root, point), { recursive: true });
  await makeEtc(root, authorities);
  // Lambda's `sh` is bash, and bootstraps count on it; Debian chooses these with links of its own.
  await link('bash', join(root, 'usr/bin/sh'));
  await link('gawk', join(root, 'usr/bin/awk'));
  await runCommand(['ldconfig', '-r', root]);
  await rm(join(root, 'var/cache'), { recursive: true, force: true });
  // Whatever our umask is. Nothing is for its owner only, and nothing changes who one is.
  await runCommand(['chmod', '-R', 'u=rwX,go=rX', root]);
  onProgress({ phase: 'compile', fraction: null });
  await compilePython(root);
  onProgress({ phase: 'pack', fraction: null });
  await makeErofs(join(directory, 'root.erofs'), root);
  await rm(root, { recursive: true });
}

async function link(target: string, path: string): Promise<void> {
  await rm(path, { force: true });
  await symlink(target, path);
}

async function makeEtc(root: string, own: Buffer | null): Promise<void> {
  const etc = join(root, 'etc');
  for (const name of await readdir(etc)) {
    if (!etcKept.test(name)) await rm(join(etc, name), { recursive: true });
  }
  for (const [name, text] of Object.entries(etcFiles)) await writeFile(join(etc, name), text);
  await writeFile(join(etc, 'resolv.conf'), `nameserver ${guestNetwork.nameServer}\n`);
  await symlink('/usr/share/zoneinfo/UTC', join(etc, 'localtime'));
  await mkdir(join(etc, 'ssl/certs'), { recursive: true });
  const usual = join(root, 'usr/share/ca-certificates/mozilla');
  const names = (await readdir(usual)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(usual, name), 'utf8')));
  await writeFile(join(etc, 'ssl/certs/ca-certificates.crt'), own ?? texts.join(''));
  await rm(join(root, 'usr/share/ca-certificates'), { recursive: true });
  const openssl = join(root, 'usr/lib/ssl');
  if (existsSync(openssl)) await link('/etc/ssl/certs/ca-certificates.crt', join(openssl, 'cert.pem'));
}
