import type { RuntimeLaunch } from '../driver.js';

/**
 * Without a mount namespace the runtime's files are where they are: replaces sandbox paths by host paths in a text
 * (an argument, `--option=PATH` too, or a variable's value, which may list several paths).
 */
export function hostPaths(text: string, mounts: RuntimeLaunch['mounts']): string {
  return text
    .split(/([:=])/)
    .map((part) => {
      const mount = mounts
        .filter(({ sandboxPath }) => part === sandboxPath || part.startsWith(`${sandboxPath}/`))
        .sort((a, b) => b.sandboxPath.length - a.sandboxPath.length)[0];
      return mount ? mount.hostPath + part.slice(mount.sandboxPath.length) : part;
    })
    .join('');
}
