import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type LambdaClient,
  PublishVersionCommand,
} from '@aws-sdk/client-lambda';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { microVmProblem } from './microvms.js';

// SnapStart as users know it, through the API of a platform whose sandboxes are virtual machines.
const problem = microVmProblem();
const skip = problem !== null && `no virtual machines here: ${problem}`;
const snapStart = { SnapStart: { ApplyOn: 'PublishedVersions' as const }, Timeout: 30 };
/** An init, a capture and two starts on a busy machine without hardware virtualization. */
const activeMsMax = 120_000;

const node = `
const order = [process.env.AWS_LAMBDA_INITIALIZATION_TYPE];
const loaded = Math.random();
const end = Date.now() + 400;
while (Date.now() < end);
awslambda.registerBeforeSnapshot(() => { order.push('before'); console.log('before the snapshot'); });
awslambda.registerAfterRestore(async () => { order.push('after'); console.log('after the restore'); });
exports.handler = async (event) => {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_CONTAINER_AUTHORIZATION_TOKEN: token } = process.env;
  const ask = (headers) => fetch(uri, { headers }).then(async (answer) => [answer.status, Object.keys(await answer.json())]);
  return {
    order, loaded, stream: process.env.AWS_LAMBDA_LOG_STREAM_NAME ?? null, key: process.env.AWS_ACCESS_KEY_ID ?? null,
    ...(event.credentials ? { credentials: await ask({ authorization: token }), refused: (await ask({}))[0] } : {}),
  };
};`;

const official = join(projectRoot, '.cache', 'official', 'python3.11');
const officialBootstrap = '#!/bin/sh\nexec /usr/bin/python3.11 -m awslambdaric app.handler\n';
const officialFunction = `
import random
from snapshot_restore_py import register_before_snapshot, register_after_restore
order = []
register_before_snapshot(order.append, "before")
register_after_restore(order.append, "after")
def handler(event, context): return {"order": order}
`;

/** Everything below a folder, by path. */
function filesOf(folder: string): Record<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => !name.includes('__pycache__') && statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(join(folder, name))]));
}

describe('SnapStart', { skip, timeout: 600_000 }, () => {
  let hearth: Hearth;
  let client: LambdaClient;

  before(async () => {
    // Not as an argument: layers that an earlier test made are used then.
    process.env.HEARTH_TEST_ISOLATION = 'microvm';
    hearth = await Hearth.start();
    client = hearth.lambda();
  });
  after(async () => {
    await hearth?.remove();
  });

  const state = (name: string, version: string) =>
    client.send(new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: version }));

  async function published(name: string): Promise<{ readonly version: string; readonly state: string }> {
    const { Version, State, SnapStart } = await client.send(new PublishVersionCommand({ FunctionName: name }));
    assert.deepEqual([State, SnapStart?.OptimizationStatus], ['Pending', 'Off']);
    const settled = await eventually(
      async () => {
        const { State } = await state(name, Version!);
        return State !== 'Pending' && State;
      },
      `version ${Version} of ${name}`,
      activeMsMax,
    );
    return { version: Version!, state: settled };
  }

  it('a Node function: initialized once, restored from then on, its hooks around it, and reported so', async () => {
    await hearth.create('hooks', ownNode, 'index.handler', { 'index.js': node }, snapStart);
    const { version, state: settled } = await published('hooks');
    const now = await state('hooks', version);
    assert.deepEqual([settled, now.SnapStart?.OptimizationStatus], ['Active', 'On'], now.StateReason);
    assert.equal((await state('hooks', '$LATEST')).SnapStart?.OptimizationStatus, 'Off');

    const first = await hearth.invoke('hooks', { credentials: true }, { Qualifier: version });
    assert.equal(first.functionError, undefined, first.payload);
    const seen = JSON.parse(first.payload);
    assert.deepEqual(seen.order, ['snap-start', 'before', 'after']);
    assert.deepEqual([seen.stream, seen.key], [null, null]);
    assert.deepEqual(seen.credentials, [200, ['AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration']]);
    assert.equal(seen.refused, 403);
    assert.match(first.log, /\tRestore Duration: \d+\.\d\d ms\tBilled Restore Duration: \d+ ms\t\n/);
    assert.doesNotMatch(first.log, /Init Duration/);
    assert.equal(first.executedVersion, version);
    const warm = await hearth.invoke('hooks', {}, { Qualifier: version });
    assert.doesNotMatch(warm.log, /Restore Duration/);
    // On demand, the same code knows nothing of it.
    const latest = JSON.parse((await hearth.invoke('hooks')).payload);
    assert.deepEqual(latest.order, ['on-demand']);
  });

  it('the snapshot outlives the platform', async () => {
    const before = JSON.parse((await hearth.invoke('hooks', {}, { Qualifier: '1' })).payload);
    await hearth.stop();
    await hearth.start();
    client = hearth.lambda();
    const again = await hearth.invoke('hooks', {}, { Qualifier: '1' });
    assert.match(again.log, /Restore Duration/);
    // What was drawn while it loaded is the snapshot's: it is the same init.
    assert.equal(JSON.parse(again.payload).loaded, before.loaded);
    // The tiers are asked once the machine can serve, which the invocation does not wait for.
    const requestId = /RequestId: (\S+)/.exec(again.log)![1]!;
    const report = await eventually(async () => {
      const told = await hearth.why(requestId);
      return told.phases.some(({ name, detail }) => name === 'restore' && detail !== null) ? told : null;
    }, 'the tiers that served the restore');
    assert.equal(report.start?.kind, 'restored');
    const restore = report.phases.find(({ name }) => name === 'restore');
    assert.match(restore?.detail ?? '', /^(memory|disk|l2|origin) [1-9]\d* KiB/);
  });

  it('an init that fails leaves the version Failed', async () => {
    await hearth.create('fails', ownNode, 'index.handler', { 'index.js': 'throw new Error("no")' }, snapStart);
    const { version, state: settled } = await published('fails');
    const now = await state('fails', version);
    assert.deepEqual(
      [settled, now.StateReasonCode, now.StateReason, now.LastUpdateStatus],
      ['Failed', 'FunctionError', 'An error occurred during function initialization.', 'Failed'],
    );
  });

  it('a hook that fails after the restore is an error of the API', async () => {
    const code = 'awslambda.registerAfterRestore(() => { throw new Error("no"); });\nexports.handler = async () => 1;';
    await hearth.create('unrestored', ownNode, 'index.handler', { 'index.js': code }, snapStart);
    const { version } = await published('unrestored');
    await assert.rejects(client.send(new InvokeCommand({ FunctionName: 'unrestored', Qualifier: version })), {
      name: 'SnapStartException',
    });
  });

  const noClient =
    !existsSync(official) && 'the official Python client is not installed (node setup/officialclients.mjs)';
  it('AWS’s own Python client, as the bootstrap of a function: /restore/next', { skip: noClient }, async () => {
    const files = { ...filesOf(official), bootstrap: officialBootstrap, 'app.py': officialFunction };
    await hearth.create('official', 'provided.al2023', 'app.handler', files, snapStart);
    const { version, state: settled } = await published('official');
    assert.equal(settled, 'Active', (await state('official', version)).StateReason);
    const answer = await hearth.invoke('official', {}, { Qualifier: version });
    assert.equal(answer.payload, '{"order": ["before", "after"]}', answer.log);
    assert.match(answer.log, /Restore Duration/);
  });
});
