import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mib, minuteMs } from '../../kernel/units.js';
import type { RuntimeName } from '../../wire/functionspec.js';
import { type InstallProgress, nodeMajor, RuntimeUnavailable } from './description.js';
import { runPackageTool } from './packagetool.js';
import { ask } from './program.js';

// Unpacked size of the packages of Node 20 to 24, about, for registries that do not tell it.
const unpackedBytesUsual = 180 * mib;

/** Folder that `add` fills: `DATA/runtimes/nodejs22.x`. */
export function nodeFolder(runtimesDirectory: string, name: RuntimeName): string {
  return join(runtimesDirectory, name);
}

/** Version of a Node binary (`22.23.3`), or null when it does not run. */
export async function nodeVersion(binary: string): Promise<string | null> {
  const answer = await ask(binary, ['--version']);
  return answer?.startsWith('v') ? answer.slice(1) : null;
}

/** npm beside this Node when it is there, so that both are of one installation. */
function npmCommand(): { readonly program: string; readonly first: readonly string[] } {
  const script = join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
  return existsSync(script) ? { program: process.execPath, first: [script] } : { program: 'npm', first: [] };
}

/** npm's settings (proxies, registries) are the user's; `bin/hearth` has kept extra certificates for it. */
function npmEnvironment(): NodeJS.ProcessEnv {
  const { HEARTH_EXTRA_CA_CERTS: certificates } = process.env;
  return certificates ? { ...process.env, NODE_EXTRA_CA_CERTS: certificates } : process.env;
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => null);
    bytes += found?.size ?? 0;
  }
  return bytes;
}

/**
 * Fetches the Node binary of a runtime from its npm package into `RUNTIMES/NAME`. The folder appears whole or not at
 * all; one that is there already is replaced. Rejects with RuntimeUnavailable.
 */
export async function installNode(
  name: RuntimeName,
  runtimesDirectory: string,
  onProgress: (progress: InstallProgress) => void,
): Promise<void> {
  const major = nodeMajor(name)!;
  const packageName = `node-linux-${process.arch}`;
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new RuntimeUnavailable(`there is no Node package for ${process.platform} ${process.arch}`);
  }
  onProgress({ phase: 'resolve', fraction: null });
  await mkdir(runtimesDirectory, { recursive: true });
  const { program, first } = npmCommand();
  const view = await ask(
    program,
    [...first, 'view', `${packageName}@${major}`, 'dist.unpackedSize', '--json'],
    minuteMs,
    npmEnvironment(),
  );
  const sizes: unknown = view === null ? null : JSON.parse(view || 'null');
  const size = Array.isArray(sizes) ? sizes.at(-1) : sizes;
  const totalBytes = typeof size === 'number' && size > 0 ? size : unpackedBytesUsual;
  const temporary = await mkdtemp(join(runtimesDirectory, `.adding-${name}-`));
  try {
    let downloading = true;
    const progress = async () => {
      const bytes = await bytesIn(temporary);
      if (downloading) onProgress({ phase: 'download', fraction: Math.min(bytes / totalBytes, 0.99) });
    };
    const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false'];
    await runPackageTool(
      [program, ...first, 'install', '--prefix', temporary, ...quiet, `${packageName}@${major}`],
      npmEnvironment(),
      () => void progress(),
    );
    downloading = false;
    onProgress({ phase: 'verify', fraction: null });
    const unpacked = join(temporary, 'node_modules', packageName);
    const version = await nodeVersion(join(unpacked, 'bin', 'node'));
    if (version === null || Number.parseInt(version, 10) !== major) {
      throw new RuntimeUnavailable(`the Node in ${packageName}@${major} does not run on this machine`);
    }
    const target = nodeFolder(runtimesDirectory, name);
    await rm(target, { recursive: true, force: true });
    await rename(unpacked, target);
    onProgress({ phase: 'done', fraction: 1 });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
