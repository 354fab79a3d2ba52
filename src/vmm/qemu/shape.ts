import { DriverError } from '../../worker/sandbox/driver.js';
import type { MachineRequest } from '../vmm.js';
import { drivesMax, memoryMibMax, memoryMibMin, processorsMax } from './arguments.js';

/** Sizes QEMU's drives are made of. */
const sectorBytes = 512;

/** Throws DriverError for what no machine can be made of. Whether files exist and fit shows when they are opened. */
export function checkRequest(request: MachineRequest): void {
  const { id, shape, drivePaths } = request;
  const { memoryMib, processors, drives } = shape;
  const whole = (value: number, min: number, max: number) => Number.isInteger(value) && value >= min && value <= max;
  const refuse = (what: string): never => {
    throw new DriverError(`machine ${JSON.stringify(id.slice(0, 100))}: ${what}`);
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/.test(id))
    refuse('its id must be letters, digits, `.`, `_`, `-`; up to 120');
  if (!whole(memoryMib, memoryMibMin, memoryMibMax)) refuse(`memory of ${memoryMib} MiB`);
  if (!whole(processors, 1, processorsMax)) refuse(`${processors} processors`);
  if (drives.length > drivesMax) refuse(`more than ${drivesMax} drives`);
  if (drives.length !== drivePaths.length) refuse(`${drives.length} drives and ${drivePaths.length} files`);
  for (const { bytes } of drives) {
    if (!whole(bytes, sectorBytes, Number.MAX_SAFE_INTEGER) || bytes % sectorBytes !== 0)
      refuse(`a drive of ${bytes} bytes`);
  }
}
