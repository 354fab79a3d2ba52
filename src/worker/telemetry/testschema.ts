/**
 * What the events of the Telemetry API and of the Logs API before it are made of, as published (developer guide,
 * "Lambda Telemetry API Event schema reference" and "Lambda Logs API"), and a check of one event against it. For tests.
 *
 * Beyond the page's tables: `errorType` wherever there is a status (its section "Status" says so), `tracing` as AWS's own
 * emulator and OpenTelemetry's receiver have it, `snap-start` among the types of init.
 */
type Shape =
  | 'string'
  | 'integer'
  | 'double'
  | 'time'
  | 'json'
  | { readonly oneOf: readonly string[] }
  | { readonly list: Shape }
  /** Members; a name that ends in `?` may be absent, no other member may be there. */
  | { readonly [member: string]: Shape };

export type SchemaVersion = '2020-08-15' | '2021-03-18' | '2022-07-01' | '2022-12-13' | '2025-01-29';

const initPhase: Shape = { oneOf: ['init', 'invoke', 'snap-start'] };
const initType: Shape = { oneOf: ['on-demand', 'provisioned-concurrency', 'snap-start'] };
const status = { status: { oneOf: ['success', 'failure', 'error', 'timeout'] }, 'errorType?': 'string' } as const;
const spans = { 'spans?': { list: { name: 'string', start: 'time', durationMs: 'double' } } } as const;
const tracing = {
  'tracing?': { 'spanId?': 'string', type: { oneOf: ['X-Amzn-Trace-Id'] }, value: 'string' },
} as const;
const durationOnly: Shape = { durationMs: 'double' };
const reportMetrics = {
  billedDurationMs: 'integer',
  durationMs: 'double',
  'initDurationMs?': 'double',
  maxMemoryUsedMB: 'integer',
  memorySizeMB: 'integer',
} as const;
const instance = {
  functionName: 'string',
  functionVersion: 'string',
  'instanceId?': 'string',
  'instanceMaxMemory?': 'integer',
  'runtimeVersion?': 'string',
  'runtimeVersionArn?': 'string',
} as const;
const subscription: Shape = { name: 'string', state: 'string', types: { list: 'string' } };
const extension: Shape = { events: { list: 'string' }, name: 'string', state: 'string', 'errorType?': 'string' };
const logsDropped: Shape = { droppedBytes: 'integer', droppedRecords: 'integer', reason: 'string' };

/** Records of the Telemetry API, schema 2022-12-13; 2025-01-29 has the same and more for managed instances. */
const telemetryRecords: Readonly<Record<string, Shape>> = {
  'platform.initStart': { ...instance, ...tracing, initializationType: initType, phase: initPhase },
  'platform.initRuntimeDone': { initializationType: initType, phase: initPhase, ...status, ...spans, ...tracing },
  'platform.initReport': {
    initializationType: initType,
    phase: initPhase,
    metrics: durationOnly,
    ...status,
    ...spans,
    ...tracing,
  },
  'platform.start': { requestId: 'string', 'version?': 'string', ...tracing },
  'platform.runtimeDone': {
    requestId: 'string',
    'metrics?': { durationMs: 'double', 'producedBytes?': 'integer' },
    ...status,
    ...spans,
    ...tracing,
  },
  'platform.report': {
    requestId: 'string',
    metrics: { ...reportMetrics, 'restoreDurationMs?': 'double', 'billedRestoreDurationMs?': 'integer' },
    ...status,
    ...spans,
    ...tracing,
  },
  'platform.restoreStart': { ...instance, ...tracing },
  'platform.restoreRuntimeDone': { ...status, ...spans, ...tracing },
  'platform.restoreReport': { 'metrics?': durationOnly, ...status, ...spans, ...tracing },
  'platform.extension': extension,
  'platform.telemetrySubscription': subscription,
  'platform.logsDropped': logsDropped,
  function: 'json',
  extension: 'json',
};

/** In 2022-07-01 a report of init had no status, and lines of the log were always text. */
const olderTelemetryRecords: Readonly<Record<string, Shape>> = {
  ...telemetryRecords,
  'platform.initReport': {
    initializationType: initType,
    phase: initPhase,
    metrics: durationOnly,
    ...spans,
    ...tracing,
  },
  function: 'string',
  extension: 'string',
};

