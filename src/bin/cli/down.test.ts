import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { processStart } from '../../worker/sandbox/process/owner.js';
import { stopProcess } from './down.js';

async function started(script: string) {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  return { platform: { pid: child.pid!, processStart: processStart(child.pid!)! }, ended };
}

test('a process that ends when it is asked to is waited for; one that does not is killed', async () => {
  const obedient = await started("trap 'exit 3' TERM; echo up; while read -r line; do :; done");
  await stopProcess(obedient.platform, 60_000);
  assert.deepEqual(await obedient.ended, [3, null]);
  const deaf = await started("trap '' TERM; echo up; while read -r line; do :; done");
  await stopProcess(deaf.platform, 40);
  assert.deepEqual(await deaf.ended, [null, 'SIGKILL']);
});
