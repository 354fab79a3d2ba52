import { findProgram, nativeProgram } from './programs.js';

/**
 * What to put before a command so that it is killed when this process is. Empty where the machine has neither the native
 * launcher nor setpriv(1): the program then has to end by itself, with its channel or standard input.
 */
export function diesWithUs(): readonly string[] {
  const launcher = nativeProgram('launcher');
  if (launcher !== null) return [launcher, '--owner', String(process.pid), '--'];
  const setpriv = findProgram('setpriv');
  return setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
}
