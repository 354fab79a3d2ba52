import type { ChildProcess } from 'node:child_process';

/** As `bin/hearth` has it: extra certificates, which cost every Node process 30 ms at its start, are for npm alone. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: certificates, ...environment } = process.env;
  return certificates === undefined ? environment : { HEARTH_EXTRA_CA_CERTS: certificates, ...environment };
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}
