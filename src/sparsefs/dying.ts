import { readFileSync } from 'node:fs';

/** SIGKILL in the kernel's sets of signals: bit 8. */
const killed = 1n << 8n;

/** Whether a thread is being killed: it then waits only for what it cannot leave. */
export function isBeingKilled(thread: number): boolean {
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'latin1');
    return [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)].some(
      ([, mask]) => (BigInt(`0x${mask}`) & killed) !== 0n,
    );
  } catch {
    return false;
  }
}
