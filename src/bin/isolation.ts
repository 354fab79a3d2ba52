import type { SandboxDriver } from '../worker/sandbox/driver.js';

/** Opens the driver of the grade asked for, or rejects with DriverError: never a weaker one than asked for. */
export async function openDriver(grade: 'namespaces' | 'none', runFolder: string): Promise<SandboxDriver> {
  if (grade === 'none') {
    const { NoneDriver } = await import('../worker/sandbox/none/nonedriver.js');
    return NoneDriver.open({ stateDirectory: runFolder });
  }
  const { ProcessDriver } = await import('../worker/sandbox/process/processdriver.js');
  return ProcessDriver.open({ stateDirectory: runFolder });
}
