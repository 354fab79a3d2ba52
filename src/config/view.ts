import { createHash } from 'node:crypto';
import type { Region } from '../kernel/ids.js';
import type { RuntimeName } from '../wire/functionspec.js';
import type { FunctionConfiguration, Output } from '../wire/lambda/operations.js';
import { functionArn } from './arns.js';
import type { AliasRecord, FunctionId, VersionRecord } from './messages.js';

type Creating = 'Creating';
export type RuntimeVersionArn = (runtime: RuntimeName, region: Region) => string;

/**
 * The version as clients see it. `qualifier` is what FunctionArn ends with: null for the unqualified function.
 * Absent members are absent, never empty.
 */
export function functionView(
  id: FunctionId,
  record: VersionRecord,
  qualifier: string | null,
  versionArn: RuntimeVersionArn,
): FunctionConfiguration {
  const being = 'The function is being created.';
  const restoring = { StateReason: 'The function is being restored.', StateReasonCode: 'Restoring' as const };
  const creating = 'Creating' as Creating;
  return {
    ...listedView(id, record, qualifier),
    State: record.state,
    ...(record.state === 'Pending' && record.update === null ? { StateReason: being, StateReasonCode: creating } : {}),
    ...(record.state === 'Pending' && record.update !== null ? restoring : {}),
    ...(record.state === 'Inactive' ? { StateReason: 'The function is idle.', StateReasonCode: 'Idle' as const } : {}),
    ...(record.state === 'Failed' && record.failure !== null
      ? { StateReason: record.failure.message, StateReasonCode: record.failure.code }
      : {}),
    ...(record.update === null ? {} : { LastUpdateStatus: record.update }),
    // `Creating` is what the service says here too, although its model's list of values has it not.
    ...(record.update === 'InProgress'
      ? { LastUpdateStatusReason: being, LastUpdateStatusReasonCode: creating as never }
      : {}),
    ...(record.update === 'Failed' && record.failure !== null
      ? { LastUpdateStatusReason: record.failure.message, LastUpdateStatusReasonCode: record.failure.code }
      : {}),
    RuntimeVersionConfig: { RuntimeVersionArn: versionArn(record.settings.runtime, id.region) },
  };
}

/** Lists leave states and the runtime's version out. */
export function listedView(id: FunctionId, record: VersionRecord, qualifier: string | null): FunctionConfiguration {
  const { settings, code } = record;
  return {
    FunctionName: id.name,
    FunctionArn: functionArn(id, qualifier),
    Runtime: settings.runtime,
    Role: settings.role,
    Handler: settings.handler,
    CodeSize: code.zipBytes,
    Description: settings.description,
    Timeout: settings.timeoutSeconds,
    MemorySize: settings.memoryMib,
    LastModified: timestamp(record.lastModifiedMs),
    CodeSha256: base64(code.sha256Hex),
    Version: record.version,
    ...(settings.deadLetterArn === null ? {} : { DeadLetterConfig: { TargetArn: settings.deadLetterArn } }),
    ...(settings.environment === null ? {} : { Environment: { Variables: settings.environment } }),
    TracingConfig: { Mode: settings.tracing },
    ...(settings.layers.length === 0
      ? {}
      : { Layers: settings.layers.map(({ arn, code: layer }) => ({ Arn: arn, CodeSize: layer.zipBytes })) }),
    RevisionId: record.revisionId,
    PackageType: 'Zip',
    Architectures: [settings.architecture],
    EphemeralStorage: { Size: settings.ephemeralMib },
    SnapStart: { ApplyOn: settings.snapStart, OptimizationStatus: record.snapshot === undefined ? 'Off' : 'On' },
    LoggingConfig: {
      LogFormat: settings.logFormat,
      ...(settings.applicationLogLevel === null ? {} : { ApplicationLogLevel: settings.applicationLogLevel }),
      ...(settings.systemLogLevel === null ? {} : { SystemLogLevel: settings.systemLogLevel }),
      LogGroup: settings.logGroup,
    },
  };
}

export function aliasView(id: FunctionId, record: AliasRecord): Output<'GetAlias'> {
  return {
    AliasArn: functionArn(id, record.name),
    Name: record.name,
    FunctionVersion: record.version,
    Description: record.description,
    ...(record.routing === null
      ? {}
      : { RoutingConfig: { AdditionalVersionWeights: { [record.routing.version]: record.routing.weight } } }),
    RevisionId: record.revisionId,
  };
}

/** One version per runtime name; the service names them by a hash. */
export function runtimeVersionArn(runtime: RuntimeName, region: Region): string {
  return `arn:aws:lambda:${region}::runtime:${createHash('sha256').update(`hearth:${runtime}`).digest('hex')}`;
}

/** CodeSha256 is base64 on the wire. */
export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

/** `2024-01-01T00:00:00.000+0000` */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000');
}
