import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Hearth } from '../system/hearth.js';
import { type Built, build } from './build.js';
import { arnOf, failure, logged, result } from './customruntime.js';

const programs = [
  {
    language: 'Go, aws-lambda-go',
    runtime: 'provided.al2023',
    name: 'go',
    built: () => build('go', [['go', 'build', '-tags', 'lambda.norpc', '-o', 'bootstrap', '.']]),
    program: 'bootstrap',
    error: { errorMessage: 'as told', errorType: 'errorString' },
    panic: { errorMessage: 'at the disco', errorType: 'string' },
  },
  {
    language: 'Rust, lambda_runtime',
    runtime: 'provided.al2',
    name: 'rust',
    built: () => build('rust', [['cargo', 'build', '--quiet']]),
    program: join('target', 'debug', 'bootstrap'),
    error: {
      errorMessage: 'as told',
      errorType: '&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>',
    },
    panic: {
      errorMessage: 'Lambda panicked: at the disco',
      errorType: '&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>',
    },
  },
] as const;

describe('programs on Lambda’s official libraries', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
  });
  after(() => hearth.remove());

  for (const { language, runtime, name, built, program, error, panic } of programs) {
    it(`${language} under ${runtime}`, async (test) => {
      const made: Built = await built();
      if ('missing' in made) return test.skip(made.missing);
      await hearth.create(name, runtime, 'any.handler', { bootstrap: readFileSync(join(made.folder, program)) });
      const first = await hearth.invoke(
        name,
        { n: 1 },
        { ClientContext: Buffer.from('{"custom":{"a":"b"}}').toString('base64') },
      );
      assert.equal(first.functionError, undefined, `${first.payload}\n${first.log}`);
      const answer = JSON.parse(first.payload);
      assert.deepEqual(
        {
          got: answer.got,
          count: answer.count,
          arn: answer.arn,
          remaining: answer.remaining,
          function: answer.function,
        },
        { got: 1, count: 1, arn: arnOf(hearth, name), remaining: true, function: name },
      );
      assert.match(answer.requestId, /^[0-9a-f-]{36}$/);
      assert.match(first.log, /said 1/);
      assert.equal(((await result(hearth, name, { n: 2 })) as { count: number }).count, 2);

      assert.deepEqual(await failure(hearth, name, { n: 3, do: 'fail' }), error);
      // A failed invocation leaves the process as it is.
      assert.equal(((await result(hearth, name, { n: 4 })) as { count: number }).count, 3);

      const panicked = await failure(hearth, name, { n: 5, do: 'panic' });
      assert.deepEqual([panicked.errorMessage, panicked.errorType], [panic.errorMessage, panic.errorType]);

      const exited = await failure(hearth, name, { n: 6, do: 'exit' });
      assert.equal(exited.errorType, 'Runtime.ExitError');
      assert.match(
        String(exited.errorMessage),
        /^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$/,
      );
      assert.equal(((await result(hearth, name, { n: 7 })) as { count: number }).count, 1);
    });
  }

  it('Go: errors of its own types, client context, a response of 6 MB and one beyond', async (test) => {
    const made = await programs[0].built();
    if ('missing' in made) return test.skip(made.missing);
    await hearth.create('go-more', 'provided.al2', 'x', { bootstrap: readFileSync(join(made.folder, 'bootstrap')) });
    const own = await failure(hearth, 'go-more', { do: 'own' });
    assert.deepEqual(own, { errorMessage: 'own error 7', errorType: 'ownError' });
    const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString('base64');
    const seen = JSON.parse((await hearth.invoke('go-more', {}, { ClientContext })).payload);
    assert.deepEqual([seen.client, seen.traced], ['b', true]);
    // Each byte is a NUL: six characters of JSON.
    assert.equal(((await result(hearth, 'go-more', { do: 'large', bytes: 1_000_000 })) as string).length, 1_000_000);
    const large = await failure(hearth, 'go-more', { do: 'large', bytes: 1_050_000 });
    assert.equal(large.errorType, 'Function.ResponseSizeTooLarge');
    await logged(hearth, 'go-more', /starting x/);
  });
});
