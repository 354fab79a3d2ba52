import type { AssignmentService, Grant, RefuseReason } from '../assignment/service.js';
import type { CountingEffect, CountingInput, ThrottleReason } from '../counting/messages.js';
import { assert } from '../kernel/assert.js';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import type { AccountId, Region } from '../kernel/ids.js';
import type { Clock } from '../kernel/ports/clock.js';
import { secondMs } from '../kernel/units.js';
import type { InvocationObserver, InvocationRecord } from '../observe/invocations/record.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Invocation, InvocationOutcome } from '../wire/invocation.js';
import { metBy } from '../wire/met.js';
import type { InvocationStart } from '../wire/start.js';
import type { Dispatcher } from './ports.js';

interface CountingMachine {
  step(input: CountingInput): readonly CountingEffect[];
}

/** The data plane to the workers. */
export interface InvocationPlane {
  invoke(grant: Grant, invocation: Invocation, onEnd: (outcome: InvocationOutcome) => void): void;
}

/**
 * An invocation that found no sandbox waits this long for one: the init limit (10 s) twice, for a first sandbox that
 * dies, and as much again for boot and journal on a loaded machine.
 */
const waitMsMax = 30 * secondMs;

/** A granted sandbox can die before the invocation reaches it; the invocation then never ran and is tried again. */
const attemptsMax = 4;

function throttled(reason: ThrottleReason): ApiFailure {
  return apiFailure('TooManyRequestsException', 'Rate Exceeded.', {
    members: { Reason: reason },
    headers: { 'Retry-After': '1' },
  });
}

function refusal(reason: RefuseReason, problem: string | null): ApiFailure {
  switch (reason) {
    case 'no-capacity':
    // Which reason the service gives for its scaling rate is not documented.
    case 'scaling-rate':
      return throttled('ConcurrentInvocationLimitExceeded');
    case 'wait-expired':
      return apiFailure('ServiceException', 'No execution environment became ready in time.');
    case 'start-failed':
      return apiFailure(
        'ServiceException',
        `The execution environment could not be started${problem === null ? '.' : `: ${problem}`}`,
      );
  }
}

/** Who has taken what of an account's concurrency. Asked for every invocation. */
export interface Commitments {
  /** By all functions of account and region: reserved, and provisioned without a reservation. */
  committed(account: AccountId, region: Region): { readonly reserved: number; readonly provisioned: number };
  /** By the one function, provisioned without a reservation; else 0. */
  provisionedOf(spec: FunctionSpec): number;
}

/** Why a function's sandboxes cannot start, where its own settings are the reason. Asked only after one could not. */
export type StartDiagnosis = (spec: FunctionSpec) => Promise<ApiFailure | null>;

/** What the last attempt had so far; filled in on the way. */
interface Passage {
  attempts: number;
  grantedMs: number | null;
  start: InvocationStart | null;
}

/** One invocation's way through admission, assignment and worker. */
export class InvocationDispatcher implements Dispatcher {
  constructor(
    private readonly counting: CountingMachine,
    private readonly assignment: AssignmentService,
    private readonly plane: InvocationPlane,
    private readonly commitments: Commitments,
    private readonly clock: Clock,
    private readonly diagnose: StartDiagnosis | null = null,
    private readonly observer: InvocationObserver | null = null,
  ) {}

  invoke(invocation: Invocation, done: (outcome: InvocationOutcome) => void): void {
    const { spec, requestId, trace } = invocation;
    if (trace) trace.countedMs = this.clock.nowMs();
    const inAccount = this.commitments.committed(spec.account, spec.region);
    const [effect] = this.counting.step({
      kind: 'admit',
      nowMs: invocation.arrivedMs,
      requestId,
      account: spec.account,
      region: spec.region,
      functionKey: spec.functionArn,
      reserved: spec.reservedConcurrency,
      reservedInAccount: inAccount.reserved,
      provisioned: inAccount.provisioned === 0 ? 0 : this.commitments.provisionedOf(spec),
      provisionedInAccount: inAccount.provisioned,
    });
    assert(effect !== undefined, 'counting answers every admission');
    if (trace) trace.admittedMs = this.clock.nowMs();
    const passage: Passage = { attempts: 0, grantedMs: null, start: null };
    if (effect.kind === 'throttled') {
      const outcome: InvocationOutcome = { kind: 'refused', failure: throttled(effect.reason) };
      this.observer?.ended(recordOf(invocation, passage, outcome, this.clock.nowMs()));
      done(outcome);
      return;
    }
    this.observer?.began(spec);
    this.attempt(invocation, passage, (outcome) => {
      const nowMs = this.clock.nowMs();
      this.counting.step({ kind: 'release', nowMs, requestId });
      done(outcome);
      this.observer?.ended(recordOf(invocation, passage, outcome, nowMs));
    });
  }

  private attempt(invocation: Invocation, passage: Passage, done: (outcome: InvocationOutcome) => void): void {
    passage.attempts += 1;
    this.assignment.acquire(invocation.requestId, invocation.spec, invocation.arrivedMs + waitMsMax, {
      granted: (grant) => {
        passage.grantedMs = this.clock.nowMs();
        passage.start = grant.start ?? null;
        this.plane.invoke(grant, invocation, (outcome) => {
          // What has begun to stream is not tried again: its client would get the beginning twice.
          const again = outcome.kind === 'refused' && outcome.final !== true && passage.attempts < attemptsMax;
          if (again && invocation.stream?.started !== true) this.attempt(invocation, passage, done);
          else done(outcome);
        });
      },
      refused: (reason, problem) => {
        passage.grantedMs = null;
        passage.start = null;
        const failure = refusal(reason, problem);
        if (reason !== 'start-failed' || this.diagnose === null) done({ kind: 'refused', failure });
        else {
          const answer = (cause: ApiFailure | null) => done({ kind: 'refused', failure: cause ?? failure });
          this.diagnose(invocation.spec).then(answer, () => answer(null));
        }
      },
    });
  }
}

function recordOf(
  { requestId, spec, invokedFunctionArn, kind, arrivedMs, trace }: Invocation,
  { attempts, grantedMs, start }: Passage,
  outcome: InvocationOutcome,
  endedMs: number,
): InvocationRecord {
  const run = outcome.kind === 'refused' ? null : (outcome.run ?? null);
  return {
    requestId,
    spec,
    invokedFunctionArn,
    type: kind ?? 'sync',
    arrivedMs,
    grantedMs,
    endedMs,
    attempts,
    start: start === null ? null : metBy(start, run),
    run,
    outcome: outcome.kind === 'refused' ? refusedAs(outcome.failure) : outcome.kind,
    problem: problemOf(outcome),
    trace,
  };
}

function refusedAs({ code }: ApiFailure): 'throttled' | 'refused' {
  return code === 'TooManyRequestsException' ? 'throttled' : 'refused';
}

function problemOf(outcome: InvocationOutcome): string | null {
  switch (outcome.kind) {
    case 'success':
      return null;
    case 'function-error':
      return outcome.errorType;
    case 'refused': {
      const { members, code } = outcome.failure;
      const reason = code === 'TooManyRequestsException' ? members?.Reason : undefined;
      return typeof reason === 'string' ? reason : code;
    }
  }
}
