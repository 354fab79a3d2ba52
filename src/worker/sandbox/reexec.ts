import { spawnSync } from 'node:child_process';
import { mountNamespaceCommand } from './namespace.js';

/** A test file that takes longer hangs. */
const testMsMax = 300_000;

/**
 * For programs and test files that need the `process` driver: runs this very process again inside a mount namespace
 * of its own and ends with its status. Returns only inside one, or where none can be had.
 */
export function reexecInMountNamespace(msMax = testMsMax): void {
  const command = mountNamespaceCommand([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  if (command === null) return;
  const child = spawnSync(command[0]!, command.slice(1), {
    stdio: 'inherit',
    timeout: msMax,
    killSignal: 'SIGKILL',
  });
  process.exit(child.status ?? 1);
}
