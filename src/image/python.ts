import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from './command.js';

/** Settings that make the compiler's output depend on its input alone. */
const environment = { PATH: '/usr/bin:/bin', PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1' };

/**
 * Compiles Python sources where they are. Images have no times, by which Python decides whether a compiled file is
 * current: these say that they are.
 */
export async function compileTree(
  interpreter: readonly [string, ...(readonly string[])],
  directory: string,
  shownAs: string,
) {
  const parameters = ['-I', '-m', 'compileall', '-q', '-f', '--invalidation-mode', 'unchecked-hash'];
  await runCommand([...interpreter, ...parameters, '-s', directory, '-p', shownAs, directory], {
    environment,
  }).catch((error: Error) => {
    // Sources for other versions of Python lie in some libraries' tests: what cannot be compiled stays as it is.
    if (!/status 1/.test(error.message)) throw error;
  });
}

/** Compiles the standard library of a root folder with the interpreter that is in it. */
export async function compilePython(root: string): Promise<void> {
  const [name] = (await readdir(join(root, 'usr/bin'))).filter((file) => /^python3\.\d+$/.test(file));
  if (name === undefined) return;
  const loader = (await readdir(join(root, 'usr/lib64'))).find((file) => file.startsWith('ld-linux'));
  const libraries = (await readdir(join(root, 'usr/lib'))).filter((file) => file.endsWith('-linux-gnu'));
  const library = join(root, 'usr/lib', name);
  if (loader === undefined || !existsSync(library)) return;
  const path = libraries.map((file) => join(root, 'usr/lib', file)).join(':');
  const interpreter = [join(root, 'usr/lib64', loader), '--library-path', path, join(root, 'usr/bin', name)] as const;
  await compileTree(interpreter, library, `/usr/lib/${name}`);
}
