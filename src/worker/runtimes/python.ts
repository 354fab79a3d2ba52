import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { projectRoot } from '../../adapters/projectroot.js';
import type { RuntimeName } from '../../wire/functionspec.js';
import {
  type FoundRuntime,
  languageDirectory,
  pythonMinor,
  type RuntimeFamily,
  runtimeDirectory,
} from './description.js';
import { ask } from './program.js';

const bootstrapFolder = join(projectRoot, 'guest', 'python');

// Asks the interpreter itself: what PATH names may be a shim, a link or a virtual environment.
const question =
  'import sys; print(sys.base_prefix, "%d.%d.%d" % sys.version_info[:3], sys.implementation.name, sep="\\n")';

/** Programs that may be `python3.X`: the system's first, since their files are in every sandbox anyway. */
function candidates(minor: string): string[] {
  const name = `python${minor}`;
  const directories = ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(delimiter)];
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const versions = existsSync(pyenv) ? readdirSync(pyenv).filter((version) => version.startsWith(`${minor}.`)) : [];
  const places = [
    ...directories.filter((directory) => directory.startsWith('/') && !directory.endsWith('/.pyenv/shims')),
    ...versions
      .sort()
      .reverse()
      .map((version) => join(pyenv, version, 'bin')),
  ];
  return [...new Set(places.map((directory) => join(directory, name)))].filter((file) => existsSync(file));
}

/** Keeps the compiled form of our bootstrap beside it, where that may be written: it saves some milliseconds a boot. */
async function compile(interpreter: string): Promise<void> {
  await ask(interpreter, ['-I', '-m', 'compileall', '-q', join(bootstrapFolder, 'hearth_guest')]);
}

/** The machine's interpreter of this version, or null. */
export async function findPython(name: RuntimeName): Promise<FoundRuntime | null> {
  const minor = pythonMinor(name)!;
  for (const file of candidates(minor)) {
    const answer = await ask(file, ['-I', '-c', question]);
    const [prefix, version, implementation] = answer?.split('\n') ?? [];
    if (!prefix || !version?.startsWith(`${minor}.`) || implementation !== 'cpython') continue;
    const interpreter = join(prefix, 'bin', `python${minor}`);
    if (!existsSync(interpreter)) continue;
    await compile(interpreter);
    // /usr is part of every sandbox's root. Another prefix is shown where Lambda has its own: Python finds its library
    // from where its program is, and the original path may lie under a home that only its owner may enter.
    const system = prefix === '/usr';
    const inside = system ? '/usr' : languageDirectory;
    const runtime = { hostPath: bootstrapFolder, sandboxPath: runtimeDirectory };
    return {
      version,
      detail: `this machine's Python, ${interpreter}`,
      launch: {
        name,
        mounts: system ? [runtime] : [{ hostPath: prefix, sandboxPath: languageDirectory }, runtime],
        command: [`${inside}/bin/python${minor}`, `${runtimeDirectory}/bootstrap.py`],
        environment: { LANG: 'en_US.UTF-8', LD_LIBRARY_PATH: `${languageDirectory}/lib` },
      },
    };
  }
  return null;
}

export const pythonFamily: RuntimeFamily = {
  owns: (name) => pythonMinor(name) !== null,
  find: findPython,
  absence: async (name) => ({
    status: 'missing',
    detail: `install ${name} (Debian package, pyenv) so that it is on PATH`,
  }),
};
