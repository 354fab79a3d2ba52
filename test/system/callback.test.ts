import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import type { AccountId } from '../../src/kernel/ids.js';
import { Hearth, ownNode } from './hearth.js';

const fixture = readFileSync(join(projectRoot, 'test/system/fixtures/node/callsback.mjs'));

// Without isolation a function reaches the loopback, on which the platform of a test listens.
describe('a function that calls the platform', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0', '--isolation', 'none');
    hearth.credentials.add('222222222222' as AccountId);
    await hearth.create('caller', ownNode, 'callsback.handler', { 'callsback.mjs': fixture });
  });
  after(() => hearth.remove());

  const get = async (path: string) => {
    const { payload, functionError } = await hearth.invoke('caller', { endpoint: hearth.endpoint, path });
    assert.equal(functionError, undefined, payload);
    return JSON.parse(payload);
  };

  it('acts for its own account', async () => {
    const found = await get('/2015-03-31/functions/caller/configuration');
    assert.deepEqual([found.status, found.body.FunctionName], [200, 'caller']);
    const signed = await get('/2015-03-31/functions/');
    assert.equal(signed.body.Functions.length, 1);
  });

  it('is nobody in another', async () => {
    const answer = await get('/2015-03-31/functions/222222222222:function:x/configuration');
    assert.equal(answer.status, 403);
    assert.match(answer.body.Message, /^User: arn:aws:sts::123456789012:assumed-role\/test\/caller is not authorized/);
  });
});
