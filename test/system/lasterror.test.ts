import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hearth, ownNode } from './hearth.js';

// Before Node 24, Lambda's client reports an error that nobody caught, and then its process ends; since then it only ends.
const reports = ownNode <= 'nodejs22.x';

test('an invocation whose process ends is over when it has: the next one never meets it', async () => {
  const hearth = await Hearth.start('--spares', '1');
  try {
    await hearth.create('uncaught', ownNode, 'index.handler', {
      'index.mjs': `export const handler = async (event) => {
        if (!event.fail) return 'served';
        setTimeout(() => { throw new TypeError('nobody catches it'); }, 1);
        await new Promise(() => {});
      };`,
    });
    for (let turn = 0; turn < 5; turn += 1) {
      const failed = await hearth.invoke('uncaught', { fail: true });
      assert.equal(failed.functionError, 'Unhandled');
      assert.equal(JSON.parse(failed.payload).errorType, reports ? 'TypeError' : 'Runtime.ExitError');
      if (reports) assert.match(failed.log, /Runtime exited with error: exit status 129/);
      assert.match(failed.log, /REPORT .*Status: error\s+Error Type: Runtime\.ExitError/);
      assert.equal((await hearth.invoke('uncaught')).payload, '"served"');
    }
  } finally {
    await hearth.remove();
  }
});
