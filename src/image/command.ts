import { spawn } from 'node:child_process';
import { minuteMs } from '../kernel/units.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { ImageError } from './image.js';

/** A download of 30 MB at 200 KB/s; everything else takes seconds. */
const commandMsMax = 5 * minuteMs;
const outputBytesMax = 16 * 1024 * 1024;
const errorCharsMax = 2000;

export interface CommandOptions {
  readonly directory?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Called with each whole line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program of the machine and gives what it printed. It dies with us, also when we are killed. Rejects with
 * ImageError, in the program's own words.
 */
export function runCommand(
  [name, ...parameters]: readonly [string, ...string[]],
  { directory, environment = process.env, onLine }: CommandOptions = {},
): Promise<string> {
  const program = name.startsWith('/') ? name : findProgram(name);
  if (program === null) return Promise.reject(new ImageError(`${name} is missing on this machine`));
  const guard = findProgram('setpriv');
  // What goes into images is for everybody to read, whatever our umask is.
  const shell = ['/bin/sh', '-c', 'umask 022; exec "$@"', 'sh', program];
  const command = guard === null ? shell : [guard, '--pdeathsig', 'KILL', ...shell];
  return new Promise((resolve, reject) => {
    const child = spawn(command[0]!, [...command.slice(1), ...parameters], {
      cwd: directory,
      env: { ...environment, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: commandMsMax,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let line = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > outputBytesMax) child.kill('SIGKILL');
      if (onLine === undefined) return;
      const lines = (line + text).split('\n');
      line = lines.pop()!;
      for (const each of lines) onLine(each);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-errorCharsMax);
    });
    child.once('error', (error) => reject(new ImageError(`${name}: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new ImageError(`${name} failed (${signal ?? `status ${code}`}): ${errors.trim()}`));
    });
  });
}
