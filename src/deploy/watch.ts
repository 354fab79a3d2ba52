import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Editors and compilers write several files within some milliseconds: one change, one deployment. */
const quietMs = 100;

/** Calls back once after each burst of changes below the paths, until `close`. */
export class Watch {
  readonly #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(paths: readonly string[], onChange: () => void) {
    const changed = () => {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = setTimeout(onChange, quietMs);
    };
    for (const path of paths) {
      if (statSync(path).isDirectory()) this.#watchers.push(watch(path, { recursive: true }, changed));
      else {
        // The folder, not the file: an editor that replaces a file would leave the watch on the old one.
        const name = basename(path);
        this.#watchers.push(watch(dirname(path), (_, changedName) => changedName === name && changed()));
      }
    }
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }
}
