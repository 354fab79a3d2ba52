import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../kernel/limits.js';
import { dayMs } from '../kernel/units.js';
import { type EventQuery, groupStreams, queryEvents } from './eventquery.js';
import { LogStore, type LogStoreOptions } from './logstore.js';

const scope = { account: '000000000000', region: 'us-east-1' };
const nowMs = 1_732_241_842_000;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'logstore-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function openStore(path: string, options: Partial<LogStoreOptions> = {}): LogStore {
  return new LogStore({ folder: path, clock: { nowMs: () => nowMs }, ...options });
}

const everything: EventQuery = {
  acceptsStream: null,
  fromMs: 0,
  toMs: Number.MAX_SAFE_INTEGER,
  after: null,
  before: null,
  direction: 'forward',
  limit: 10_000,
  matches: null,
  scanBytesMax: null,
};

async function messages(store: LogStore, group: string, query: Partial<EventQuery> = {}): Promise<string[]> {
  store.flush();
  const found = store.group(scope, group);
  if (found === null) return [];
  return (await queryEvents(found, { ...everything, ...query })).events.map((event) => event.message);
}

test('what was written is read, in order, after reopening too', async (t) => {
  const path = folder(t);
  const store = openStore(path);
  const a = store.open(scope, '/aws/lambda/f', '2024/11/22/[$LATEST]a');
  const b = store.open(scope, '/aws/lambda/f', 'b');
  const texts = ['plain\n', 'quotes " and \\', 'ünï ✓ 😀', '', '\u0000\u2028', 'lone \ud800'];
  for (const [i, text] of texts.entries()) (i % 2 === 0 ? a : b).append(nowMs + i, text);
  assert.deepEqual(await messages(store, '/aws/lambda/f'), texts);
  await store.close();
  const again = openStore(path);
  assert.deepEqual(await messages(again, '/aws/lambda/f'), texts);
  assert.deepEqual(await messages(again, '/aws/lambda/f', { acceptsStream: (name) => name === 'b' }), [
    texts[1],
    texts[3],
    texts[5],
  ]);
  const streams = await groupStreams(again.group(scope, '/aws/lambda/f')!);
  assert.deepEqual(streams.get('2024/11/22/[$LATEST]a'), {
    name: '2024/11/22/[$LATEST]a',
    createdMs: nowMs,
    firstMs: nowMs,
    lastMs: nowMs + 4,
    lastIngestionMs: nowMs,
  });
  await again.close();
});

test('accounts and regions have their own groups; names of any length and character are kept', async (t) => {
  const path = folder(t);
  const store = openStore(path);
  const names = [
    'a',
    '.',
    '..',
    '.deleted-x',
    'a/b',
    'a%2Fb',
    '#',
    'x'.repeat(512),
    `${'x'.repeat(511)}y`,
    '/'.repeat(300),
  ];
  for (const name of names) store.open(scope, name, 's').append(nowMs, name);
  store.open({ ...scope, region: 'eu-west-1' }, 'a', 's').append(nowMs, 'elsewhere');
  await store.close();
  const again = openStore(path);
  assert.deepEqual(again.groupNames(scope), [...names].sort());
  for (const name of names) assert.deepEqual(await messages(again, name), [name]);
  assert.deepEqual(again.groupNames({ account: '111111111111', region: 'us-east-1' }), []);
  await again.close();
});

test('a line torn by a kill is cut off, and writing goes on', async (t) => {
  const path = folder(t);
  const store = openStore(path);
  store.open(scope, 'g', 's').append(nowMs, 'whole');
  await store.close();
  const groupPath = join(path, scope.account, scope.region, 'g');
  const segment = readdirSync(groupPath).find((file) => file.endsWith('.ndjson'))!;
  appendFileSync(
    join(groupPath, segment),
    `{"timestampMs":1,"ingestionMs":1,"stream":"s","message":"${'torn'.repeat(50_000)}`,
  );
  const again = openStore(path);
  again.open(scope, 'g', 's').append(nowMs + 1, 'after');
  assert.deepEqual(await messages(again, 'g'), ['whole', 'after']);
  await again.close();
  for (const line of readFileSync(join(groupPath, segment), 'utf8').trimEnd().split('\n')) JSON.parse(line);
});

