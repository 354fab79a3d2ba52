import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Answers remembered: trees are named by their content, so these never become wrong. */
const knownMax = 1_000;

/**
 * Whether code or layers bring shared libraries where LD_LIBRARY_PATH leads: the task's root, its `lib`, and the
 * layers' `lib`. The dynamic loader reads that variable when a process starts, and remembers which of its folders there
 * were: a runtime that has started already would not find them.
 */
export class SharedLibraries {
  readonly #known = new Map<string, boolean>();

  async among(codeDirectory: string, layersDirectory: string | null): Promise<boolean> {
    const name = `${codeDirectory}\n${layersDirectory ?? ''}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const names = (folder: string) => readdir(folder).catch(() => []);
    const [root, ...others] = await Promise.all([
      names(codeDirectory),
      names(join(codeDirectory, 'lib')),
      layersDirectory === null ? [] : names(join(layersDirectory, 'lib')),
    ]);
    // In the root lie Python's extension modules, too, which are not found by the loader.
    const found = root.some((file) => /^lib.*\.so/.test(file)) || others.flat().some((file) => /\.so/.test(file));
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(name, found);
    return found;
  }
}
