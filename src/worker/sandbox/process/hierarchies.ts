import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Controller = 'memory' | 'cpu' | 'pids' | 'freezer';
export const controllers: readonly Controller[] = ['memory', 'cpu', 'pids', 'freezer'];

/** A mounted cgroup hierarchy and where in it a driver may make its groups. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly Controller[];
  /** Folder below which the driver's own group goes. */
  readonly base: string;
}

/** A hierarchy in which the driver has its own group. */
export interface OwnedHierarchy extends Hierarchy {
  readonly group: string;
}

const unescaped = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));

/** Our own group in each hierarchy: controller name (or '' for version 2) → path. */
function ownGroups(): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of readFileSync('/proc/self/cgroup', 'utf8').split('\n')) {
    const [, names, ...path] = line.split(':');
    if (names === undefined) continue;
    for (const name of names.split(',')) groups.set(name, path.join(':'));
  }
  return groups;
}

/** Below our own group, so that limits on the platform hold for its sandboxes too; where that is not visible, the mount. */
function below(mountPoint: string, mountRoot: string, group: string): string {
  const relative = mountRoot !== '/' && group.startsWith(mountRoot) ? group.slice(mountRoot.length) : group;
  const path = join(mountPoint, relative);
  return existsSync(join(path, 'cgroup.procs')) ? path : mountPoint;
}

/**
 * What the machine has mounted. Each controller is served by one hierarchy: version 1 where it is mounted, else
 * version 2 where the kernel offers it (freezing needs no controller there). Nothing is tried yet.
 */
export function mountedHierarchies(): readonly Hierarchy[] {
  let mounts: string;
  let groups: Map<string, string>;
  try {
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    groups = ownGroups();
  } catch {
    return [];
  }
  const found: Hierarchy[] = [];
  const served = new Set<Controller>();
  let second: { mountPoint: string; mountRoot: string } | null = null;
  for (const line of mounts.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , , mountRoot, mountPoint] = before?.split(' ') ?? [];
    const [type, , options] = after?.split(' ') ?? [];
    if (mountRoot === undefined || mountPoint === undefined) continue;
    const place = { mountPoint: unescaped(mountPoint), mountRoot: unescaped(mountRoot) };
    if (type === 'cgroup2') second ??= place;
    if (type !== 'cgroup') continue;
    const names = options?.split(',') ?? [];
    const here = controllers.filter((name) => names.includes(name) && !served.has(name));
    if (here.length === 0) continue;
    for (const name of here) served.add(name);
    const base = below(place.mountPoint, place.mountRoot, groups.get(here[0]!) ?? '/');
    found.push({ version: 1, controllers: here, base });
  }
  if (second) {
    // Version 2 refuses groups with both processes and children: root makes its group at the top of what it sees.
    const top = process.getuid?.() === 0 && !process.env.HEARTH_CGROUP;
    const base =
      process.env.HEARTH_CGROUP ??
      (top ? second.mountPoint : below(second.mountPoint, second.mountRoot, groups.get('') ?? '/'));
    const offered = readOr(join(base, 'cgroup.controllers')).trim().split(/\s+/);
    const here = controllers.filter((name) => !served.has(name) && (name === 'freezer' || offered.includes(name)));
    if (here.length > 0) found.push({ version: 2, controllers: here, base });
  }
  return found;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
