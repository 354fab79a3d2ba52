import type { SandboxId } from '../kernel/ids.js';
import type { Deliberation } from './deliberation.js';
import type { AssignmentInput, SandboxReport } from './messages.js';
import type { Sandbox } from './sandbox.js';

/** What follows from the news that reports bring. */
export interface ReportListener {
  free(sandbox: Sandbox): void;
  ready(sandbox: Sandbox): void;
  gone(sandbox: Sandbox): void;
}

/** Holds workers' reports against what assignment believes, and repairs what lost messages left behind. */
export class Reports {
  readonly #deliberation: Deliberation;
  readonly #listener: ReportListener;

  constructor(deliberation: Deliberation, listener: ReportListener) {
    this.#deliberation = deliberation;
    this.#listener = listener;
  }

  take({ workerId, sandboxes }: Extract<AssignmentInput, { readonly kind: 'worker-report' }>): void {
    const { roster, effects } = this.#deliberation;
    const worker = roster.workers.get(workerId);
    const reported = new Set<SandboxId>();
    for (const report of sandboxes) {
      const { sandboxId } = report;
      reported.add(sandboxId);
      const sandbox = roster.sandboxes.get(sandboxId);
      if (sandbox !== undefined && sandbox.worker === worker) this.#compare(sandbox, report);
      else if (report.state !== 'stopping') effects.push({ kind: 'stop', sandboxId, workerId, reason: 'orphaned' });
    }
    if (worker === undefined) return;
    for (const sandbox of worker.sandboxes) {
      const { sandboxId, state } = sandbox;
      if (state === 'journaling' || reported.has(sandboxId) || !this.#isSettled(sandbox)) continue;
      effects.push({ kind: 'forget', sandboxId });
      this.#listener.gone(sandbox);
    }
  }

  #compare(sandbox: Sandbox, report: SandboxReport): void {
    switch (sandbox.state) {
      case 'starting':
        if (report.state === 'idle') this.#listener.ready(sandbox);
        return;
      case 'recovering':
        sandbox.epoch = Math.max(sandbox.epoch, report.epoch);
        if (report.state === 'idle') this.#listener.free(sandbox);
        else if (report.state === 'busy') this.#deliberation.enter(sandbox, 'busy');
        else if (report.state === 'stopping') this.#deliberation.stop(sandbox, 'superseded');
        return;
      case 'busy':
        // The release was lost; or, after the grace, so was the invocation itself.
        if (report.state === 'idle' && (report.epoch >= sandbox.epoch || this.#isSettled(sandbox))) {
          this.#listener.free(sandbox);
        }
        return;
      case 'stopping':
        if (report.state !== 'stopping' && this.#isSettled(sandbox)) this.#deliberation.tellStop(sandbox, 'orphaned');
    }
  }

  /** Whatever was under way when it entered its state has arrived, or never will. */
  #isSettled(sandbox: Sandbox): boolean {
    return this.#deliberation.nowMs - sandbox.stateMs > this.#deliberation.options.reportGraceMs;
  }
}
