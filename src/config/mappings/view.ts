import type { Output } from '../../wire/lambda/operations.js';
import { functionArn } from '../arns.js';
import { kinds } from './kinds.js';
import type { MappingRecord } from './record.js';

/** As a source that is read by position says it before its first batch (recorded). */
const nothingYet = 'No records processed';

export function mappingArn({ region, account, uuid }: MappingRecord): string {
  return `arn:aws:lambda:${region}:${account}:event-source-mapping:${uuid}`;
}

export function mappedFunctionArn(record: MappingRecord): string {
  const { account, region, functionName: name, qualifier } = record;
  return functionArn({ account, region, name }, qualifier);
}

/** The mapping as clients see it. `result`: how the last poll or invocation ended, if any did. */
export function mappingView(record: MappingRecord, result: string | null): Output<'GetEventSourceMapping'> {
  const { transitionReason, tellsResult } = kinds[record.kind];
  const { startingMs, ...settings } = record.settings;
  const told = result ?? (tellsResult ? nothingYet : null);
  return {
    UUID: record.uuid,
    ...(record.sourceArn === null ? {} : { EventSourceArn: record.sourceArn }),
    EventSourceMappingArn: mappingArn(record),
    FunctionArn: mappedFunctionArn(record),
    ...settings,
    ...(startingMs === undefined ? {} : { StartingPositionTimestamp: new Date(startingMs) }),
    LastModified: new Date(record.lastModifiedMs),
    ...(told === null ? {} : { LastProcessingResult: told }),
    State: record.state,
    StateTransitionReason: transitionReason,
  };
}
