import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { functionArn } from '../arns.js';
import type { FunctionId, FunctionState } from '../messages.js';
import type { AttachmentInput, AttachmentRecord, EventInvoke } from './attachments.js';

export type Destinations = Pick<EventInvoke, 'onSuccessArn' | 'onFailureArn'>;

/** Services that can be told of an event's end; `hearth` has URLs and files. Buckets hear of failures only. */
const targets: ReadonlySet<string> = new Set(['lambda', 'sqs', 'sns', 'events', 'hearth']);

const functionPattern = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:([a-zA-Z0-9_-]+)(?::[$a-zA-Z0-9_-]+)?$/;

/** Null: the destinations are well formed, and functions among them exist. `exists` knows those of `id`'s account and region. */
export function destinationFailure(
  id: FunctionId,
  destinations: Destinations,
  exists: (name: string) => boolean,
): ApiFailure | null {
  const { onSuccessArn, onFailureArn } = destinations;
  let known = true;
  for (const [arn, service] of [
    [onFailureArn, serviceOf(onFailureArn)],
    [onSuccessArn, serviceOf(onSuccessArn)],
  ] as const) {
    if (arn === null) continue;
    if (service === 'lambda') {
      const name = functionPattern.exec(arn)?.[1];
      if (name === undefined || (belongsTo(arn, id) && !exists(name))) {
        return invalid(`The destination ARN ${arn} is invalid.`);
      }
      if (belongsTo(arn, id) && name === id.name) {
        return invalid("You can't specify the function as a destination for itself.");
      }
    } else if (!targets.has(service) && !(service === 's3' && arn === onFailureArn && arn !== onSuccessArn)) {
      known = false;
    }
  }
  if (known) return null;
  const success = onSuccessArn === null ? 'null' : `OnSuccess(destination=${onSuccessArn})`;
  const failure = onFailureArn === null ? 'null' : `OnFailure(destination=${onFailureArn})`;
  const config = `DestinationConfig(onSuccess=${success}, onFailure=${failure})`;
  return invalid(`The provided destination config ${config} is invalid.`);
}

export function setEventInvoke(
  state: FunctionState,
  before: AttachmentRecord,
  input: Extract<AttachmentInput, { kind: 'set-event-invoke' }>,
): Result<AttachmentRecord> {
  const { qualifier, merge, destinations } = input;
  if (!state.versions.has(qualifier) && !state.aliases.has(qualifier)) return fail(noSuchFunction());
  const was = before.eventInvoke;
  if (merge && was === null) return fail(noEventInvoke(state.record, qualifier));
  const kept = merge ? was : null;
  const eventInvoke: EventInvoke = {
    retryAttemptsMax: input.retryAttemptsMax ?? kept?.retryAttemptsMax ?? null,
    eventAgeSecondsMax: input.eventAgeSecondsMax ?? kept?.eventAgeSecondsMax ?? null,
    onSuccessArn: destinations === null ? (kept?.onSuccessArn ?? null) : destinations.onSuccessArn,
    onFailureArn: destinations === null ? (kept?.onFailureArn ?? null) : destinations.onFailureArn,
    lastModifiedMs: input.nowMs,
  };
  return ok({ ...before, eventInvoke });
}

export function noSuchFunction(): ApiFailure {
  return apiFailure('ResourceNotFoundException', "The function doesn't exist.");
}

export function noEventInvoke(id: FunctionId, qualifier: string): ApiFailure {
  const message = `The function ${functionArn(id, qualifier)} doesn't have an EventInvokeConfig`;
  return apiFailure('ResourceNotFoundException', message);
}

function serviceOf(arn: string | null): string {
  return arn?.split(':')[2] ?? '';
}

function belongsTo(arn: string, id: FunctionId): boolean {
  const parts = arn.split(':');
  return parts[3] === id.region && parts[4] === id.account;
}

function invalid(message: string): ApiFailure {
  return apiFailure('InvalidParameterValueException', message);
}
