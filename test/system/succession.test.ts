import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { GetFunctionConfigurationCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

/** Its init takes half a second, so that an invocation that has to wait for one is seen. */
const source = (text: string) => `
  await new Promise((resolve) => setTimeout(resolve, 500));
  const bornMs = Date.now();
  export const handler = async ({ ms = 0 }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { text: '${text}', bornMs };
  };`;

describe('an update of a function in use', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
  });
  after(() => hearth.remove());

  const invoke = async (ms = 0): Promise<{ readonly text: string; readonly bornMs: number }> => {
    const { payload, functionError } = await hearth.invoke('f', { ms });
    assert.equal(functionError, undefined, payload);
    return JSON.parse(payload);
  };
  const isSuccessful = async (): Promise<boolean> => {
    const command = new GetFunctionConfigurationCommand({ FunctionName: 'f' });
    return (await hearth.lambda().send(command)).LastUpdateStatus === 'Successful';
  };

  it('invocations get the old code until it is Successful, and then the new one in sandboxes that wait for them', async () => {
    await hearth.create('f', ownNode, 'index.handler', { 'index.mjs': source('old') }, { Timeout: 60 });
    await Promise.all([invoke(2_000), invoke(2_000)]);
    await hearth
      .lambda()
      .send(new UpdateFunctionCodeCommand({ FunctionName: 'f', ZipFile: await zip({ 'index.mjs': source('new') }) }));
    const seen: string[] = [];
    const over = eventually(isSuccessful, 'the update', 60_000);
    let going = true;
    over
      .finally(() => {
        going = false;
      })
      .catch(() => {});
    while (going) seen.push((await invoke()).text);
    await over;
    assert.match(seen.join(' '), /^(old ?)+(new ?)*$/, 'never the old code after the new one');
    const askedMs = Date.now();
    const both = await Promise.all([invoke(2_000), invoke(2_000)]);
    assert.deepEqual(
      both.map(({ text, bornMs }) => [text, bornMs < askedMs]),
      [
        ['new', true],
        ['new', true],
      ],
      'as many were ready as were at work before',
    );
  });
});
