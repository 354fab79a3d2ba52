import { findProgram } from '../../src/worker/sandbox/programs.js';

/** What set-up installs where virtual machines are wanted: without them there is nothing to test. */
const programs = ['qemu-system-x86_64', 'mkfs.erofs'];

/** Why there can be no virtual machines here; null: there must be. */
export function microVmProblem(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return `not for ${process.platform} on ${process.arch}`;
  if (process.getuid?.() !== 0) return 'virtual machines are jailed by root';
  const missing = programs.filter((program) => findProgram(program) === null);
  return missing.length === 0 ? null : `${missing.join(', ')} not installed`;
}