const logsRecords: Readonly<Record<string, Shape>> = {
  'platform.start': { requestId: 'string', 'version?': 'string', ...tracing },
  'platform.end': { requestId: 'string' },
  'platform.report': { requestId: 'string', metrics: reportMetrics, ...tracing },
  'platform.fault': 'string',
  'platform.extension': extension,
  'platform.logsSubscription': subscription,
  'platform.logsDropped': logsDropped,
  function: 'string',
  extension: 'string',
};

const tables: Readonly<Record<SchemaVersion, Readonly<Record<string, Shape>>>> = {
  '2020-08-15': logsRecords,
  '2021-03-18': {
    ...logsRecords,
    'platform.runtimeDone': { requestId: 'string', status: { oneOf: ['success', 'failure', 'timeout'] } },
  },
  '2022-07-01': olderTelemetryRecords,
  '2022-12-13': telemetryRecords,
  '2025-01-29': telemetryRecords,
};

/** Types that a subscriber of this schema may get. */
export function eventTypes(version: SchemaVersion): readonly string[] {
  return Object.keys(tables[version]);
}

/** What is wrong with an event, one line a fault; none: it is as published. */
export function schemaFaults(event: unknown, version: SchemaVersion = '2022-12-13'): readonly string[] {
  if (!isObject(event)) return ['not an object'];
  const type = String(event.type);
  const record = tables[version][type];
  if (record === undefined) return [`${type} is not published`];
  const faults: string[] = [];
  check(event, { time: 'time', type: 'string', record }, type, faults);
  // Section "Status": a failure or an error names its type. The Logs API knew no types of errors.
  if (isObject(event.record) && version >= '2022-07-01' && type !== 'platform.extension') {
    const { status, errorType } = event.record;
    const failed = status === 'failure' || status === 'error';
    if (failed && errorType === undefined) faults.push(`${type}: ${status} without errorType`);
    if (!failed && status !== 'timeout' && errorType !== undefined) faults.push(`${type}: ${status} with an errorType`);
  }
  return faults;
}

function check(value: unknown, shape: Shape, at: string, faults: string[]): void {
  if (typeof shape === 'string') {
    if (!isSimple(value, shape)) faults.push(`${at} is no ${shape}: ${JSON.stringify(value)}`);
  } else if (isEnum(shape)) {
    if (!shape.oneOf.includes(value as string))
      faults.push(`${at} is none of ${shape.oneOf}: ${JSON.stringify(value)}`);
  } else if (isList(shape)) {
    if (!Array.isArray(value)) faults.push(`${at} is no list: ${JSON.stringify(value)}`);
    else for (const [i, item] of value.entries()) check(item, shape.list, `${at}[${i}]`, faults);
  } else if (!isObject(value)) faults.push(`${at} is no object: ${JSON.stringify(value)}`);
  else checkMembers(value, shape, at, faults);
}

function checkMembers(
  value: Readonly<Record<string, unknown>>,
  shape: { readonly [member: string]: Shape },
  at: string,
  faults: string[],
): void {
  const known = new Set<string>();
  for (const [member, inner] of Object.entries(shape)) {
    const name = member.replace(/\?$/, '');
    known.add(name);
    if (name in value) check(value[name], inner, `${at}.${name}`, faults);
    else if (name === member) faults.push(`${at}.${name} is missing`);
  }
  for (const name of Object.keys(value)) if (!known.has(name)) faults.push(`${at}.${name} is not published`);
}

const isEnum = (shape: Shape): shape is { readonly oneOf: readonly string[] } =>
  typeof shape === 'object' && 'oneOf' in shape;
const isList = (shape: Shape): shape is { readonly list: Shape } => typeof shape === 'object' && 'list' in shape;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isSimple(value: unknown, shape: 'string' | 'integer' | 'double' | 'time' | 'json'): boolean {
  switch (shape) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return Number.isInteger(value) && (value as number) >= 0;
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) && value >= 0;
    case 'time':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
    case 'json':
      return typeof value === 'string' || isObject(value);
  }
}
