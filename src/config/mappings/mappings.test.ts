import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { RealClock } from '../../adapters/embedded/clock.js';
import { LmdbEnvironment } from '../../adapters/embedded/environment.js';
import { EmbeddedKv } from '../../adapters/embedded/kv.js';
import { RealRandom } from '../../adapters/embedded/random.js';
import { apiFailure } from '../../kernel/errors.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import type { Caller } from '../../wire/caller.js';
import type { Input } from '../../wire/lambda/operations.js';
import { serializeOutput } from '../../wire/lambda/output.js';
import { failure, stranger as foreign, caller as scope, value } from '../testservice.js';
import { EventSourceMappings, mappingsMax } from './mappings.js';

const caller = { ...scope, arn: 'arn:aws:iam::111111111111:root' } as unknown as Caller;
const stranger = { ...foreign, arn: 'arn:aws:iam::222222222222:root' } as unknown as Caller;
const queue = 'arn:aws:sqs:us-east-1:111111111111:q';
const stream = 'arn:aws:kinesis:us-east-1:111111111111:stream/s';
const table = 'arn:aws:dynamodb:us-east-1:111111111111:table/t/stream/2026-01-01T00:00:00.000';
const broker = 'arn:aws:mq:us-east-1:111111111111:broker:b:b-1';
const cluster = 'arn:aws:kafka:us-east-1:111111111111:cluster/c/1';
const documents = 'arn:aws:rds:us-east-1:111111111111:cluster:c';
const invalid = 'InvalidParameterValueException';

type Create = Partial<Input<'CreateEventSourceMapping'>>;

/** Functions `f` and `g`, and `f:live`; every source can be polled. */
const functions = {
  getFunctionConfiguration: async (_: unknown, { FunctionName, Qualifier = '' }: Input<'GetFunctionConfiguration'>) =>
    ['f', 'g', 'flive'].includes(FunctionName + Qualifier)
      ? ok({ Timeout: 3 })
      : fail(apiFailure('ResourceNotFoundException', 'Function not found')),
};

async function opened(folder: string, body: (mappings: EventSourceMappings) => Promise<void>): Promise<void> {
  const environment = new LmdbEnvironment(join(folder, 'lmdb'));
  const mappings = await EventSourceMappings.open({
    kv: new EmbeddedKv(environment, 'eventsources'),
    clock: new RealClock(),
    random: new RealRandom(),
    functions,
    probe: { refusal: async ({ sourceArn }) => (sourceArn?.endsWith('unreachable') ? 'no such queue' : null) },
  });
  try {
    await body(mappings);
  } finally {
    await mappings.close();
    await environment.close();
  }
}

const within = (body: (mappings: EventSourceMappings) => Promise<void>) => async () =>
  await withFolder(async (folder) => await opened(folder, body));

const create = (mappings: EventSourceMappings, more: Create) =>
  mappings.createEventSourceMapping(caller, { FunctionName: 'f', ...more });

/** As a client reads it, without what differs each time. */
function plain(result: Result<object>): object {
  const { body } = serializeOutput('GetEventSourceMapping', value(result) as never);
  const { UUID, EventSourceMappingArn, LastModified, ...rest } = JSON.parse(String(body));
  assert.match(UUID, /^[0-9a-f-]{36}$/);
  assert.equal(EventSourceMappingArn, `arn:aws:lambda:us-east-1:111111111111:event-source-mapping:${UUID}`);
  assert.equal(typeof LastModified, 'number');
  return rest;
}

test(
  'a queue and a stream: the answers as recorded, with all defaults',
  within(async (mappings) => {
    const FunctionArn = 'arn:aws:lambda:us-east-1:111111111111:function:f';
    assert.deepEqual(plain(await create(mappings, { EventSourceArn: queue })), {
      BatchSize: 10,
      EventSourceArn: queue,
      FunctionArn,
      FunctionResponseTypes: [],
      MaximumBatchingWindowInSeconds: 0,
      State: 'Creating',
      StateTransitionReason: 'USER_INITIATED',
    });
    assert.deepEqual(plain(await create(mappings, { EventSourceArn: stream, StartingPosition: 'LATEST' })), {
      BatchSize: 100,
      BisectBatchOnFunctionError: false,
      DestinationConfig: { OnFailure: {} },
      EventSourceArn: stream,
      FunctionArn,
      FunctionResponseTypes: [],
      LastProcessingResult: 'No records processed',
      MaximumBatchingWindowInSeconds: 0,
      MaximumRecordAgeInSeconds: -1,
      MaximumRetryAttempts: -1,
      ParallelizationFactor: 1,
      StartingPosition: 'LATEST',
      State: 'Creating',
      StateTransitionReason: 'User action',
      TumblingWindowInSeconds: 0,
    });
  }),
);

