import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { groupsNamed } from './cgroups.js';
import { isOrphan } from './owner.js';

/**
 * Waits for the end of its input, which is the end of the driver however that comes; then kills what is left in the
 * cgroups (arguments before `--`), removes them, and removes the files (arguments after it).
 * Shell built-ins where possible: it must work when little else does.
 */
const script = `
trap '' HUP INT TERM
while read -r _; do :; done
tries=0
while [ $tries -lt 100 ]; do
  left=0
  for group in "$@"; do
    [ "$group" = -- ] && break
    [ -d "$group" ] || continue
    for box in "$group"/*/ "$group"/; do
      [ -d "$box" ] || continue
      [ -e "$box/cgroup.kill" ] && echo 1 2>/dev/null >"$box/cgroup.kill"
      while read -r pid; do kill -9 "$pid" 2>/dev/null; done <"$box/cgroup.procs"
      [ -e "$box/freezer.state" ] && [ "$box" != "$group/" ] && echo THAWED >"$box/freezer.state"
      [ -e "$box/cgroup.freeze" ] && echo 0 >"$box/cgroup.freeze"
      rmdir "$box" || left=1
    done
  done 2>/dev/null
  [ $left = 0 ] && break
  tries=$((tries + 1))
  sleep 0.05
done
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done
[ $# -gt 1 ] && shift && rm -rf -- "$@"
exit 0
`;
/** 100 tries of 50 ms, and the time of the tries themselves. */
const cleanMsMax = 20_000;

const command = (groups: readonly string[], files: readonly string[]): [string, string[]] => [
  '/bin/sh',
  ['-c', script, 'hearth-janitor', ...groups, '--', ...files],
];

/** A process of its own session that outlives kill -9 of the platform just long enough to clean up after it. */
export class Janitor {
  private readonly ended: Promise<void>;

  private constructor(private readonly process: ChildProcess) {
    process.stdin?.on('error', () => {});
    this.ended = new Promise((resolve) => {
      process.once('exit', () => resolve());
      process.once('error', () => resolve());
    });
    process.unref();
    (process.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  }

  static start(groups: readonly string[], files: readonly string[]): Janitor {
    const [program, parameters] = command(groups, files);
    return new Janitor(
      spawn(program, parameters, { detached: true, cwd: '/', env: {}, stdio: ['pipe', 'ignore', 'ignore'] }),
    );
  }

  /** Lets it do its work now. */
  async finish(): Promise<void> {
    this.process.ref();
    this.process.stdin?.end();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), cleanMsMax);
    await this.ended;
    clearTimeout(timer);
  }
}

/** At start-up: what drivers left whose janitor was killed as well (a machine that lost power leaves only files). */
export function sweep(stateDirectory: string): void {
  const files = list(stateDirectory)
    .filter(isOrphan)
    .map((name) => join(stateDirectory, name));
  const groups = groupsNamed(isOrphan);
  if (files.length === 0 && groups.length === 0) return;
  const [program, parameters] = command(groups, files);
  spawnSync(program, parameters, { cwd: '/', env: {}, stdio: 'ignore', timeout: cleanMsMax });
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
