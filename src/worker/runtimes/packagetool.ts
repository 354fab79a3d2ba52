import { spawn } from 'node:child_process';
import { minuteMs } from '../../kernel/units.js';
import { RuntimeUnavailable } from './description.js';

// A 50 MB download at 100 KB/s.
const installMsMax = 10 * minuteMs;
const progressEveryMs = 200;
/** What is kept of the tool's own words, for the error message. */
const saidCharsMax = 2_000;

/**
 * Runs a package manager (npm, Maven) to its end, at most 10 minutes; it is killed when this process ends. Rejects with
 * RuntimeUnavailable, in the tool's own words.
 */
export function runPackageTool(
  [program, ...parameters]: readonly [string, ...string[]],
  environment: NodeJS.ProcessEnv,
  whileRunning: () => void = () => {},
): Promise<void> {
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  let said = '';
  const listen = (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-saidCharsMax);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const ticker = setInterval(whileRunning, progressEveryMs);
  const deadline = setTimeout(() => child.kill('SIGKILL'), installMsMax);
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  return new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(new RuntimeUnavailable(`${program} could not be started: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new RuntimeUnavailable(`${program} ended with status ${code}: ${said.trim()}`));
    });
  }).finally(() => {
    clearInterval(ticker);
    clearTimeout(deadline);
    process.off('exit', onExit);
  });
}
