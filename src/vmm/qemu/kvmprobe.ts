import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpioArchive, directoryMode, programMode } from '../../image/cpio.js';
import { DriverError } from '../../worker/sandbox/driver.js';
import { nativeProgram } from '../../worker/sandbox/programs.js';
import type { Accelerator } from './arguments.js';
import { monitorProgram } from './program.js';
import { QemuVmm } from './qemuvmm.js';

/** A kernel boots in less than a second with KVM; a loaded machine gets time, one whose KVM hangs is not waited for. */
const bootMsMax = 15_000;
/** What `probeguest.c` says. */
const goodLine = 'hearth probe: a process runs';
/** Raised when verdicts of older code are no longer to be believed. */
const verdictVersion = 1;

export interface KvmVerdict {
  readonly usable: boolean;
  /** What was seen, or why not. */
  readonly detail: string;
  /** When a guest was last booted for it (or could not be), milliseconds since 1970. */
  readonly probedAtMs: number;
}

export interface KvmProbeRequest {
  /** Kernel of the guest image: what works with one may hang with another. */
  readonly kernelPath: string;
  /** Where verdicts are kept: one file for each QEMU, host kernel, processor and guest kernel. */
  readonly cacheDirectory: string;
  /** Look again, whatever was found earlier. */
  readonly fresh?: boolean;
}

/**
 * Whether hardware virtualization works on this machine: a small guest is really booted with it, because a device that
 * opens, and even one that accepts a processor, may still never run a kernel. Rejects with DriverError only where no
 * monitor can be started at all.
 */
export async function probeKvm(request: KvmProbeRequest): Promise<KvmVerdict> {
  const { kind } = await monitorProgram('kvm');
  const kernel = createHash('sha256').update(readFileSync(request.kernelPath)).digest('hex');
  const basis = [verdictVersion, kind.versionText, kind.hostProcessor, release(), kernel];
  const name = `kvm-${createHash('sha256').update(JSON.stringify(basis)).digest('hex').slice(0, 32)}.json`;
  const path = join(request.cacheDirectory, name);
  // Permission comes and goes, and is seen at once: never kept.
  const closed = deviceProblem();
  if (closed !== null) return { usable: false, detail: closed, probedAtMs: Date.now() };
  const known = request.fresh ? null : readVerdict(path);
  if (known) return known;
  const verdict = { ...(await bootProbeGuest('kvm', request.kernelPath)), probedAtMs: Date.now() };
  mkdirSync(request.cacheDirectory, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(verdict));
  renameSync(`${path}.${process.pid}`, path);
  return verdict;
}

function deviceProblem(): string | null {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return absent ? 'there is no /dev/kvm' : '/dev/kvm cannot be opened: run as root or as a member of its group';
  }
}

function readVerdict(path: string): KvmVerdict | null {
  try {
    const { usable, detail, probedAtMs } = JSON.parse(readFileSync(path, 'utf8')) as KvmVerdict;
    const whole = typeof usable === 'boolean' && typeof detail === 'string' && typeof probedAtMs === 'number';
    return whole ? { usable, detail, probedAtMs } : null;
  } catch {
    return null;
  }
}

/** Boots the smallest guest there is and sees whether a process runs in it. */
export async function bootProbeGuest(
  accelerator: Accelerator,
  kernelPath: string,
  msMax = bootMsMax,
): Promise<Omit<KvmVerdict, 'probedAtMs'>> {
  const program = nativeProgram('probeguest');
  if (program === null) throw new DriverError('the native parts are not built: node setup/native.mjs');
  const folder = mkdtempSync(join(tmpdir(), 'hearth-probe-'));
  const vmm = await QemuVmm.open({ stateDirectory: folder, accelerator });
  let timer: NodeJS.Timeout | undefined;
  try {
    const initrdPath = join(folder, 'initrd');
    const entries = [
      { path: 'dev', mode: directoryMode },
      { path: 'init', mode: programMode, data: readFileSync(program) },
    ];
    writeFileSync(initrdPath, cpioArchive(entries), { mode: 0o644 });
    const started = performance.now();
    const shape = { memoryMib: 128, processors: 1, drives: [], network: false };
    const machine = await vmm.boot({
      ...{ id: 'probe', shape, drivePaths: [], kernelPath, initrdPath },
      commandLine: 'quiet',
    });
    const deadline = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), msMax);
    });
    const exit = await Promise.race([machine.exited, deadline]);
    const ms = Math.round(performance.now() - started);
    const console = machine.console();
    await machine.kill();
    if (console.includes(goodLine)) return { usable: true, detail: `a guest kernel booted in ${ms} ms` };
    if (exit === null) return { usable: false, detail: `a guest kernel did not boot within ${msMax / 1000} s` };
    return { usable: false, detail: oneLine(exit.reason) };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    return { usable: false, detail: oneLine(error.message) };
  } finally {
    clearTimeout(timer);
    await vmm.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, '; ');
