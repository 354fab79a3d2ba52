import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DuckDbAnalytics, type DuckDbOptions } from '../../src/adapters/duckdb/analytics.js';
import { RealClock } from '../../src/adapters/embedded/clock.js';
import type { Analytics, AnalyticsAnswer, AnalyticsQuestion } from '../../src/kernel/ports/analytics.js';

/** The process is no more, or nobody has asked for its end yet. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (!isGone(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}

const many = { rowsMax: 10_000, charsMax: 1 << 20 };
/** Works for minutes, and holds nothing. */
const endless = 'SELECT CAST(sum(a.range * b.range) AS VARCHAR) FROM range(10000000) a, range(10000000) b';

function ask(
  analytics: Analytics,
  sql: string,
  parameters: AnalyticsQuestion['parameters'] = [],
  more: Partial<AnalyticsQuestion> = {},
): Promise<AnalyticsAnswer> {
  return analytics.query({ sql, parameters, ...many, signal: new AbortController().signal, ...more });
}

async function within(
  body: (analytics: DuckDbAnalytics, outside: string) => Promise<void>,
  options: Partial<DuckDbOptions> = {},
): Promise<void> {
  // Names that SQL and globs would take for something else.
  const root = mkdtempSync(join(tmpdir(), "an[a-b]l*'yt-"));
  const folder = join(root, 'logs');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.ndjson'), '{"x":"one"}\n{"x":"two"}\n{"x":"to');
  writeFileSync(join(root, 'secret.ndjson'), '{"x":"secret"}\n');
  const analytics = new DuckDbAnalytics({ folder, clock: new RealClock(), ...options });
  try {
    await body(analytics, root);
  } finally {
    await analytics.close();
    rmSync(root, { recursive: true, force: true });
  }
}

const lines =
  "SELECT x FROM read_json($1::VARCHAR, format = 'newline_delimited', columns = {x: 'VARCHAR'}, ignore_errors = true) WHERE x IS NOT NULL";

describe('Analytics: DuckDB', { timeout: 120_000 }, () => {
  it('starts nothing before the first statement; reads files of its folder, torn lines left out', () =>
    within(async (analytics) => {
      assert.equal(analytics.pid, null);
      const answer = await ask(analytics, lines, ['a.ndjson']);
      assert.deepEqual(answer, { columns: ['x'], rows: [['one'], ['two']], truncated: false });
      assert.ok(analytics.pid !== null);
    }));

  it('binds every kind of value; JSON functions are built in', () =>
    within(async (analytics) => {
      const { rows } = await ask(
        analytics,
        "SELECT $1::VARCHAR, CAST($2::BIGINT AS VARCHAR), CAST($3::BOOLEAN AS VARCHAR), $4::VARCHAR, CAST(json_valid('{}') AS VARCHAR)",
        ["o'ne\u0000; --", 1_732_241_842_000, true, null],
      );
      assert.deepEqual(rows, [["o'ne\u0000; --", '1732241842000', 'true', null, 'true']]);
    }));

  it('no other file can be read or written, no setting changed, no extension loaded', () =>
    within(async (analytics, outside) => {
      const paths = [join(outside, 'secret.ndjson'), '../secret.ndjson', '/etc/passwd'];
      for (const path of paths) {
        for (const sql of [lines, 'SELECT content FROM read_text($1::VARCHAR)']) {
          await assert.rejects(ask(analytics, sql, [path]), /Permission Error|disabled/, `${sql} ${path}`);
        }
      }
      const target = join(outside, 'written.csv').replaceAll("'", "''");
      for (const sql of [
        `COPY (SELECT 'x') TO '${target}'`,
        `ATTACH '${target}' AS other`,
        "SET memory_limit = '9GB'",
        'SET enable_external_access = true',
        'INSTALL httpfs',
        'LOAD httpfs',
      ]) {
        await assert.rejects(ask(analytics, sql), { name: 'AnalyticsError', kind: 'failed' }, sql);
      }
      assert.ok(!existsSync(join(outside, 'written.csv')));
    }));

  it('says when a file is gone, when the statement is wrong, and when memory does not suffice', () =>
    within(async (analytics) => {
      await assert.rejects(ask(analytics, lines, ['none.ndjson']), { kind: 'gone' });
      await assert.rejects(ask(analytics, 'SELEC'), { kind: 'failed' });
      const large = 'SELECT CAST(len(list(repeat(CAST(range AS VARCHAR), 20))) AS VARCHAR) FROM range(20000000)';
      await assert.rejects(ask(analytics, large), { kind: 'memory' });
      assert.equal((await ask(analytics, "SELECT 'still here'")).rows[0]?.[0], 'still here');
    }));

  it('bounds of rows and of characters cut the answer', () =>
    within(async (analytics) => {
      const sql = "SELECT repeat('x', 100) FROM range(100000)";
      const byRows = await ask(analytics, sql, [], { rowsMax: 7 });
      assert.deepEqual([byRows.rows.length, byRows.truncated], [7, true]);
      const byChars = await ask(analytics, sql, [], { rowsMax: 100_000, charsMax: 2_050 });
      assert.deepEqual([byChars.rows.length, byChars.truncated], [20, true]);
      const exact = await ask(analytics, "SELECT 'x' FROM range(7)", [], { rowsMax: 7 });
      assert.deepEqual([exact.rows.length, exact.truncated], [7, false]);
    }));

  it('a signal ends the statement it belongs to, before, while and without the engine hearing of it', () =>
    within(async (analytics) => {
      await assert.rejects(ask(analytics, 'SELECT 1', [], { signal: AbortSignal.abort() }), { kind: 'cancelled' });
      assert.equal(analytics.pid, null);
      const early = new AbortController();
      const first = ask(analytics, endless, [], { signal: early.signal });
      early.abort();
      await assert.rejects(first, { kind: 'cancelled' });
      const late = new AbortController();
      const second = ask(analytics, endless, [], { signal: late.signal });
      const { pid } = analytics;
      assert.equal((await ask(analytics, "SELECT 'beside it'")).rows[0]?.[0], 'beside it');
      late.abort();
      await assert.rejects(second, { kind: 'cancelled' });
      assert.equal(analytics.pid, pid);
      process.kill(pid!, 'SIGSTOP');
      const stuck = new AbortController();
      const third = ask(analytics, endless, [], { signal: stuck.signal });
      stuck.abort();
      await assert.rejects(third, { kind: 'cancelled' });
      assert.equal((await ask(analytics, "SELECT 'another process'")).rows[0]?.[0], 'another process');
      assert.notEqual(analytics.pid, pid);
    }));

  it('a killed engine fails what it ran, and the next statement has another one; it ends when idle, and when closed', () =>
    within(
      async (analytics) => {
        const running = ask(analytics, endless);
        await ask(analytics, "SELECT 'ready'");
        process.kill(analytics.pid!, 'SIGKILL');
        await assert.rejects(running, { name: 'AnalyticsError', kind: 'failed' });
        await ask(analytics, "SELECT 'again'");
        const pid = analytics.pid!;
        await untilGone(pid);
        const last = ask(analytics, endless);
        const rejected = assert.rejects(last, { name: 'AnalyticsError' });
        await analytics.close();
        await rejected;
        await assert.rejects(ask(analytics, 'SELECT 1'), { kind: 'cancelled' });
      },
      { idleMsMax: 20 },
    ));

  it('dies with its owner, also when that is killed while a statement runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'analytics-'));
    const program = fileURLToPath(new URL('./analytics.owner.js', import.meta.url));
    const owner = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const pid = Number(String((await once(owner.stdout, 'data'))[0]));
      assert.ok(pid > 1 && !isGone(pid));
      owner.kill('SIGKILL');
      await untilGone(pid);
    } finally {
      owner.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
