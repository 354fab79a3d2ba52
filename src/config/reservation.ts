import { apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import { provisionedTotal } from './attachments/provisioned.js';
import type { ConfigEffect, ConfigInput, FunctionState } from './messages.js';

/** Reserved concurrency: what one function takes must leave the account's unreserved minimum to all others. */
export function reserve(
  state: FunctionState,
  input: Extract<ConfigInput, { kind: 'reserve' }>,
): readonly ConfigEffect[] {
  const { concurrency, committedElsewhere, accountConcurrency } = input;
  if (
    concurrency !== null &&
    accountConcurrency - committedElsewhere - concurrency < limits.unreservedConcurrencyMin &&
    concurrency > 0
  ) {
    const message =
      "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution " +
      `below its minimum value of [${limits.unreservedConcurrencyMin}].`;
    return [{ kind: 'refuse', failure: apiFailure('InvalidParameterValueException', message, { omitType: true }) }];
  }
  const provisioned = provisionedTotal(state);
  if (concurrency !== null && concurrency < provisioned) {
    // The spaces are the service's (recorded).
    const message = ` ReservedConcurrentExecutions  ${concurrency} should not be lower than function's total provisioned concurrency [${provisioned}].`;
    return [{ kind: 'refuse', failure: apiFailure('InvalidParameterValueException', message, { omitType: true }) }];
  }
  return [
    { kind: 'write', writes: [{ kind: 'function', record: { ...state.record, reserved: concurrency } }] },
    { kind: 'reply' },
  ];
}