test(
  'every kind of source is stored with what it needs, and keeps what it was given',
  within(async (mappings) => {
    const access = [{ Type: 'BASIC_AUTH' as const, URI: 'arn:aws:secretsmanager:us-east-1:111111111111:secret:s' }];
    const start = { StartingPosition: 'TRIM_HORIZON' as const };
    const SelfManagedEventSource = { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: ['a:9092', 'b:9092'] } };
    const givens: Create[] = [
      { EventSourceArn: table, ...start },
      { EventSourceArn: stream, StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(1_000_000) },
      { EventSourceArn: cluster, ...start, Topics: ['t'] },
      { SelfManagedEventSource, ...start, Topics: ['t'], SourceAccessConfigurations: access },
      { EventSourceArn: broker, Queues: ['q'], SourceAccessConfigurations: access },
      {
        EventSourceArn: documents,
        ...start,
        SourceAccessConfigurations: access,
        DocumentDBEventSourceConfig: { DatabaseName: 'd', FullDocument: 'UpdateLookup' },
      },
      { EventSourceArn: queue, ScalingConfig: { MaximumConcurrency: 2 }, MetricsConfig: { Metrics: ['EventCount'] } },
    ];
    for (const given of givens) {
      const { EventSourceArn, ...rest } = given;
      const made = value(await create(mappings, { ...given, Enabled: false }));
      assert.equal(made.EventSourceArn, EventSourceArn);
      assert.equal(made.State, 'Disabled');
      for (const [name, expected] of Object.entries(rest)) {
        assert.deepEqual(made[name as keyof typeof made], expected, `${EventSourceArn} ${name}`);
      }
      assert.ok(value(await mappings.getEventSourceMapping(caller, { UUID: made.UUID! })));
    }
  }),
);

