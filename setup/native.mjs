// Compiles the C pieces into build/native/ (addons of runtimes: beside their source), each only when its source is
// newer. Called by set-up; also runs alone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, 'build', 'native');
const agent = 'guest/agent';
/** Several files; what both agents do is in a header of the other. */
const vmAgent = 'guest/vm';
const sources = [
  'guest/agent/agent.c',
  'src/worker/sandbox/native/connector.c',
  'src/worker/sandbox/native/extents.c',
  'src/worker/sandbox/native/fence.c',
  'src/worker/sandbox/native/launcher.c',
  'src/worker/sandbox/native/mounthelper.c',
  'src/vmm/native/probeguest.c',
];
// Static, because the agent runs in sandboxes without regard to their libraries; dynamic where libc has no archive.
const staticThenDynamic = [['-static'], []];
/** Addons of a runtime, which finds them beside its other files. */
const addons = ['guest/node/reseed.c', 'guest/node/trace.c'];
const asAddon = [['-shared', '-fPIC', '-fvisibility=hidden']];
const parts = [
  ...sources.map((source) => ({ source, target: join(output, basename(source, '.c')), links: staticThenDynamic })),
  { source: vmAgent, target: join(output, 'vmagent'), links: staticThenDynamic },
  ...addons.map((source) => ({ source, target: join(root, source.replace(/c$/, 'node')), links: asAddon })),
];
const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-std=gnu11', '-s'];
const compileMsMax = 60_000;

function compiler() {
  for (const name of [process.env.CC, 'cc', 'gcc', 'clang']) {
    if (name && spawnSync(name, ['--version'], { stdio: 'ignore', timeout: compileMsMax }).status === 0) return name;
  }
  return null;
}

/** True when everything is built; else says what is missing and how to get it (`--isolation none` works without). */
export function buildNative() {
  const problem = compileStale();
  if (problem !== null) console.error(problem);
  return problem === null;
}

/** Files to compile together: one, or all of a folder. */
function filesOf(source) {
  if (source.endsWith('.c')) return [source];
  return readdirSync(join(root, source))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(source, name));
}

/** When a source file, or a header beside it, last changed. */
function changedMs(source) {
  const folders = source === vmAgent ? [source, agent] : [dirname(source)];
  const headers = folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.h'))
      .map((name) => join(folder, name)),
  );
  return Math.max(...[...filesOf(source), ...headers].map((path) => statSync(join(root, path)).mtimeMs));
}

/** Null, or the problem. */
function compileStale() {
  const stale = parts.filter(
    ({ source, target }) => !existsSync(target) || statSync(target).mtimeMs < changedMs(source),
  );
  if (stale.length === 0) return null;
  const cc = compiler();
  if (cc === null) {
    return 'No C compiler found. Sandboxes with namespaces need a few small C programs: install one with `apt-get install gcc libc6-dev` and start again.';
  }
  mkdirSync(output, { recursive: true });
  for (const { source, target, links } of stale) {
    // Renamed into place, so that two builds at once, or a running program, never see half a file.
    const unfinished = `${target}.${process.pid}`;
    let result = null;
    for (const link of links) {
      result = spawnSync(
        cc,
        [...flags, ...link, '-o', unfinished, ...filesOf(source).map((file) => join(root, file))],
        {
          encoding: 'utf8',
          timeout: compileMsMax,
        },
      );
      if (result.status === 0) break;
    }
    if (result.status !== 0) return `${cc} cannot compile ${source}:\n${result.stderr}`;
    renameSync(unfinished, target);
  }
  return null;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!buildNative()) process.exitCode = 1;
}
