import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

const places = ['/var/task/bootstrap', '/opt/bootstrap'] as const;

/** Where a `provided.*` function's executable is inside the sandbox, or why it cannot run, in the service's words. */
export function findBootstrap(
  { codeDirectory, layersDirectory }: { readonly codeDirectory: string; readonly layersDirectory: string | null },
  { taskRoot, layersRoot }: { readonly taskRoot: string; readonly layersRoot: string },
): { readonly path: string } | { readonly problem: string } {
  const hostPaths = [
    join(codeDirectory, 'bootstrap'),
    layersDirectory === null ? null : join(layersDirectory, 'bootstrap'),
  ];
  let forbidden: string | null = null;
  for (const [index, path] of places.entries()) {
    const hostPath = hostPaths[index];
    if (hostPath === null || hostPath === undefined) continue;
    try {
      accessSync(hostPath, constants.F_OK);
    } catch {
      continue;
    }
    try {
      accessSync(hostPath, constants.X_OK);
      return { path: `${index === 0 ? taskRoot : layersRoot}/bootstrap` };
    } catch {
      forbidden ??= path;
    }
  }
  return forbidden !== null
    ? { problem: `fork/exec ${forbidden}: permission denied` }
    : { problem: `Couldn't find valid bootstrap(s): [${places.join(' ')}]` };
}

export const invalidEntrypoint = 'Runtime.InvalidEntrypoint';

/** The error object of an init without an executable, as a runtime would report it. */
export function entrypointReport(requestId: string | undefined, problem: string): Buffer {
  const errorMessage = `RequestId: ${requestId ?? ''} Error: ${problem}`;
  return Buffer.from(JSON.stringify({ errorType: invalidEntrypoint, errorMessage }));
}
