import { SingleBar } from 'cli-progress';
import type { RuntimeName } from '../wire/functionspec.js';
import type { InstallProgress } from '../worker/runtimes/description.js';

/** Draws the installation of a runtime on a terminal; elsewhere says once that it has begun. */
export function progressOf(runtime: RuntimeName): (progress: InstallProgress) => void {
  let bar: SingleBar | null = null;
  let begun = false;
  return ({ phase, fraction }) => {
    if (!process.stderr.isTTY) {
      if (!begun) process.stderr.write(`installing ${runtime}\n`);
      begun = true;
      return;
    }
    if (bar === null) {
      bar = new SingleBar({ format: `  ${runtime} [{bar}] {percentage}% {phase}` });
      bar.start(1, 0, { phase });
    }
    bar.update(fraction ?? 0, { phase });
    if (fraction === 1) bar.stop();
  };
}
