import type { RuntimeName } from '../../wire/functionspec.js';
import { MachineRuntimes } from './catalog.js';
import type { RuntimeDescription } from './description.js';

/** The runtimes of this machine, for programs that are not a worker (the CLI). `dataDirectory`: the platform's. */
export function listRuntimes(dataDirectory: string): Promise<readonly RuntimeDescription[]> {
  return new MachineRuntimes({ dataDirectory }).list();
}

/**
 * Makes a runtime ready. `onProgress(fraction, stage)`: 0–1 and a word. A running platform finds it at the next use.
 * Rejects with RuntimeUnavailable.
 */
export function addRuntime(
  dataDirectory: string,
  name: RuntimeName,
  onProgress: (fraction: number, stage: string) => void = () => {},
): Promise<RuntimeDescription> {
  let reached = 0;
  return new MachineRuntimes({ dataDirectory }).add(name, ({ phase, fraction }) => {
    reached = Math.max(reached, fraction ?? 0);
    onProgress(reached, phase);
  });
}
