import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { BoxCgroup } from './boxcgroup.js';
import {
  type Controller,
  controllers,
  type Hierarchy,
  mountedHierarchies,
  type OwnedHierarchy,
} from './hierarchies.js';

/** The driver's groups: one per hierarchy, each with one child per box. Uses the best the machine lets it have. */
export class Cgroups {
  private constructor(
    private readonly hierarchies: readonly OwnedHierarchy[],
    private readonly reasons: ReadonlyMap<Controller, string>,
  ) {}

  /** Never fails: `detail` says for each controller what is used or why not. */
  static open(ownerName: string, mounted: readonly Hierarchy[] = mountedHierarchies()): Cgroups {
    const owned: OwnedHierarchy[] = [];
    const reasons = new Map<Controller, string>(controllers.map((name) => [name, `no cgroup with ${name} is mounted`]));
    for (const hierarchy of mounted) {
      const group = join(hierarchy.base, ownerName);
      try {
        if (hierarchy.version === 2) enable(hierarchy.base, hierarchy.controllers);
        mkdirSync(group);
        if (hierarchy.version === 2) enable(group, hierarchy.controllers);
        if (hierarchy.controllers.includes('cpu')) weigh(group, hierarchy.version);
        owned.push({ ...hierarchy, group });
        for (const name of hierarchy.controllers) reasons.delete(name);
      } catch (error) {
        const cause = (error as NodeJS.ErrnoException).code ?? String(error);
        for (const name of hierarchy.controllers) {
          reasons.set(
            name,
            `cannot make a cgroup below ${hierarchy.base} (${cause}): run as root, or name a delegated, empty cgroup v2 in HEARTH_CGROUP`,
          );
        }
        remove(group);
      }
    }
    return new Cgroups(owned, reasons);
  }

  /** Folders that must be gone at the end, children first removed by whoever cleans up. */
  get groups(): readonly string[] {
    return this.hierarchies.map((hierarchy) => hierarchy.group);
  }

  has(controller: Controller): boolean {
    return !this.reasons.has(controller);
  }

  detail(controller: Controller): string {
    const hierarchy = this.hierarchies.find((each) => each.controllers.includes(controller));
    return hierarchy ? `cgroup v${hierarchy.version} ${controller} controller` : this.reasons.get(controller)!;
  }

  /** Throws when the kernel refuses; nothing is left behind then. */
  createBox(boxId: string): BoxCgroup {
    return new BoxCgroup(this.hierarchies, boxId);
  }
}

/**
 * All sandboxes together count as one ordinary process per core. With the default they would share what a single
 * process gets, and starve beside a platform and its clients that keep the machine busy.
 */
function weigh(group: string, version: 1 | 2): void {
  const cores = availableParallelism();
  if (version === 1) writeFileSync(join(group, 'cpu.shares'), String(1_024 * cores));
  else writeFileSync(join(group, 'cpu.weight'), String(Math.min(10_000, 100 * cores)));
}

/** Leftover groups of other owners: folders below the bases whose name `matches`. */
export function groupsNamed(matches: (name: string) => boolean): string[] {
  return mountedHierarchies().flatMap(({ base }) => {
    try {
      return readdirSync(base)
        .filter(matches)
        .map((name) => join(base, name));
    } catch {
      return [];
    }
  });
}

function enable(group: string, wanted: readonly Controller[]): void {
  const names = wanted.filter((name) => name !== 'freezer');
  if (names.length > 0) writeFileSync(join(group, 'cgroup.subtree_control'), names.map((name) => `+${name}`).join(' '));
}

function remove(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // It was never made.
  }
}
