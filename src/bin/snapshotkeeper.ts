import type { SnapshotKeeper } from '../config/snapshotkeeping.js';
import type { SandboxDriver } from '../worker/sandbox/driver.js';
import type { WorkerService } from '../worker/service.js';

/** Texts of the service: what went wrong is in the function's log. */
const initFailed = 'An error occurred during function initialization.';

type SnapshotWorker = Pick<WorkerService, 'capture' | 'forget'>;

/** SnapStart by this machine's worker, which comes later. Where sandboxes cannot be saved, functions start from their code. */
export class WorkerSnapshots implements SnapshotKeeper {
  readonly #driver: SandboxDriver;
  readonly #worker: Promise<SnapshotWorker>;
  #connected: SnapshotWorker | null = null;
  connect: (worker: SnapshotWorker) => void = () => {};

  constructor(driver: SandboxDriver) {
    this.#driver = driver;
    this.#worker = new Promise((resolve) => {
      this.connect = (worker) => {
        this.#connected = worker;
        resolve(worker);
      };
    });
  }

  async take(spec: Parameters<SnapshotKeeper['take']>[0]): ReturnType<SnapshotKeeper['take']> {
    const end = await (await this.#worker).capture(spec);
    if (end === null) return { kind: 'unsupported' };
    switch (end.kind) {
      case 'captured':
        return { kind: 'taken' };
      case 'init-failed':
        return { kind: 'failed', failure: { code: 'FunctionError', message: initFailed } };
      case 'problem':
        return { kind: 'failed', failure: { code: 'InternalError', message: end.message } };
      case 'aborted':
        throw new Error('the worker is shutting down');
    }
  }

  async has(id: string): Promise<boolean> {
    return (await this.#driver.snapshots?.has(id)) ?? false;
  }

  async drop(id: string): Promise<void> {
    this.#connected?.forget(id);
    await this.#driver.snapshots?.drop(id);
  }
}
