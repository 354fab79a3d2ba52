import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Whether code or layers bring shared libraries where LD_LIBRARY_PATH leads: the task's root, its `lib`, and the
 * layers' `lib`. The dynamic loader reads that variable when a process starts, and remembers which of its folders there
 * were: a runtime that has started already would not find them.
 */
export async function bringsSharedLibraries(codeDirectory: string, layersDirectory: string | null): Promise<boolean> {
  const folders = [codeDirectory, join(codeDirectory, 'lib')];
  if (layersDirectory !== null) folders.push(join(layersDirectory, 'lib'));
  const names = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  return names.flat().some((name) => /\.so(\.[\d.]+)?$/.test(name));
}
