import type { PoolSample } from './messages.js';
import { provisionedOf } from './provision.js';
import type { Pool } from './sandbox.js';

/**
 * What is to be seen of the pool now; its peak and its arrivals begin anew. The same object as the last time if nothing of it
 * has changed.
 */
export function sampleOf(pool: Pool): PoolSample {
  const { key, version, memoryMib, busy, arrivals, startMs, alive, startingAll, provisionedTarget, lastSample } = pool;
  const peak = Math.max(pool.samplePeak, pool.load);
  const idle = Math.max(0, alive - busy - startingAll);
  pool.samplePeak = 0;
  pool.arrivals = 0;
  const isSame =
    lastSample !== null &&
    lastSample.busy === busy &&
    lastSample.peak === peak &&
    lastSample.arrivals === arrivals &&
    lastSample.idle === idle &&
    lastSample.starting === startingAll &&
    lastSample.memoryMib === memoryMib &&
    lastSample.startMs === (startMs ?? undefined);
  // Of what is provisioned there is little.
  if (isSame && provisionedTarget === null && lastSample.provisioned === nothingProvisioned) return lastSample;
  const provisioned = provisionedTarget === null ? nothingProvisioned : provisionedOf(pool);
  const starting = startingAll;
  // Each in one piece: there are many.
  const sample: PoolSample =
    startMs === null
      ? { pool: key, version, memoryMib, busy, peak, arrivals, idle, starting, provisioned }
      : { pool: key, version, memoryMib, busy, peak, arrivals, idle, starting, provisioned, startMs };
  pool.lastSample = sample;
  return sample;
}

const nothingProvisioned = { requested: 0, allocated: 0, available: 0, busy: 0, failed: false };
