import { AssignmentMachine } from '../assignment/machine.js';
import type { AssignmentOptions } from '../assignment/options.js';
import { AsyncMachine, type AsyncOptions } from '../async/machine.js';
import { CountingMachine, type CountingOptions } from '../counting/machine.js';
import { PlacementMachine } from '../placement/machine.js';
import { WorkerMachine, type WorkerMachineOptions } from '../worker/machine.js';
import { SimQueue } from './queue.js';

/** How the simulator makes each part; tests put broken ones in, to see that the checks notice. */
export interface Parts {
  counting(options: CountingOptions): Pick<CountingMachine, 'step'>;
  assignment(options: AssignmentOptions): Pick<AssignmentMachine, 'step' | 'recover'>;
  placement(): Pick<PlacementMachine, 'step'>;
  async(options: AsyncOptions): Pick<AsyncMachine, 'step'>;
  worker(options: WorkerMachineOptions): Pick<WorkerMachine, 'step' | 'phase'>;
  queue(): SimQueue;
}

export const realParts: Parts = {
  counting: (options) => new CountingMachine(options),
  assignment: (options) => new AssignmentMachine(options),
  placement: () => new PlacementMachine(),
  async: (options) => new AsyncMachine(options),
  worker: (options) => new WorkerMachine(options),
  queue: () => new SimQueue(),
};