test(
  'what is missing, does not belong, or contradicts itself is refused with the text of the service, and stores nothing',
  within(async (mappings) => {
    const stray = (name: string) => `Unsupported ${name} parameter for given event source mapping type.`;
    const latest = { StartingPosition: 'LATEST' as const };
    const notNull =
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.";
    const filter = (Pattern: string) => ({ EventSourceArn: queue, FilterCriteria: { Filters: [{ Pattern }] } });
    const cases: [Create, string][] = [
      [{}, 'Unrecognized event source.'],
      [{ FunctionName: 'missing' }, 'Unrecognized event source.'],
      [{ EventSourceArn: 'arn:aws:sns:us-east-1:111111111111:t' }, 'Unrecognized event source.'],
      [{ EventSourceArn: queue, FunctionName: 'missing' }, 'Function does not exist'],
      [{ EventSourceArn: queue, FunctionName: 'f:dead' }, 'Function does not exist'],
      [{ EventSourceArn: queue, ...latest }, 'StartingPosition is not valid for SQS event sources.'],
      [
        { EventSourceArn: queue, BatchSize: 11 },
        'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10',
      ],
      [
        { EventSourceArn: `${queue}.fifo`, MaximumBatchingWindowInSeconds: 1 },
        'Batching window is not supported for FIFO queues',
      ],
      [{ EventSourceArn: `${queue}.fifo`, BatchSize: 11 }, 'Maximum batch size must be between 1 and 10 inclusive'],
      [{ EventSourceArn: queue, ParallelizationFactor: 2 }, stray('ParallelizationFactor')],
      [{ EventSourceArn: queue, DestinationConfig: { OnFailure: { Destination: queue } } }, stray('DestinationConfig')],
      [{ EventSourceArn: queue, Topics: ['t'] }, stray('Topics')],
      [{ EventSourceArn: queue, MetricsConfig: { Metrics: ['KafkaMetrics'] } }, stray('MetricsConfig')],
      [
        { EventSourceArn: queue, KMSKeyArn: 'arn:aws:kms:us-east-1:111111111111:key/k' },
        'KMSKeyArn is not supported by this installation',
      ],
      [
        {
          EventSourceArn: queue,
          ScalingConfig: { MaximumConcurrency: 2 },
          ProvisionedPollerConfig: { MinimumPollers: 2 },
        },
        'ScalingConfig and ProvisionedPollerConfig cannot be used together',
      ],
      [
        { EventSourceArn: queue, ProvisionedPollerConfig: { MinimumPollers: 5, MaximumPollers: 4 } },
        'MinimumPollers must be less than or equal to MaximumPollers',
      ],
      [
        { EventSourceArn: queue, ProvisionedPollerConfig: { MinimumPollers: 1 } },
        'MinimumPollers and MaximumPollers must be 2 or more',
      ],
      [filter('simple string'), 'Invalid filter pattern definition.'],
      [filter('{"eventSource":"aws:sqs"}'), 'Invalid filter pattern definition.'],
      [
        { EventSourceArn: queue, FilterCriteria: { Filters: Array(6).fill({ Pattern: '{"a":["b"]}' }) } },
        'The number of filters must be 5 or less',
      ],
      [{ EventSourceArn: stream }, notNull],
      [{ EventSourceArn: table }, notNull],
      [{ EventSourceArn: stream, ...latest, ScalingConfig: { MaximumConcurrency: 2 } }, stray('ScalingConfig')],
      [
        { EventSourceArn: stream, ...latest, StartingPositionTimestamp: new Date(1) },
        'Timestamp only valid with StartingPosition AT_TIMESTAMP',
      ],
      [
        { EventSourceArn: table, StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(1) },
        `Unsupported starting position for arn type: ${table}`,
      ],
      [
        { EventSourceArn: stream, StartingPosition: 'AT_TIMESTAMP' },
        'StartingPositionTimestamp is required with StartingPosition AT_TIMESTAMP',
      ],
      [
        { EventSourceArn: stream, StartingPosition: 'AT_TIMESTAMP', StartingPositionTimestamp: new Date(4e12) },
        'StartingPositionTimestamp cannot be in the future',
      ],
      [
        { EventSourceArn: stream, ...latest, MaximumRecordAgeInSeconds: 59 },
        'MaximumRecordAgeInSeconds must be -1, or between 60 and 604800',
      ],
      [
        { EventSourceArn: stream, ...latest, DestinationConfig: { OnSuccess: { Destination: queue } } },
        stray('DestinationConfig'),
      ],
      [{ EventSourceArn: cluster, ...latest }, "Required 'topics' parameter is missing."],
      [{ EventSourceArn: broker, Queues: ['q'] }, "Required 'sourceAccessConfigurations' parameter is missing."],
      [
        { EventSourceArn: queue, SelfManagedEventSource: {} },
        'Please specify either EventSourceArn or SelfManagedEventSource, not both.',
      ],
      [{ SelfManagedEventSource: {} }, "Required 'sourceAccessConfigurations' parameter is missing."],
      [{ EventSourceArn: 'arn:aws:sqs:us-east-1:111111111111:unreachable' }, 'no such queue'],
    ];
    for (const [given, text] of cases) {
      assert.equal(failure(await create(mappings, given)), `${invalid}: ${text}`, JSON.stringify(given));
    }
    assert.deepEqual(mappings.all(), []);
  }),
);

test(
  'one mapping for a source and a function: the conflict names the other; aliases and other accounts are others',
  within(async (mappings) => {
    const { UUID } = value(await create(mappings, { EventSourceArn: queue }));
    const advice = `Please update or delete the existing mapping with UUID ${UUID}`;
    assert.equal(
      failure(await create(mappings, { EventSourceArn: queue })),
      `ResourceConflictException: An event source mapping with SQS arn (" ${queue} ") and function (" f ") already exists. ${advice}`,
    );
    value(await create(mappings, { EventSourceArn: queue, FunctionName: 'f:live' }));
    value(await create(mappings, { EventSourceArn: queue, FunctionName: 'g' }));
    value(await mappings.createEventSourceMapping(stranger, { FunctionName: 'f', EventSourceArn: queue }));
    const both = await Promise.all([1, 2].map(() => create(mappings, { EventSourceArn: `${queue}2` })));
    assert.equal(both.filter((one) => one.ok).length, 1);
  }),
);

