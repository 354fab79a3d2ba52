import { constants } from 'node:os';
import type { BoxExit } from './driver.js';

/**
 * Signals that end processes by themselves; a status of 128 + another number is taken as the program's own. Not SIGHUP:
 * there is no terminal in a sandbox, and 129 is how Node's runtime ends after an error that nobody caught.
 */
const deadly: readonly NodeJS.Signals[] = [
  'SIGKILL',
  'SIGSEGV',
  'SIGABRT',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGTERM',
  'SIGSYS',
  'SIGTRAP',
  'SIGPIPE',
  'SIGINT',
  'SIGQUIT',
];

/**
 * How the main process ended. bubblewrap reports a signal as a shell does, 128 + number, which a program could also
 * have chosen as its status: shown as the signal then.
 */
export function exitOf(code: number | null, signal: NodeJS.Signals | null, outOfMemory: boolean): BoxExit {
  const name = code === null ? undefined : deadly.find((each) => constants.signals[each] === code - 128);
  return name ? { code: null, signal: name, outOfMemory } : { code, signal, outOfMemory };
}