test('segments are closed at their size; open files and buffered text stay bounded', async (t) => {
  const path = folder(t);
  const store = openStore(path, { segmentBytesMax: 2_000, bufferedCharsMax: 5_000, openSegmentsMax: 3 });
  const written: string[] = [];
  const writers = Array.from({ length: 10 }, (_, i) => store.open(scope, `g${i}`, 's'));
  for (let i = 0; i < 2_000; i += 1) {
    writers[i % 10]!.append(nowMs + i, `message ${i}`);
    if (i % 10 === 0) written.push(`message ${i}`);
  }
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  });
  assert.ok(open.length <= 3, `${open.length} files open`);
  assert.ok(store.group(scope, 'g0')!.segments.length > 5);
  assert.deepEqual(await messages(store, 'g0'), written);
  await store.sweep();
  assert.deepEqual(await messages(store, 'g0'), written);
  await store.close();
  const again = openStore(path);
  assert.deepEqual(await messages(again, 'g0'), written);
  await again.close();
});

test('messages longer than an event may be are split and nothing is lost', async (t) => {
  const store = openStore(folder(t));
  const text = 'aé✓😀'.repeat(80_000);
  store.open(scope, 'g', 's').append(nowMs, text);
  let after: EventQuery['after'] = null;
  let joined = '';
  store.flush();
  do {
    const page = await queryEvents(store.group(scope, 'g')!, { ...everything, after, limit: 2 });
    for (const event of page.events) assert.ok(Buffer.byteLength(event.message) <= limits.logEventBytesMax);
    joined += page.events.map((event) => event.message).join('');
    after = page.resumeAfter;
  } while (after !== null);
  assert.equal(joined, text);
  await store.close();
});

test('retention removes whole old segments; a size bound drops the oldest', async (t) => {
  const path = folder(t);
  let now = nowMs;
  const store = openStore(path, { clock: { nowMs: () => now } });
  const writer = store.open(scope, 'g', 's');
  writer.append(now, 'old');
  store.flush();
  const group = store.group(scope, 'g')!;
  group.update({ ...group.record, retentionDays: 1 });
  const old = readdirSync(group.folder).find((file) => file.endsWith('.ndjson'))!;
  utimesSync(join(group.folder, old), nowMs / 1000, nowMs / 1000);
  now += 2 * dayMs;
  writer.append(now, 'new');
  store.flush();
  assert.equal(group.segments.length, 2);
  await store.sweep();
  assert.deepEqual(await messages(store, 'g'), ['new']);
  await store.close();

  const small = openStore(folder(t), { segmentBytesMax: 500, groupBytesMax: 2_000 });
  const second = small.open(scope, 'g', 's');
  for (let i = 0; i < 100; i += 1) {
    second.append(nowMs + i, `message ${i}`);
    small.flush();
  }
  const kept = await messages(small, 'g');
  assert.equal(kept.at(-1), 'message 99');
  assert.ok(kept.length < 30 && small.group(scope, 'g')!.storedBytes <= 2_700);
  await small.close();
});

test('a deleted group is gone, and comes back empty with the next line; so does a stream', async (t) => {
  const path = folder(t);
  const store = openStore(path, { segmentBytesMax: 300 });
  const writer = store.open(scope, 'g', 's');
  const other = store.open(scope, 'g', 'other');
  writer.append(nowMs, 'one');
  store.flush();
  store.deleteGroup(store.group(scope, 'g')!);
  assert.equal(store.group(scope, 'g'), null);
  writer.append(nowMs, 'two');
  other.append(nowMs, 'other');
  assert.deepEqual(await messages(store, 'g'), ['two', 'other']);
  const group = store.group(scope, 'g')!;
  store.mark(group, 's', 'deleted');
  assert.deepEqual([...(await groupStreams(group)).keys()], ['other']);
  assert.deepEqual(await messages(store, 'g'), ['other']);
  writer.append(nowMs - 5_000, 'three');
  assert.deepEqual(await messages(store, 'g'), ['three', 'other']);
  await store.close();
  assert.deepEqual(readdirSync(join(path, scope.account, scope.region)), ['g']);
});

test('what a kill in the middle of creating or deleting a group leaves is put right', async (t) => {
  const path = folder(t);
  const scopePath = join(path, scope.account, scope.region);
  mkdirSync(join(scopePath, '.deleted-1234'), { recursive: true });
  appendFileSync(join(scopePath, '.deleted-1234', 'group.json'), '{"name":"ghost"}');
  mkdirSync(join(scopePath, 'half'));
  appendFileSync(join(scopePath, 'half', 'group.json.new'), '{"na');
  const store = openStore(path);
  assert.deepEqual(store.groupNames(scope), ['half']);
  store.open(scope, 'half', 's').append(nowMs, 'x');
  assert.deepEqual(await messages(store, 'half'), ['x']);
  assert.ok(store.group(scope, 'half')!.record.createdMs > 0);
  await store.close();
  assert.deepEqual(readdirSync(scopePath), ['half']);
});

