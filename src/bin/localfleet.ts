import type { StopReason, WorkerStanding } from '../assignment/messages.js';
import type { AssignmentPeers, AssignmentService, Grant } from '../assignment/service.js';
import type { InvocationPlane } from '../frontend/dispatcher.js';
import { assert } from '../kernel/assert.js';
import type { PoolKey, SandboxId, WorkerId } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { PlacementEffect, PlacementInput } from '../placement/messages.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import type { StartOrigin } from '../wire/start.js';
import type { WorkerEvents, WorkerService } from '../worker/service.js';

interface PlacementMachine {
  step(input: PlacementInput): readonly PlacementEffect[];
}

/** Hears of sandboxes that start. Must not throw. */
export interface FleetWatch {
  started(spec: FunctionSpec, origin: StartOrigin): void;
  ready(initialized: boolean): void;
}

/** The all-in-one platform's fleet: one worker in this process, reached by direct calls instead of messages. */
export class LocalFleet implements AssignmentPeers, WorkerEvents, InvocationPlane {
  private worker: WorkerService | null = null;
  private workerId: WorkerId | null = null;
  private assignment: AssignmentService | null = null;
  /** Placement has to see a sandbox as large as the worker does, or the worker refuses what nobody made room for. */
  private sandboxOwnMib = 0;

  constructor(
    private readonly placement: PlacementMachine,
    private readonly clock: Clock,
    private readonly watch: FleetWatch | null = null,
  ) {}

  connect(workerId: WorkerId, worker: WorkerService, assignment: AssignmentService): void {
    this.worker = worker;
    this.workerId = workerId;
    this.assignment = assignment;
    const { memoryMib, sandboxesMax, sandboxOwnMib } = worker.capacity();
    this.sandboxOwnMib = sandboxOwnMib;
    const nowMs = this.clock.nowMs();
    this.placement.step({ kind: 'worker-joined', nowMs, workerId, zone: 'local', memoryMib, sandboxesMax });
  }

  private get parts(): { readonly worker: WorkerService; readonly assignment: AssignmentService } {
    const { worker, assignment } = this;
    assert(worker !== null && assignment !== null, 'the fleet is connected before it is used');
    return { worker, assignment };
  }

  place(sandboxId: SandboxId, pool: PoolKey, functionMib: number, ahead: boolean): void {
    const { assignment } = this.parts;
    const nowMs = this.clock.nowMs();
    const memoryMib = functionMib + this.sandboxOwnMib;
    for (const effect of this.placement.step({ kind: 'place', nowMs, sandboxId, pool, memoryMib })) {
      if (effect.kind === 'placed') {
        assignment.input({ kind: 'placed', nowMs, sandboxId, workerId: effect.workerId });
      } else {
        assignment.input({ kind: 'placement-refused', nowMs, sandboxId });
        const { pressure } = effect;
        if (pressure !== null && !ahead) assignment.input({ kind: 'memory-pressure', nowMs, ...pressure });
      }
    }
  }

  start(_workerId: WorkerId, sandboxId: SandboxId, spec: FunctionSpec, origin: StartOrigin): void {
    this.watch?.started(spec, origin);
    this.parts.worker.start(sandboxId, spec, origin);
  }

  stop(_workerId: WorkerId, sandboxId: SandboxId, reason: StopReason): void {
    this.parts.worker.stop(sandboxId, reason);
  }

  workers(): readonly WorkerStanding[] {
    return this.workerId === null ? [] : [this.parts.assignment.standing(this.workerId)];
  }

  /** With no other worker there is nowhere else to go: its sandboxes are made anew. Null: there is no such worker. */
  drain(workerId: string): WorkerStanding | null {
    if (workerId !== this.workerId) return null;
    const { assignment } = this.parts;
    assignment.drain(this.workerId, true);
    return assignment.standing(this.workerId);
  }

  forget(sandboxId: SandboxId): void {
    this.placement.step({ kind: 'sandbox-gone', nowMs: this.clock.nowMs(), sandboxId });
  }

  invoke(grant: Grant, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void {
    this.parts.worker.invoke(grant, invocation, onEnd);
  }

  onReady(sandboxId: SandboxId, initialized: boolean): void {
    this.watch?.ready(initialized);
    this.parts.assignment.input({ kind: 'sandbox-ready', nowMs: this.clock.nowMs(), sandboxId, initialized });
  }

  onIdle(sandboxId: SandboxId, epoch: number): void {
    this.parts.assignment.input({ kind: 'released', nowMs: this.clock.nowMs(), sandboxId, epoch });
  }

  onGone(sandboxId: SandboxId, problem: string | null): void {
    if (problem !== null) process.stderr.write(`sandbox ${sandboxId}: ${problem}\n`);
    // Placement first: assignment may ask it for the freed room at once.
    this.forget(sandboxId);
    this.parts.assignment.sandboxGone(sandboxId, problem);
  }
}
