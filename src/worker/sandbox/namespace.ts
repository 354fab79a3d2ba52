import { readFileSync, readlinkSync } from 'node:fs';
import { findProgram } from './programs.js';

/** Names the mount namespace of the machine; set by the command below, so that its child can tell it is elsewhere. */
const variable = 'HEARTH_HOST_MOUNT_NAMESPACE';

function current(): string | null {
  try {
    return readlinkSync('/proc/self/ns/mnt');
  } catch {
    return null;
  }
}

/**
 * True in a process that `mountNamespaceCommand` started: its mounts are its own and die with it, even after
 * kill -9. The `process` driver refuses to mount anything elsewhere.
 */
export function insideMountNamespace(): boolean {
  const own = current();
  const host = process.env[variable];
  return own !== null && host !== undefined && host !== '' && own !== host;
}

/**
 * The command that runs `argv` in a mount namespace of its own (same process id, no extra process stays), or null
 * when we are in one already or the machine has no `unshare`. Without root it also makes a user namespace.
 */
export function mountNamespaceCommand(argv: readonly string[]): string[] | null {
  const unshare = findProgram('unshare');
  const env = findProgram('env');
  const own = current();
  if (insideMountNamespace() || unshare === null || env === null || own === null) return null;
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  // `slave`: what the machine mounts later is seen here, what is mounted here is not seen there.
  return [env, `${variable}=${own}`, unshare, ...user, '--mount', '--propagation', 'slave', ...argv];
}

/** True when only some users exist here: root is not the machine's root, and other user ids cannot be taken. */
export function inUserNamespace(): boolean {
  try {
    const [first, second, count] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
    return !(first === 0 && second === 0 && count === 4_294_967_295);
  } catch {
    return false;
  }
}