test(
  'the life of a mapping: states, what may be changed when, and what is gone',
  within(async (mappings) => {
    const told: (string | null)[] = [];
    mappings.onChange((_, record) => told.push(record?.state ?? null));
    const UUID = value(await create(mappings, { EventSourceArn: queue, ScalingConfig: { MaximumConcurrency: 5 } }))
      .UUID!;
    const update = (more: object) => mappings.updateEventSourceMapping(caller, { UUID, ...more });
    const state = async () => value(await mappings.getEventSourceMapping(caller, { UUID })).State;
    const inUse = 'event source mapping because it is in use.';
    assert.equal(failure(await update({ BatchSize: 1 })), `ResourceInUseException: Cannot update the ${inUse}`);
    assert.equal(
      failure(await mappings.deleteEventSourceMapping(caller, { UUID })),
      `ResourceInUseException: Cannot delete the ${inUse}`,
    );
    await mappings.settle(UUID);
    assert.equal(await state(), 'Enabled');
    const updated = value(await update({ BatchSize: 5, FunctionName: 'g', ScalingConfig: {} }));
    assert.deepEqual([updated.State, updated.BatchSize, updated.ScalingConfig], ['Updating', 5, undefined]);
    assert.match(updated.FunctionArn!, /:function:g$/);
    await mappings.settle(UUID);
    assert.equal(value(await update({ Enabled: false })).State, 'Disabling');
    await mappings.settle(UUID);
    assert.equal(await state(), 'Disabled');
    assert.equal(failure(await update({ FunctionName: 'missing' })), `${invalid}: Function does not exist`);
    assert.equal(failure(await update({ BatchSize: 11 })).slice(0, invalid.length), invalid);
    assert.equal(value(await update({ Enabled: true })).State, 'Enabling');
    await mappings.settle(UUID);
    assert.equal(value(await mappings.deleteEventSourceMapping(caller, { UUID })).State, 'Deleting');
    await mappings.settle(UUID);
    const gone = 'ResourceNotFoundException: The resource you requested does not exist.';
    assert.equal(failure(await mappings.getEventSourceMapping(caller, { UUID })), gone);
    assert.equal(failure(await mappings.deleteEventSourceMapping(caller, { UUID })), gone);
    assert.equal(failure(await update({})), gone);
    assert.deepEqual(told, [
      'Creating',
      'Enabled',
      'Updating',
      'Enabled',
      'Disabling',
      'Disabled',
      'Enabling',
      'Enabled',
      'Deleting',
      null,
    ]);
  }),
);

test(
  'lists by function and source, in pages, and nothing of others',
  within(async (mappings) => {
    for (let at = 0; at < 5; at += 1) value(await create(mappings, { EventSourceArn: `${queue}${at}` }));
    value(await create(mappings, { EventSourceArn: queue, FunctionName: 'g' }));
    const list = async (more: object, who = caller) => value(await mappings.listEventSourceMappings(who, more));
    assert.equal((await list({})).EventSourceMappings?.length, 6);
    assert.equal((await list({ FunctionName: 'g' })).EventSourceMappings?.length, 1);
    assert.equal((await list({ FunctionName: 'f', EventSourceArn: `${queue}3` })).EventSourceMappings?.length, 1);
    assert.equal((await list({}, stranger)).EventSourceMappings?.length, 0);
    const found: unknown[] = [];
    let Marker: string | undefined;
    do {
      const page = await list({ MaxItems: 2, ...(Marker === undefined ? {} : { Marker }) });
      found.push(...page.EventSourceMappings!.map(({ UUID }) => UUID));
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    assert.equal(new Set(found).size, 6);
    const UUID = found[0] as string;
    assert.equal((await mappings.getEventSourceMapping(stranger, { UUID })).ok, false);
  }),
);

test('mappings survive a restart, and what was under way goes on', async () =>
  await withFolder(async (folder) => {
    let uuid = '';
    await opened(folder, async (mappings) => {
      uuid = value(await create(mappings, { EventSourceArn: queue, Tags: { a: 'b' } })).UUID!;
    });
    await opened(folder, async (mappings) => {
      assert.equal(mappings.find(uuid)?.state, 'Creating');
      assert.deepEqual(mappings.tags(caller, uuid), { a: 'b' });
      assert.equal(mappings.tags(stranger, uuid), null);
      await mappings.settle(uuid);
      value(await mappings.setTags(caller, uuid, { c: 'd' }));
    });
    await opened(folder, async (mappings) => {
      assert.equal(mappings.find(uuid)?.state, 'Enabled');
      assert.deepEqual(mappings.tags(caller, uuid), { c: 'd' });
    });
  }));

test(
  'an account has at most 1,000 mappings in a region',
  within(async (mappings) => {
    const many = Array.from({ length: mappingsMax }, (_, at) => create(mappings, { EventSourceArn: `${queue}${at}` }));
    for (const one of await Promise.all(many)) value(one);
    assert.equal(
      failure(await create(mappings, { EventSourceArn: queue })),
      `${invalid}: An account has at most 1000 event source mappings in a region`,
    );
  }),
);
