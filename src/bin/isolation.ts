import { join } from 'node:path';
import type { CodeImages } from '../snapshot/codeimages.js';
import type { SnapshotStore } from '../snapshot/store.js';
import type { IsolationGrade, SandboxDriver } from '../worker/sandbox/driver.js';
import type { MachineSnapshots } from '../worker/sandbox/microvm/machinesnapshots.js';
import type { DataFolder } from './datafolder.js';
import type { SnapshotPlaces } from './snapshotplane.js';

/** Snapshots of the driver in force. */
export interface SnapshotParts {
  readonly store: SnapshotStore;
  readonly images: CodeImages;
  readonly machines: MachineSnapshots;
}

export interface OpenedDriver {
  readonly driver: SandboxDriver;
  /** Null: sandboxes cannot be saved with this grade. */
  readonly snapshots: SnapshotParts | null;
  /** After the driver was closed. */
  close(): Promise<void>;
}

/** Says on standard error what takes seconds. */
const progress = (text: string) => process.stderr.write(`${text}\n`);

/** Opens the driver of the grade asked for, or rejects with DriverError: never a weaker one than asked for. */
export async function openDriver(
  grade: IsolationGrade,
  folder: DataFolder,
  where: SnapshotPlaces,
  /** Addresses of this machine that sandboxes may reach: where the platform is told to listen. */
  reachable: readonly string[],
): Promise<OpenedDriver> {
  if (grade === 'microvm') {
    const { openMicroVm } = await import('./microvm.js');
    const runFolder = join(folder.run, 'microvm');
    const { driver, store, images, close } = await openMicroVm({
      snapshotFolder: folder.snapshots,
      runFolder,
      progress,
      reachable,
      ...where,
    });
    return { driver, snapshots: { store, images, machines: driver.snapshots }, close };
  }
  const close = async () => {};
  if (grade === 'none') {
    const { NoneDriver } = await import('../worker/sandbox/none/nonedriver.js');
    return { driver: await NoneDriver.open({ stateDirectory: folder.run }), snapshots: null, close };
  }
  const { ProcessDriver } = await import('../worker/sandbox/process/processdriver.js');
  return { driver: await ProcessDriver.open({ stateDirectory: folder.run, reachable }), snapshots: null, close };
}