test('a full disk loses lines beyond the bound only, and says so', async (t) => {
  const path = folder(t);
  const failures: Error[] = [];
  const store = openStore(path, { bufferedCharsMax: 2_000, onFailure: (error) => failures.push(error) });
  const writer = store.open(scope, 'g', 's');
  store.flush();
  const group = store.group(scope, 'g')!;
  const flush = group.flush.bind(group);
  group.flush = () => {
    throw new Error('ENOSPC');
  };
  writer.append(nowMs, 'kept until the disk is back');
  store.flush();
  group.flush = flush;
  assert.deepEqual(await messages(store, 'g'), ['kept until the disk is back']);
  group.flush = () => {
    throw new Error('ENOSPC');
  };
  for (let i = 0; i < 100; i += 1) writer.append(nowMs, 'lost');
  assert.ok(store.droppedChars > 0 && group.pending.length < 2_000);
  assert.ok(failures.length > 0);
  group.flush = flush;
  await store.close();
});

test('property: pages, forward and backward, give every event once in order of time', async (t) => {
  const path = folder(t);
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(40), fc.constantFrom('a', 'b', 'c')), { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(1, 300, 2_000, 1_000_000),
      fc.constantFrom(null, 1, 900),
      async (events, limit, segmentBytesMax, scanBytesMax) => {
        run += 1;
        const store = openStore(join(path, String(run)), { segmentBytesMax });
        store.createGroup(scope, 'g', {});
        for (const [i, [atMs, stream]] of events.entries()) {
          store.open(scope, 'g', stream).append(atMs, String(i));
          if (i % 3 === 0) store.flush();
        }
        store.flush();
        const group = store.group(scope, 'g')!;
        const expected = events.map(([atMs], i) => ({ atMs, i })).sort((x, y) => x.atMs - y.atMs || x.i - y.i);
        const forward: string[] = [];
        let after: EventQuery['after'] = null;
        do {
          const page = await queryEvents(group, { ...everything, after, limit, scanBytesMax });
          assert.ok(page.events.length <= limit);
          forward.push(...page.events.map((event) => event.message));
          after = page.resumeAfter;
        } while (after !== null);
        assert.deepEqual(
          forward,
          expected.map(({ i }) => String(i)),
        );
        const backward: string[] = [];
        let before: EventQuery['before'] = null;
        for (;;) {
          const page = await queryEvents(group, { ...everything, before, limit, direction: 'backward' });
          if (page.events.length === 0) break;
          backward.unshift(...page.events.map((event) => event.message));
          before = page.events[0]!.key;
        }
        assert.deepEqual(backward, forward);
        await store.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('pages over many pieces of many segments, with times going to and fro', async (t) => {
  const store = openStore(folder(t), { segmentBytesMax: 1_500_000 });
  const writer = store.open(scope, 'g', 's');
  const expected: { readonly atMs: number; readonly i: number }[] = [];
  for (let i = 0; i < 3_000; i += 1) {
    // Mostly forward, now and then back by up to ten thousand.
    const atMs = nowMs + i * 10 - (i % 97 === 0 ? (i * 7919) % 10_000 : 0);
    expected.push({ atMs: i % 97 === 0 && atMs < nowMs + (i - 1) * 10 ? atMs : nowMs + i * 10, i });
    writer.append(expected.at(-1)!.atMs, `${i} ${'x'.repeat(2_000)}`);
    if (i % 10 === 0) store.flush();
    if (i === 1_000) await messages(store, 'g', { limit: 1 });
  }
  store.flush();
  const group = store.group(scope, 'g')!;
  assert.ok(group.segments.length > 3);
  const events = await allMessages(group);
  // The writer lifts times that are less than a second behind, as clock skew.
  const lifted = expected.map(({ atMs, i }, at) => {
    const before = Math.max(...expected.slice(Math.max(0, at - 200), at).map((other) => other.atMs), 0);
    return { atMs: atMs < before && before - atMs < 1_000 ? before : atMs, i };
  });
  lifted.sort((a, b) => a.atMs - b.atMs || a.i - b.i);
  assert.deepEqual(
    events,
    lifted.map(({ i }) => i),
  );
  const latest = await queryEvents(group, { ...everything, direction: 'backward', limit: 50 });
  assert.deepEqual(
    latest.events.map((event) => Number.parseInt(event.message, 10)),
    lifted.slice(-50).map(({ i }) => i),
  );
  await store.close();
});

async function allMessages(group: NonNullable<ReturnType<LogStore['group']>>): Promise<number[]> {
  const found: number[] = [];
  let after: EventQuery['after'] = null;
  do {
    const page = await queryEvents(group, { ...everything, after, limit: 333 });
    found.push(...page.events.map((event) => Number.parseInt(event.message, 10)));
    after = page.resumeAfter;
  } while (after !== null);
  return found;
}
