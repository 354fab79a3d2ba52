import type { AsyncEvent } from '../async/messages.js';
import { withLineage } from '../frontend/lineage.js';
import type { AsyncIntake, FunctionResolver } from '../frontend/ports.js';
import type { AccountId, Region, RequestId } from '../kernel/ids.js';
import { limits } from '../kernel/limits.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { DeliveryEnd, Destination, DestinationMessage } from '../kernel/ports/destinations.js';
import type { Random } from '../kernel/ports/random.js';
import type { FunctionSpec } from '../wire/functionspec.js';

export interface FunctionDestinationParts {
  readonly resolver: FunctionResolver;
  /** The role that a function acts as; null: it is gone. */
  readonly roleOf: (spec: FunctionSpec) => string | null;
  readonly intake: AsyncIntake;
  readonly clock: Clock;
  readonly random: Random;
}

/** Another function: its `Event` is as durable as one of a client's. */
export class FunctionDestination implements Destination {
  readonly #parts: FunctionDestinationParts;

  constructor(parts: FunctionDestinationParts) {
    this.#parts = parts;
  }

  accepts(arn: string): boolean {
    return arn.split(':')[2] === 'lambda';
  }

  async deliver({ arn, body, traceHeader, traced, origin }: DestinationMessage): Promise<DeliveryEnd> {
    const { resolver, intake, clock, random } = this.#parts;
    const payload = Buffer.from(body, 'utf8');
    if (payload.byteLength > limits.asyncPayloadBytesMax) {
      return failed(false, `${payload.byteLength} bytes are too large for the Event invocation type`);
    }
    const [, , , region = '', account = ''] = origin.functionArn.split(':');
    const target = arn.split(':');
    // Functions of other accounts have to allow it to the role of this one.
    const caller = target[4] === account ? undefined : this.#roleOf(account, region, origin.functionName);
    if (caller === null) return failed(false, 'the function is gone');
    const found = resolver.resolve(account as AccountId, target[3] as Region, arn, null, caller);
    if (!found.ok) {
      const { code, message } = found.failure;
      return failed(code !== 'ResourceNotFoundException' && code !== 'AccessDeniedException', `${code}: ${message}`);
    }
    const { spec, invokedFunctionArn } = found.value;
    const event: AsyncEvent = {
      requestId: random.uuid() as RequestId,
      account: spec.account,
      region: spec.region,
      functionName: spec.functionName,
      qualifier: qualifierOf(invokedFunctionArn, spec),
      invokedFunctionArn,
      clientContext: null,
      traceHeader: withLineage(traceHeader, traceHeader, spec),
      ...(traced === undefined ? {} : { traced }),
      acceptedMs: clock.nowMs(),
      attempts: 0,
      setbacks: 0,
    };
    const accepted = await intake.publish(event, payload);
    return accepted.ok ? { kind: 'delivered' } : failed(true, accepted.failure.message);
  }

  #roleOf(account: string, region: string, name: string): string | null {
    const found = this.#parts.resolver.resolve(account as AccountId, region as Region, name, null);
    return found.ok ? this.#parts.roleOf(found.value.spec) : null;
  }
}

function qualifierOf(invokedFunctionArn: string, { functionArn }: FunctionSpec): string | null {
  return invokedFunctionArn.length > functionArn.length ? invokedFunctionArn.slice(functionArn.length + 1) : null;
}

function failed(again: boolean, reason: string): DeliveryEnd {
  return { kind: 'failed', again, reason };
}
