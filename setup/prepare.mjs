// Everything a fresh clone needs before it can run, in plain JavaScript without dependencies:
// Debian packages, npm packages, native parts, the TypeScript build. Each step does nothing when it is done already.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Debian packages by the command that shows they are there, and what each is for. */
const debianPackages = {
  run: [
    { command: 'bwrap', name: 'bubblewrap', why: 'sandboxes' },
    { command: 'slirp4netns', name: 'slirp4netns', why: 'outbound network of sandboxes' },
    { command: 'mkfs.ext4', name: 'e2fsprogs', why: '/tmp of the configured size' },
    { command: 'unshare', name: 'util-linux', why: 'private mount namespace' },
    { command: 'cc', name: 'gcc', why: 'native parts' },
    { file: '/usr/include/stdio.h', name: 'libc6-dev', why: 'native parts' },
    { command: 'python3', name: 'python3', why: 'Python runtime' },
  ],
  microvm: [
    {
      command: `qemu-system-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`,
      name: process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86',
      why: 'virtual machines',
    },
    { command: 'mkfs.erofs', name: 'erofs-utils', why: 'images of virtual machines' },
  ],
  test: [
    { command: 'aws', file: '/usr/bin/aws', name: 'awscli', why: 'system tests' },
    { command: 'curl', name: 'curl', why: 'Runtime API tests' },
    { command: 'zip', name: 'zip', why: 'system tests' },
  ],
  runtimes: [
    { command: 'ruby', name: 'ruby', why: 'Ruby functions' },
    { command: 'mvn', name: 'maven', why: 'Java functions' },
    { command: 'javac', name: 'openjdk-17-jdk-headless', why: 'Java functions' },
  ],
  bench: [{ command: 'wrk', name: 'wrk', why: 'load generator' }],
};

const searchPath = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);

function present({ command, file }) {
  if (file) return existsSync(file);
  return searchPath.some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function run(command, args, options = {}) {
  const ended = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (ended.error) throw new Error(`${command}: ${ended.error.message}`);
  return ended.status ?? 1;
}

function mustRun(command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with status ${status}`);
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`Hearth needs Node 20.19 or newer; this is ${process.versions.node}`);
}

/** Installs missing Debian packages where it may; otherwise says the exact command. Never fails the set-up itself. */
export function ensureDebianPackages(purposes) {
  const missing = purposes.flatMap((purpose) => debianPackages[purpose]).filter((wanted) => !present(wanted));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const list = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  if (process.getuid?.() !== 0 || !present({ command: 'apt-get' })) {
    say(`Missing: ${list}\nInstall with: sudo apt-get install -y ${names.join(' ')}`);
    return;
  }
  say(`• Debian packages: ${list}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...names];
  // The package lists may be absent or old on a fresh machine: refresh them only when the first try fails.
  if (run('apt-get', install, { env: environment, stdio: 'ignore' }) === 0) return;
  run('apt-get', ['update', '-qq'], { env: environment });
  if (run('apt-get', install, { env: environment }) !== 0) say(`apt-get could not install: ${names.join(' ')}`);
}

function stampOf(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Installs when the lock file changed since the last time. Not `npm ci`, which would first remove what is there already. */
export function ensureDependencies() {
  const stampFile = join(root, 'node_modules', '.hearth-stamp');
  const stamp = stampOf(['package.json', 'package-lock.json']);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  say('• npm packages');
  mustRun('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false']);
  writeFileSync(stampFile, stamp);
}

/** Output of sources that are gone would still be found by the test runner. */
function pruneOutput(output, source) {
  if (!existsSync(output)) return;
  for (const entry of readdirSync(output, { withFileTypes: true })) {
    const from = join(output, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(join(source, entry.name))) pruneOutput(from, join(source, entry.name));
      else rmSync(from, { recursive: true });
    } else if (/\.js(\.map)?$/.test(entry.name)) {
      if (!existsSync(join(source, entry.name.replace(/\.js(\.map)?$/, '.ts')))) rmSync(from);
    }
  }
}

export function buildTypeScript() {
  say('• TypeScript');
  for (const part of ['src', 'test', 'bench']) pruneOutput(join(root, 'dist', part), join(root, part));
  mkdirSync(join(root, 'dist'), { recursive: true });
  mustRun(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc')]);
}

/** Without its native parts Hearth only serves `--isolation none`; native.mjs has said what is missing. */
export async function buildNative() {
  const { buildNative: build } = await import('./native.mjs');
  await build();
}

/**
 * `.cache` holds what tests and benchmarks fetch and compile (other Node versions, official runtime clients, peers):
 * half a gigabyte and minutes of work, so all clones of a user share one.
 */
export function ensureCache() {
  const link = join(root, '.cache');
  if (existsSync(link)) return;
  const shared = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hearth');
  mkdirSync(shared, { recursive: true });
  symlinkSync(shared, link);
}

/** All of it, in order. `purposes`: which Debian packages are wanted. */
export async function prepare(purposes) {
  checkNode();
  ensureDebianPackages(purposes);
  ensureDependencies();
  await buildNative();
  buildTypeScript();
}
