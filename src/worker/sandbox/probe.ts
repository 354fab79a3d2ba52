import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DriverError, type IsolationGrade, type Protection } from './driver.js';
import { insideMountNamespace, mountNamespaceCommand } from './namespace.js';
import { ProcessDriver } from './process/processdriver.js';

export { insideMountNamespace, mountNamespaceCommand } from './namespace.js';

/** Opening the driver, booting one box and removing everything takes some 100 ms; a machine that hangs says so. */
const probeMsMax = 30_000;

export interface GradeProbe {
  readonly grade: IsolationGrade;
  readonly usable: boolean;
  /** How, or why not and how to get it. */
  readonly detail: string;
  /** Empty where not usable. */
  readonly protections: readonly Protection[];
}

/** What this machine offers: a sandbox is really booted, so `usable` is seen, not concluded. Safe anywhere. */
export function probeGrades(): readonly GradeProbe[] {
  return [
    probeNamespaces(),
    { grade: 'none', usable: true, detail: 'only with --isolation none: trusted code only', protections: [] },
  ];
}

function probeNamespaces(): GradeProbe {
  const refused = (detail: string): GradeProbe => ({ grade: 'namespaces', usable: false, detail, protections: [] });
  if (process.platform !== 'linux') return refused('namespaces exist on Linux only');
  const self = [process.execPath, fileURLToPath(import.meta.url)];
  const command = insideMountNamespace() ? self : mountNamespaceCommand(self);
  if (command === null) return refused('unshare is missing: apt-get install util-linux');
  const child = spawnSync(command[0]!, command.slice(1), {
    encoding: 'utf8',
    timeout: probeMsMax,
    killSignal: 'SIGKILL',
  });
  try {
    return JSON.parse(child.stdout) as GradeProbe;
  } catch {
    return refused(
      `no mount namespace: ${child.stderr.trim() || child.error?.message || `status ${child.status}`}${hint()}`,
    );
  }
}

/** Settings with which distributions forbid user namespaces. */
function hint(): string {
  const settings = {
    '/proc/sys/kernel/unprivileged_userns_clone': '0',
    '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1',
    '/proc/sys/user/max_user_namespaces': '0',
  };
  const bad = Object.entries(settings).filter(([path, value]) => {
    try {
      return readFileSync(path, 'utf8').trim() === value;
    } catch {
      return false;
    }
  });
  return bad.map(([path, value]) => `; user namespaces are switched off: ${path} is ${value}`).join('');
}

async function probe(): Promise<GradeProbe> {
  try {
    const driver = await ProcessDriver.open();
    try {
      const box = await driver.boot({
        boxId: 'probe',
        runtime: { name: 'probe', mounts: [], command: null, environment: {} },
      });
      await box.kill();
      return {
        grade: 'namespaces',
        usable: true,
        detail: 'bubblewrap; a sandbox was booted',
        protections: driver.protections(),
      };
    } finally {
      await driver.close();
    }
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { grade: 'namespaces', usable: false, detail: error.message + hint(), protections: [] };
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(JSON.stringify(await probe()));
}
