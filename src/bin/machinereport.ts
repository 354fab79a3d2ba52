import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtKernel } from '../image/guestimage.js';
import { defaultImageDirectory } from '../image/workfolder.js';
import { type KvmVerdict, probeKvm } from '../vmm/qemu/kvmprobe.js';
import { QemuVmm } from '../vmm/qemu/qemuvmm.js';
import { DriverError } from '../worker/sandbox/driver.js';
import type { GradeProbe } from '../worker/sandbox/probe.js';

/** The smallest machine there is. */
const memoryMib = 128;

/** What virtual machines this machine can run. */
export interface MachineReport {
  readonly grade: GradeProbe;
  /** How guest code would execute; null where no monitor runs. */
  readonly accelerator: string | null;
  /** Monitor with version, machine and processor model: what snapshots depend on. */
  readonly identity: string | null;
  /** Null while there is no kernel to try it with. */
  readonly kvm: KvmVerdict | null;
  /** Version of the guest image's kernel; null until it is built. */
  readonly kernel: string | null;
}

/** Boots a guest for the verdict on KVM where none is kept; builds nothing. */
export async function machineReport(): Promise<MachineReport> {
  const built = await builtKernel();
  const kernel = built?.version ?? null;
  const folder = mkdtempSync(join(tmpdir(), 'hearth-doctor-'));
  try {
    const kvm = built && (await probeKvm({ kernelPath: built.path, cacheDirectory: defaultImageDirectory() }));
    const accelerator = kvm?.usable ? 'kvm' : 'tcg';
    const vmm = await QemuVmm.open({ stateDirectory: folder, accelerator });
    const { identity } = vmm;
    const protections = vmm.protections();
    try {
      await startOne(vmm, folder);
    } finally {
      await vmm.close();
    }
    const how = kvm?.usable ? 'KVM' : `emulated${kvm === null ? ' until KVM is tried' : ''}`;
    const next = kernel === null ? '; the guest image is not built: hearth image build' : '';
    const grade: GradeProbe = {
      grade: 'microvm',
      usable: true,
      detail: `QEMU, ${how}; a monitor was started in its jail${next}`,
      protections,
    };
    return { grade, accelerator, identity, kvm, kernel };
  } catch (error) {
    if (!(error instanceof DriverError)) throw error;
    const grade: GradeProbe = { grade: 'microvm', usable: false, detail: error.message, protections: [] };
    return { grade, accelerator: null, identity: null, kvm: null, kernel };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `usable` is seen, not concluded. */
async function startOne(vmm: QemuVmm, folder: string): Promise<void> {
  const memoryPath = join(folder, 'memory');
  writeFileSync(memoryPath, '');
  chmodSync(memoryPath, 0o666);
  truncateSync(memoryPath, memoryMib * 1024 * 1024);
  const shape = { memoryMib, processors: 1, drives: [], network: true };
  await (await vmm.prepare({ id: 'doctor', shape, drivePaths: [], memoryPath })).dispose();
}

/** What, and its value. */
export function machineRows(report: MachineReport): readonly (readonly [string, string])[] {
  const { accelerator, identity, kvm, kernel } = report;
  const verdict = kvm === null ? 'not tried: it takes the kernel of the guest image' : kvm.detail;
  const when = kvm === null ? '' : ` (seen ${new Date(kvm.probedAtMs).toISOString()})`;
  return [
    ['accelerator', accelerator ?? 'none'],
    ['hardware virtualization', `${kvm === null ? '' : kvm.usable ? 'usable: ' : 'not usable: '}${verdict}${when}`],
    ['monitor', identity ?? 'none'],
    ['guest kernel', kernel ?? 'none yet: hearth image build'],
  ];
}
