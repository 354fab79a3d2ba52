import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvokeWithResponseStreamCommand } from '@aws-sdk/client-lambda';
import { Hearth } from '../system/hearth.js';
import { build } from './build.js';

describe('programs that stream, on Lambda’s official libraries', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '0');
  });
  after(() => hearth.remove());

  async function stream(name: string, event: unknown) {
    const Payload = Buffer.from(JSON.stringify(event));
    const answer = await hearth.lambda().send(new InvokeWithResponseStreamCommand({ FunctionName: name, Payload }));
    let text = '';
    let errorCode: string | undefined;
    for await (const { PayloadChunk, InvokeComplete } of answer.EventStream!) {
      if (PayloadChunk) text += Buffer.from(PayloadChunk.Payload!).toString();
      errorCode = InvokeComplete?.ErrorCode;
    }
    return { text, errorCode };
  }

  it('Go, aws-lambda-go: a reader, and one that fails', async (test) => {
    const made = await build('go', [['go', 'build', '-tags', 'lambda.norpc', '-o', 'bootstrap', '.']]);
    if ('missing' in made) return test.skip(made.missing);
    const bootstrap = readFileSync(join(made.folder, 'bootstrap'));
    await hearth.create('go', 'provided.al2023', 'any', { bootstrap });
    assert.deepEqual(await stream('go', { do: 'stream' }), { text: 'one two', errorCode: undefined });
    assert.deepEqual(await stream('go', { do: 'streamfail' }), { text: 'one ', errorCode: 'errorString' });
    // Go's client names no type in a header.
    assert.equal((await stream('go', { do: 'fail' })).errorCode, 'Runtime.Unknown');
    assert.equal((await hearth.invoke('go', { do: 'stream' })).payload, 'one two');
  });

  it('Rust, lambda_runtime: a channel, behind an HTTP prelude', async (test) => {
    const made = await build('rust', [['cargo', 'build', '--quiet']]);
    if ('missing' in made) return test.skip(made.missing);
    const bootstrap = readFileSync(join(made.folder, 'target', 'debug', 'streams'));
    await hearth.create('rust', 'provided.al2023', 'any', { bootstrap });
    const { text, errorCode } = await stream('rust', {});
    const [prelude, body] = text.split('\0'.repeat(8));
    assert.equal(JSON.parse(prelude!).statusCode, 200);
    assert.deepEqual([body, errorCode], ['one two', undefined]);
  });
});
