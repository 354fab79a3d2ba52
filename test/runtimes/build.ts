import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { minuteMs } from '../../src/kernel/units.js';

const cache = join(projectRoot, '.cache', 'runtimebuilds');
// A first build fetches and compiles everything it depends on.
const commandMsMax = 10 * minuteMs;
const saidCharsMax = 500;

export type Built =
  | { readonly folder: string }
  /** Why the tests of it cannot run here: a program or a registry that is missing, in its own words. */
  | { readonly missing: string };

/** Files below a folder, by their path in it. */
export function filesOf(folder: string): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) files[path.slice(folder.length + 1)] = readFileSync(path);
  }
  return files;
}

function run(command: readonly string[], directory: string): Promise<string | null> {
  const [program, ...parameters] = command;
  const options = {
    cwd: directory,
    timeout: commandMsMax,
    killSignal: 'SIGKILL' as const,
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    execFile(
      program!,
      parameters,
      { ...options, env: { ...process.env, CGO_ENABLED: '0' } },
      (error, stdout, stderr) => {
        if (error === null) resolve(null);
        else if (error.code === 'ENOENT') resolve(`${program} is not installed`);
        else resolve(`${command.join(' ')}: ${`${stdout}${stderr}`.trim().slice(-saidCharsMax) || error.message}`);
      },
    );
  });
}

/** Builds a folder below `fixtures` with the language's own tools; once for the same sources and commands. */
export async function build(fixture: string, commands: readonly (readonly string[])[]): Promise<Built> {
  const sources = join(projectRoot, 'test', 'runtimes', 'fixtures', fixture);
  const hash = createHash('sha256').update(JSON.stringify(commands));
  for (const [path, content] of Object.entries(filesOf(sources)).sort()) hash.update(path).update(content);
  const folder = join(cache, `${fixture}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return { folder };
  const temporary = `${folder}.building-${process.pid}`;
  mkdirSync(cache, { recursive: true });
  cpSync(sources, temporary, { recursive: true });
  try {
    for (const command of commands) {
      const missing = await run(command, temporary);
      if (missing !== null) return { missing };
    }
    for (const name of readdirSync(cache)) {
      if (name.startsWith(`${fixture}-`) && join(cache, name) !== temporary) {
        rmSync(join(cache, name), { recursive: true, force: true });
      }
    }
    renameSync(temporary, folder);
    return { folder };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
