import { execFile } from 'node:child_process';

/** Clean, so that the caller's settings (`PYTHONHOME`, `NODE_OPTIONS`) do not shape the answer. */
const cleanEnvironment = () => ({ PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: process.env.HOME ?? '/' });

/** Runs a program that must end within `timeoutMs` and returns what it printed; null when it fails. */
export function ask(
  program: string,
  parameters: readonly string[],
  timeoutMs = 10_000,
  environment: NodeJS.ProcessEnv = cleanEnvironment(),
): Promise<string | null> {
  return new Promise((resolve) => {
    const options = {
      timeout: timeoutMs,
      killSignal: 'SIGKILL' as const,
      env: environment,
      maxBuffer: 64 * 1024,
    };
    execFile(program, [...parameters], options, (error, stdout) => resolve(error === null ? stdout.trim() : null));
  });
}
