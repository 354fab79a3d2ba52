import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region } from '../kernel/ids.js';
import { logsErrorStatus, logsOperations } from './logsapi.js';
import { createLogsApi } from './logsoperations.js';
import { LogStore } from './logstore.js';

const nowMs = 1_732_241_842_000;
const caller = { account: '000000000000' as AccountId, region: 'us-east-1' as Region };
const arn = 'arn:aws:logs:us-east-1:000000000000:log-group:g';

/** Values that members of requests have: right ones more often than by chance. */
const texts = fc.oneof(
  fc.constantFrom('g', 's', 'other', '', arn, `${arn}:*`, 'STANDARD', 'LastEventTime', '{ $.a = 1 }', '[a, b=1*]'),
  fc.constantFrom('%a+%', '-x', 'f/1/s', 'x'.repeat(600), '\u0000', '__proto__', 'toString', 'Random'),
  fc.string({ unit: 'grapheme', maxLength: 30 }),
);
const values = fc.oneof(
  { weight: 3, arbitrary: texts },
  fc.constantFrom(0, 1, -1, 1.5, nowMs, 1e300, true, false, null, 7, 50, 51),
  fc.array(texts, { maxLength: 3 }),
  fc.dictionary(texts, texts, { maxKeys: 3 }),
  fc.array(fc.record({ timestamp: fc.constantFrom(nowMs, 0, -1), message: texts }), { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>,
);
const members = [
  'logGroupName logGroupIdentifier logGroupIdentifiers logGroupNamePrefix logGroupNamePattern logGroupClass',
  'logStreamName logStreamNames logStreamNamePrefix logEvents startTime endTime startFromHead limit nextToken orderBy',
  'descending filterPattern filterName filterNamePrefix destinationArn metricTransformations tags tagKeys resourceArn',
  'retentionInDays deletionProtectionEnabled kmsKeyId interleaved sequenceToken',
]
  .join(' ')
  .split(' ');

test('property: any input of any operation is answered, refusals as the service knows them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'logsfuzz-'));
  const store = new LogStore({ folder, clock: { nowMs: () => nowMs } });
  const api = createLogsApi(store);
  const request = fc.record(Object.fromEntries(members.map((name) => [name, values])), { requiredKeys: [] });
  const likely = fc.record({ logGroupName: fc.constantFrom('g', 'other'), logStreamName: fc.constantFrom('s', 't') });
  const inputs = fc.oneof(
    request,
    fc.tuple(request, likely).map(([any, right]) => ({ ...any, ...right })),
    fc.jsonValue(),
  );
  try {
    await api.CreateLogGroup(caller, { logGroupName: 'g' });
    await api.CreateLogStream(caller, { logGroupName: 'g', logStreamName: 's' });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...logsOperations), inputs, async (operation, input) => {
        const before = store.groupNames(caller).join();
        const result = await api[operation](caller, input);
        if (result.ok) {
          assert.equal(typeof result.value, 'object');
          JSON.stringify(result.value);
          return;
        }
        assert.ok(Object.hasOwn(logsErrorStatus, result.failure.code), result.failure.code);
        assert.notEqual(result.failure.code, 'ServiceUnavailableException', result.failure.message);
        assert.equal(store.groupNames(caller).join(), before, 'a refused request changes nothing');
      }),
      { numRuns: 1_500 },
    );
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
