import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { InvocationStart } from '../wire/start.js';
import { type Parts, realParts } from './parts.js';
import { reportOf } from './report.js';
import { simulate } from './simulation.js';

const seeds = 40;
const events = 5_000;

/** Notes the kinds of everything that goes into a machine and comes out of it. */
function noting<I extends { kind: string }, E extends { kind: string }, M extends { step(input: I): readonly E[] }>(
  machine: M,
  seen: Set<string>,
): M {
  const step = machine.step.bind(machine);
  machine.step = (input: I) => {
    seen.add(input.kind);
    const effects = step(input);
    for (const effect of effects) {
      seen.add('reason' in effect ? `${effect.kind} ${effect.reason}` : effect.kind);
      if ('origin' in effect) seen.add(`${effect.kind} ${effect.origin}`);
      if ('start' in effect) seen.add(`${effect.kind} ${(effect.start as InvocationStart).kind}`);
    }
    return effects;
  };
  return machine;
}

test(`${seeds} seeds of ${events} events: no check is violated, and every message is met`, () => {
  const seen = { counting: new Set<string>(), assignment: new Set<string>(), async: new Set<string>() };
  const parts: Parts = {
    ...realParts,
    counting: (options) => noting(realParts.counting(options), seen.counting),
    assignment: (options) => noting(realParts.assignment(options), seen.assignment),
    async: (options) => noting(realParts.async(options), seen.async),
  };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violation } = simulate(seed, events, parts);
    if (violation === null) continue;
    assert.fail(`seed ${seed}, step ${violation.step}: ${violation.message}\n${violation.last.slice(-20).join('\n')}`);
  }
  const expected = {
    counting: [
      ...['admit', 'release', 'admitted', 'throttled ConcurrentInvocationLimitExceeded'],
      'throttled ReservedFunctionConcurrentInvocationLimitExceeded',
    ],
    assignment: [
      ...['acquire', 'released', 'sandbox-ready', 'sandbox-gone', 'placed', 'placement-refused', 'worker-lost'],
      ...['pool-superseded', 'memory-pressure', 'persisted', 'worker-report', 'tick', 'grant', 'place', 'start'],
      ...['persist', 'trim', 'forget', 'refuse no-capacity', 'refuse wait-expired', 'refuse start-failed'],
      ...['superseded', 'idle', 'memory-pressure', 'lifetime', 'function-deleted', 'orphaned'].map(
        (why) => `stop ${why}`,
      ),
      ...[
        'warm',
        'provision',
        'handover',
        'keep',
        'let-go',
        'worker-drain',
        'handed-over',
        'pool-gone',
        'refuse scaling-rate',
      ],
      ...['stop init-failed', 'stop unprovisioned', 'stop drain'],
      ...['start provisioned', 'start deploy', 'start rotation', 'start drain', 'start forecast'],
      ...['grant cold', 'grant warm', 'grant proactive', 'grant provisioned'],
    ],
    async: [
      ...['wake', 'pulled', 'attempt-ended', 'concluded', 'delivered'],
      ...['pull', 'attempt', 'conclude', 'deliver', 'nak', 'arm', 'extend', 'undelivered no'],
      ...['success', 'retries-exhausted', 'expired', 'zero-reserved', 'recursion', 'function-gone'].map(
        (why) => `ack ${why}`,
      ),
      ...['ack told', 'dropped retries-exhausted', 'dropped function-gone'],
    ],
  };
  for (const part of ['counting', 'assignment', 'async'] as const) {
    const missing = expected[part].filter((kind) => !seen[part].has(kind));
    assert.deepEqual(missing, [], `${part} is simulated in full`);
  }
});

test('the same seed gives the same trace, another seed another one', () => {
  const first = simulate(4711, events);
  assert.deepEqual(simulate(4711, events), first);
  assert.notEqual(simulate(4712, events).hash, first.hash);
});

test('the command prints the run, for people and as JSON', async () => {
  const command = join(fileURLToPath(import.meta.url), '../../bin/sim.js');
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [command, '--seed', '9', '--events', '2000', '--json']);
  const { hash } = simulate(9, 2_000);
  assert.equal(JSON.parse(stdout).hash, hash);
  const { stdout: text } = await run(process.execPath, [command, '--seed', '9', '--events', '2000']);
  assert.ok(text.startsWith('seed 9 '));
  assert.ok(text.includes(hash));
});

test('a violation is reported with seed, step and what led there', () => {
  const parts: Parts = { ...realParts, counting: () => ({ step: (input) => [{ ...input, kind: 'admitted' }] }) };
  const results = [1, 2, 3, 4, 5].map((seed) => simulate(seed, 10_000, parts));
  const bad = results.find(({ violation }) => violation !== null);
  assert.ok(bad?.violation);
  const report = reportOf(bad).join('\n');
  assert.ok(report.includes(`seed ${bad.seed}, step ${bad.violation.step}: Violation: `));
  assert.ok(report.includes(`\n${bad.violation.step} `));
});
