import type { ChildProcess } from 'node:child_process';
import { join, relative } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';

/** Folder of the build that these tests are part of, as `bin/hearth` wants it. */
const build = relative(projectRoot, join(import.meta.dirname, '..', '..'));

/**
 * As `bin/hearth` has it: extra certificates, which cost every Node process 30 ms at its start, are for npm alone. The
 * command runs what these tests were built with.
 */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: certificates, ...rest } = process.env;
  const environment = { ...rest, HEARTH_DIST: build };
  return certificates === undefined ? environment : { HEARTH_EXTRA_CA_CERTS: certificates, ...environment };
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}
