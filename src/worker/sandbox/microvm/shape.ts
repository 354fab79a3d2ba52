import { availableParallelism } from 'node:os';
import { runtimeDriveBytes } from '../../../image/image.js';
import { mib } from '../../../kernel/units.js';
import type { MachineShape } from '../../../vmm/vmm.js';
import { scratchDriveBytes } from './scratch.js';

/**
 * Memory of virtual machines. Few sizes, because each has snapshot layers of its own, which take seconds to make; a
 * function's exact limit is enforced inside (cgroup) and outside (the monitor's). Each is a step of Lambda's sizes
 * (1,024 and 2,048 MiB, 4,096, 10,240) and room for the guest's kernel, agent and page tables.
 */
export const memoryClassesMib = [1_152, 2_304, 4_608, 10_752] as const;
/** What kernel, agent and the runtime's page cache need beside the function's own memory. */
export const guestOwnMib = 128;
/**
 * What a machine takes from the host beside its function's memory. Measured with emulation as private memory, in MiB:
 * restored and idle, the monitor 26, what the guest's kernel and agent have written since 1, jail and network 0.5;
 * after 50 invocations 46, 4 and 0.5, since translated code collects in the monitor (up to the bound of its cache, which
 * only much more code than that of a runtime fills). With hardware virtualization there is none of it: some 20.
 */
export const boxOwnMib = 64;
/** Spares are of the smallest class: it serves every function up to a gigabyte. */
export const spareMemoryMibMax = memoryClassesMib[0] - guestOwnMib;

/** Lambda gives one processor per 1,769 MB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const memoryMibPerProcessor = 1_769;

/** Size of the drives for code and for layers: fixed before anybody knows what will be on them. Code has 250 MB at most. */
export const imageDriveBytes = 1_024 * mib;
/** Order of the drives in the guest: `/dev/vda` … */
export const drive = { root: 0, runtime: 1, code: 2, layers: 3, scratch: 4 } as const;

/** The smallest class that has room for a function of this size. */
export function memoryClassOf(memoryMib: number): number {
  return memoryClassesMib.find((mibs) => mibs >= memoryMib + guestOwnMib) ?? memoryClassesMib.at(-1)!;
}

export function shapeOf(memoryClassMib: number, rootBytes: number): MachineShape {
  const image = { bytes: imageDriveBytes, readOnly: true };
  return {
    memoryMib: memoryClassMib,
    processors: Math.min(availableParallelism(), Math.max(1, Math.round(memoryClassMib / memoryMibPerProcessor))),
    drives: [
      { bytes: rootBytes, readOnly: true },
      { bytes: runtimeDriveBytes, readOnly: true },
      image,
      image,
      { bytes: scratchDriveBytes, readOnly: false },
    ],
    network: true,
  };
}
