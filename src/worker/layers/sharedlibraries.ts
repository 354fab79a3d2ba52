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
    const folders = [codeDirectory, join(codeDirectory, 'lib')];
    if (layersDirectory !== null) folders.push(join(layersDirectory, 'lib'));
    const names = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
    const found = names.flat().some((file) => /\.so(\.[\d.]+)?$/.test(file));
    if (this.#known.size >= knownMax) this.#known.clear();
    this.#known.set(name, found);
    return found;
  }
}
