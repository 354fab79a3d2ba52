import type { InvocationStart, RunFacts } from './start.js';

/**
 * What an invocation met, from what assignment said when it granted the sandbox and what the worker told of the run: assignment
 * knows neither how a sandbox is made, nor that one which was idle had lost its runtime. Pure.
 */
export function metBy(
  start: InvocationStart,
  run: Pick<RunFacts, 'initInsideMs' | 'restoreMs' | 'restoredInside'> | null,
): InvocationStart {
  const { kind } = start;
  if (run === null || kind === 'provisioned') return start;
  if (typeof run.initInsideMs === 'number') return kind === 'cold' ? start : { ...start, kind: 'cold', trigger: null };
  if (run.restoreMs === null) return start;
  if (kind === 'cold') return { ...start, kind: 'restored' };
  return run.restoredInside === true ? { ...start, kind: 'restored', trigger: null } : start;
}
