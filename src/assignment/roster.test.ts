import assert from 'node:assert/strict';
import test from 'node:test';
import type { PoolKey, SandboxId } from '../kernel/ids.js';
import { hourMs } from '../kernel/units.js';
import { assignmentDefaults } from './options.js';
import { Roster } from './roster.js';

test('sandboxes live 1 to 4 hours, spread so that not all end together', () => {
  const { lifetimeMs, lifetimeSpread } = assignmentDefaults;
  const roster = new Roster(lifetimeMs, lifetimeSpread);
  const pool = roster.poolOf('p@1' as PoolKey, 128);
  const lives = Array.from({ length: 1_000 }, (_, index) => {
    const sandboxId = `sandbox-${index}` as SandboxId;
    roster.enroll(sandboxId, pool, 5, 'placing');
    return roster.sandboxes.get(sandboxId)!.expiresMs - 5;
  });
  assert.ok(Math.min(...lives) >= hourMs && Math.max(...lives) <= 4 * hourMs);
  for (const quarter of [0, 1, 2, 3]) {
    const from = (1 + quarter * 0.75) * hourMs;
    const count = lives.filter((life) => life >= from && life < from + 0.75 * hourMs).length;
    assert.ok(count > 150, `${count} of 1,000 end in quarter ${quarter}`);
  }
});
