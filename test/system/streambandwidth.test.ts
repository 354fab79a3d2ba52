import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InvokeWithResponseStreamCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { mib } from '../../src/kernel/units.js';
import { Hearth, ownNode } from './hearth.js';

test('hearth up --stream-mbps: what is over 6 MB takes its time', async () => {
  const hearth = await Hearth.start('--spares', '0', '--stream-mbps', '2');
  try {
    const code = { 'index.mjs': readFileSync(join(projectRoot, 'test', 'system', 'fixtures', 'streaming.mjs')) };
    await hearth.create('flood', ownNode, 'index.flood', code, { Timeout: 60 });
    const Payload = Buffer.from(JSON.stringify({ mib: 8 }));
    const startedMs = performance.now();
    const answer = await hearth.lambda().send(new InvokeWithResponseStreamCommand({ FunctionName: 'flood', Payload }));
    let bytes = 0;
    for await (const { PayloadChunk } of answer.EventStream!) bytes += PayloadChunk?.Payload?.length ?? 0;
    assert.equal(bytes, 8 * mib + 5);
    // No speed limit of a test: the cap itself promises that 2 MiB more need a second. (The last pieces may be early.)
    assert.ok(performance.now() - startedMs > 900);
    for (const value of ['0', '-1', 'fast']) {
      const { status, stderr } = await hearth.cli('up', '--stream-mbps', value);
      assert.equal(status, 64);
      assert.match(stderr, /--stream-mbps takes a number above 0/);
    }
  } finally {
    await hearth.remove();
  }
});
