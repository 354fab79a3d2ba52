import type { PoolSample } from './messages.js';
import { provisionedOf } from './provision.js';
import type { Pool } from './sandbox.js';

/** What is to be seen of the pool now; its peak and its arrivals begin anew. */
export function sampleOf(pool: Pool): PoolSample {
  const { key, version, memoryMib, busy, arrivals, startMs } = pool;
  const peak = Math.max(pool.samplePeak, pool.load);
  const starting = pool.startingAll;
  const idle = Math.max(0, pool.alive - busy - starting);
  pool.samplePeak = 0;
  pool.arrivals = 0;
  const counts = { busy, peak, arrivals, idle, starting, provisioned: provisionedOf(pool) };
  return { pool: key, version, memoryMib, ...counts, ...(startMs !== null && { startMs }) };
}
