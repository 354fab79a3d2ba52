import { DuckDbAnalytics } from '../../src/adapters/duckdb/analytics.js';
import { RealClock } from '../../src/adapters/embedded/clock.js';

/** Runs an endless statement, tells the number of the engine's process once it answers others, and waits to be killed. */
const analytics = new DuckDbAnalytics({ folder: process.argv[2] ?? '', clock: new RealClock() });
const bounds = { parameters: [], rowsMax: 1, charsMax: 100, signal: new AbortController().signal };
const endless = 'SELECT CAST(sum(a.range * b.range) AS VARCHAR) FROM range(10000000) a, range(10000000) b';
analytics.query({ sql: endless, ...bounds }).catch(() => {});
await analytics.query({ sql: "SELECT 'ready'", ...bounds });
process.stdout.write(`${analytics.pid}\n`);
