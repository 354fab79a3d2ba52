import { CapacityMachine } from '../capacity/machine.js';
import { defaultChoice } from '../capacity/policies/catalog.js';
import type { PolicyChoice } from '../capacity/policies/policy.js';
import { CapacityService, type PlannedAssignment } from '../capacity/service.js';
import type { VersionKey } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { FunctionSpec } from '../wire/functionspec.js';

export interface CapacityParts {
  readonly assignment: PlannedAssignment;
  readonly config: {
    specOfVersion(version: VersionKey): FunctionSpec | null;
    policyChoice(version: VersionKey): Partial<PolicyChoice>;
  };
  readonly worker: { capacity(): { readonly memoryMib: number; readonly memoryUsedMib: number } };
  readonly clock: Clock;
  /** Of functions that say nothing themselves. */
  readonly choice?: Partial<PolicyChoice>;
}

/** Plans ahead for this process's worker. End it before assignment. */
export function openCapacity({ assignment, config, worker, clock, choice }: CapacityParts): CapacityService {
  const chosen = { ...defaultChoice, ...choice };
  return new CapacityService({
    machine: new CapacityMachine({ choice: chosen }),
    assignment,
    specOf: (version) => config.specOfVersion(version),
    choiceOf: (version) => config.policyChoice(version),
    choice: chosen,
    memory: () => {
      const { memoryMib, memoryUsedMib } = worker.capacity();
      return { totalMib: memoryMib, usedMib: memoryUsedMib };
    },
    clock,
  });
}
