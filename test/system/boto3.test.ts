import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { Hearth, ownNode } from './hearth.js';
import { missingMoto, motoPython } from './motoserver.js';

const script = join(projectRoot, 'test', 'system', 'fixtures', 'boto3', 'client.py');
/** Far above what it takes. */
const msMax = 120_000;

test('boto3 works unmodified', async (t) => {
  if (motoPython === null) return t.skip(missingMoto);
  const hearth = await Hearth.start('--spares', '0');
  try {
    const options = { env: hearth.environment, timeout: msMax, killSignal: 'SIGKILL' } as const;
    const { stdout } = await promisify(execFile)(motoPython, [script, ownNode], options);
    const steps = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly step: string; readonly problem: string | null });
    for (const { step, problem } of steps) await t.test(step, () => assert.equal(problem, null));
    assert.equal(steps.at(-1)?.step, 'deletes');
  } finally {
    await hearth.remove();
  }
});
