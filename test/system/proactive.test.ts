import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionConfigurationCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { zip } from './zip.js';

/** Longer than the handlers need to call it proactive, as the published ones do. */
const aheadMs = 10_500;
/** A sandbox needs longer to load than an invocation takes: whoever waits for one is served by the other. */
const initMs = 3000;
const waitMs = 1000;

const read = (name: string) => readFileSync(join(projectRoot, 'bench', 'functions', 'detect', name), 'utf8');

describe('what functions find out about their initialization', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start();
  });
  after(() => hearth.remove());

  async function lines(name: string): Promise<string[]> {
    const command = new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}` });
    const { events = [] } = await hearth.logs().send(command);
    return events.map(({ message = '' }) => message);
  }
  const counted = async (name: string, pattern: RegExp) =>
    (await lines(name)).filter((line) => pattern.test(line)).length;
  /** Answers of two invocations at once. */
  const both = (name: string) => Promise.all([hearth.invoke(name, { waitMs }), hearth.invoke(name, { waitMs })]);

  /** One sandbox that works, and one that was started for an invocation which then did not need it. */
  async function eagerlyAssigned(name: string): Promise<void> {
    await hearth.invoke(name);
    const loadedTwice = async () => {
      for (const { functionError } of await both(name)) assert.equal(functionError, undefined);
      // Should the two have missed each other, nothing was started.
      return await eventually(async () => (await counted(name, /loaded/)) === 2, 'a second one', 2 * initMs).catch(
        () => false,
      );
    };
    await eventually(loadedTwice, `${name} to have two sandboxes`, 60_000);
  }

  it('the published detection sees proactive initialization, in Node and in Python', {
    timeout: 180_000,
  }, async (test) => {
    const runtimes: { readonly name: string; readonly status: string }[] = JSON.parse(
      (await hearth.cli('runtimes', '--json')).stdout,
    );
    const python = runtimes.findLast(({ name, status }) => name.startsWith('python') && status === 'ready')?.name;
    const more = { Timeout: 30, Environment: { Variables: { INIT_MS: String(initMs) } } };
    await hearth.create('detect-node', ownNode, 'index.handler', { 'index.mjs': read('index.mjs') }, more);
    const names = ['detect-node'];
    if (python === undefined) test.diagnostic('no Python of a Lambda runtime on this machine: Node only');
    else {
      await hearth.create('detect-python', python, 'app.handler', { 'app.py': read('app.py') }, more);
      names.push('detect-python');
    }
    await Promise.all(names.map(eagerlyAssigned));
    for (const name of names) {
      assert.equal(await counted(name, /coldStart: true/i), 1, `${name}: the second sandbox has had no invocation`);
      assert.equal(await counted(name, /proactiveInitialization: true/i), 0);
    }
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
    for (const name of names) {
      const seen = (await both(name)).filter(({ payload }) => JSON.parse(payload).proactiveInitialization);
      assert.equal(seen.length, 1, name);
      assert.equal(await counted(name, /proactiveInitialization: true/i), 1);
      assert.equal(await counted(name, /coldStart: true/i), 1, `${name}: nobody waited`);
      assert.equal(await counted(name, /loaded/), 2);
    }
  });

  it('after an update of its code under load, too: as many wait as were at work', { timeout: 120_000 }, async () => {
    const code = read('index.mjs');
    await hearth.create('detect-update', ownNode, 'index.handler', { 'index.mjs': code }, { Timeout: 30 });
    await both('detect-update');
    const FunctionName = 'detect-update';
    const ZipFile = await zip({ 'index.mjs': `// Another version.\n${code}` });
    await hearth.lambda().send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
    await eventually(async () => {
      const { LastUpdateStatus } = await hearth.lambda().send(new GetFunctionConfigurationCommand({ FunctionName }));
      return LastUpdateStatus === 'Successful';
    }, 'the update');
    await new Promise((resolve) => setTimeout(resolve, aheadMs));
    const answers = await both('detect-update');
    assert.deepEqual(
      answers.map(({ payload }) => JSON.parse(payload)),
      [{ proactiveInitialization: true }, { proactiveInitialization: true }],
    );
  });
});
