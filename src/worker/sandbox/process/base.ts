import { existsSync, realpathSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { projectRoot } from '../../../adapters/projectroot.js';
import { DriverError } from '../driver.js';

/** Folders of the file system standard that exist nearly everywhere and that nothing of ours needs. */
const candidates = ['/mnt', '/media', '/srv', '/boot'];

/**
 * A folder to mount the sandboxes' files on, in our own mount namespace only; what it holds on the machine is
 * hidden from the platform then, so it must not hold anything in use (`inUse`).
 */
export function mountPoint(inUse: readonly string[]): string {
  const needed = [...inUse, projectRoot, process.execPath, process.cwd(), tmpdir(), homedir()].map((path) =>
    existsSync(path) ? realpathSync(path) : path,
  );
  const free = candidates.find((folder) => {
    const info = statSync(folder, { throwIfNoEntry: false });
    if (!info?.isDirectory() || realpathSync(folder) !== folder) return false;
    return !needed.some((path) => path === folder || path.startsWith(`${folder}/`));
  });
  if (free === undefined)
    throw new DriverError(`none of ${candidates.join(', ')} is free to hold the sandboxes' mounts`);
  return free;
}
