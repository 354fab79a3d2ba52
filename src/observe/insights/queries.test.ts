import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Analytics } from '../../kernel/ports/analytics.js';
import { type InsightsOptions, InsightsQueries, type QueryOutcome, type QueryRecord } from './queries.js';

const scope = { account: '000000000000', region: 'us-east-1' };

/** Time that is moved by hand. */
class TestClock {
  #nowMs = 1_000;
  #timers: { readonly dueMs: number; readonly action: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get waiting(): number {
    return this.#timers.length;
  }

  move(ms: number): void {
    this.#nowMs += ms;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { action } of due) action();
  }
}

interface Work {
  readonly signal: AbortSignal;
  readonly resolve: (outcome: QueryOutcome) => void;
  readonly reject: (error: Error) => void;
}

function outcome(chars = 10): QueryOutcome {
  return { rows: [], recordsMatched: 1, recordsScanned: 2, bytesScanned: 3, chars };
}

function setUp(options: Partial<InsightsOptions> = {}) {
  const clock = new TestClock();
  const failures: string[] = [];
  let closed = false;
  const analytics: Analytics = {
    query: () => Promise.reject(new Error('not asked here')),
    close: async () => {
      closed = true;
    },
  };
  const onFailure = ({ message }: Error) => failures.push(message);
  const queries = new InsightsQueries({ analytics, clock, onFailure, ...options });
  const works: Work[] = [];
  const start = (from = scope): QueryRecord | null =>
    queries.start({
      scope: from,
      text: 'fields x',
      groups: ['g'],
      work: (signal) => new Promise((resolve, reject) => works.push({ signal, resolve, reject })),
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, queries, works, start, failures, settled, isClosed: () => closed };
}

test('two queries run, the others wait for their turn; beyond thirty none is taken', async () => {
  const { start, works, settled } = setUp();
  const all = Array.from({ length: 30 }, () => start()!);
  assert.equal(start(), null);
  assert.equal(works.length, 2);
  assert.deepEqual([all[1]!.status, all[2]!.status], ['Running', 'Scheduled']);
  works[0]!.resolve(outcome());
  await settled();
  assert.deepEqual([all[0]!.status, all[2]!.status, works.length], ['Complete', 'Running', 3]);
  assert.equal(all[0]!.outcome?.recordsScanned, 2);
  assert.ok(start() !== null);
});

test('a query that runs for a minute is ended as Timeout, and the next one begins', async () => {
  const { clock, start, works, settled } = setUp({ runningMax: 1 });
  const [slow, next] = [start()!, start()!];
  clock.move(59_999);
  assert.equal(slow.status, 'Running');
  clock.move(1);
  assert.deepEqual([slow.status, works[0]!.signal.aborted, next.status], ['Timeout', true, 'Running']);
  works[0]!.reject(new Error('cancelled'));
  works[1]!.resolve(outcome());
  await settled();
  assert.deepEqual([slow.status, slow.outcome, next.status], ['Timeout', null, 'Complete']);
});

test('a stopped query is Cancelled at once, running or not; over ones cannot be stopped', async () => {
  const { queries, start, works, failures, settled } = setUp({ runningMax: 1 });
  const [running, waiting, third] = [start()!, start()!, start()!];
  assert.ok(queries.stop(waiting));
  assert.ok(queries.stop(running));
  assert.deepEqual([running.status, waiting.status, third.status], ['Cancelled', 'Cancelled', 'Running']);
  assert.ok(works[0]!.signal.aborted);
  works[0]!.reject(new Error('cancelled'));
  await settled();
  assert.equal(queries.stop(running), false);
  assert.equal(running.status, 'Cancelled');
  assert.deepEqual(failures, []);
});

test('a failure is told to the platform; the query is Failed', async () => {
  const { start, works, failures, settled } = setUp();
  const query = start()!;
  works[0]!.reject(new Error('no memory'));
  await settled();
  assert.deepEqual([query.status, failures], ['Failed', ['no memory']]);
});

test('results are kept for 15 minutes, a hundred of them, and so many characters together', async () => {
  const { clock, queries, works, start, settled } = setUp({ keptMax: 3, keptCharsMax: 100 });
  const run = async (chars: number) => {
    const query = start()!;
    works.at(-1)!.resolve(outcome(chars));
    await settled();
    return query;
  };
  const kept = (...all: QueryRecord[]) => all.map((query) => queries.get(scope, query.id) !== null);
  const [a, b, c] = [await run(10), await run(10), await run(10)];
  const d = await run(10);
  assert.deepEqual(kept(a, b, c, d), [false, true, true, true]);
  const large = await run(85);
  assert.deepEqual(kept(b, c, d, large), [false, false, true, true]);
  const tooLarge = await run(1_000);
  assert.deepEqual(kept(d, large, tooLarge), [false, false, true]);
  clock.move(15 * 60_000);
  assert.deepEqual(kept(tooLarge), [false]);
  assert.deepEqual(queries.list(scope), []);
  assert.equal(clock.waiting, 0);
});

test('accounts and regions see their own queries, latest first', () => {
  const { queries, start } = setUp();
  const [one, two] = [start()!, start()!];
  const other = { account: '111111111111', region: 'us-east-1' };
  const theirs = start(other)!;
  assert.deepEqual(queries.list(scope), [two, one]);
  assert.equal(queries.get(other, one.id), null);
  assert.equal(queries.get({ ...scope, region: 'eu-west-1' }, one.id), null);
  assert.equal(queries.get(other, theirs.id), theirs);
});

test('closing ends everything and takes nothing more', async () => {
  const { queries, clock, works, start, isClosed } = setUp({ runningMax: 1 });
  const [running, waiting] = [start()!, start()!];
  const closing = queries.close();
  works[0]!.reject(new Error('cancelled'));
  await closing;
  assert.deepEqual([running.status, waiting.status, works.length, isClosed()], ['Cancelled', 'Cancelled', 1, true]);
  assert.equal(start(), null);
  assert.equal(clock.waiting, 0);
});
