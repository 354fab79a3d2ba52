import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { readExposition } from '../../src/observe/metrics/testexposition.js';
import { boxProcesses, cgroupFolders, holdings, isThere, killBoxes } from './boxprocesses.js';
import { eventually, Hearth, ownNode } from './hearth.js';
import { microVmProblem } from './microvms.js';

// What waits for functions and is killed while it is frozen: kill -9 of its processes, as an operator or a machine short
// of memory would. Nobody invokes meanwhile, so only the platform itself can find out.

const code = { 'index.mjs': `export const handler = async () => process.env.AWS_LAMBDA_INITIALIZATION_TYPE;` };
/** A box on a busy machine; without hardware virtualization a restore and its rehearsal. */
const madeMsMax = 120_000;

async function series(hearth: Hearth): Promise<ReadonlyMap<string, number>> {
  return readExposition(await (await fetch(`${hearth.endpoint}/metrics`)).text());
}

const waiting = async (hearth: Hearth, of: string) => (await series(hearth)).get(`hearth_spares{of="${of}"}`) ?? 0;
const lost = async (hearth: Hearth, of: string) => (await series(hearth)).get(`hearth_spares_lost_total{of="${of}"}`);

/** What a process holds once it makes nothing more for the next boot: the same twice, half a second apart. */
async function atRest(pid: number): Promise<ReturnType<typeof holdings>> {
  let last = holdings(pid);
  return eventually(async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = last;
    last = holdings(pid);
    return last.sockets === before.sockets && last.mounts === before.mounts ? last : null;
  }, 'it to come to rest');
}

describe('spares that are killed while they wait', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '2', '--isolation', 'namespaces');
  });
  after(() => hearth.remove());

  it('are found, leave nothing, are counted, are replaced, and serve', { timeout: 180_000 }, async () => {
    await hearth.create('f', ownNode, 'index.handler', code, { Environment: { Variables: { NODE_OPTIONS: '' } } });
    const two = async () => (await waiting(hearth, ownNode)) === 2;
    await eventually(two, 'two spares', madeMsMax);
    const before = await atRest(hearth.pid);
    const folders = boxProcesses(hearth.pid).flatMap(cgroupFolders);
    const killed = killBoxes(hearth.pid);
    await eventually(async () => (await lost(hearth, 'spares')) === 2, 'both to be missed');
    await eventually(async () => !killed.some(isThere), 'the processes to end');
    await eventually(async () => !folders.some(existsSync), 'their cgroups to go');
    await eventually(two, 'two others', madeMsMax);
    assert.deepEqual(await atRest(hearth.pid), before);
    const { payload, functionError, log } = await hearth.invoke('f');
    assert.deepEqual([payload, functionError], ['"on-demand"', undefined], log);
    assert.equal(await lost(hearth, 'spares'), 2);
  });
});

const problem = microVmProblem();
const skip = problem !== null && `no virtual machines here: ${problem}`;

describe('machines that are killed while they wait', { skip }, () => {
  let hearth: Hearth;
  before(async () => {
    // Not as an argument: layers that an earlier test made are used then.
    process.env.HEARTH_TEST_ISOLATION = 'microvm';
    hearth = await Hearth.start('--spares', '1');
  });
  after(() => hearth?.remove());

  it('spares and clones: found, leave nothing, counted, replaced, and a clone serves', {
    timeout: 600_000,
  }, async () => {
    const snapStart = { SnapStart: { ApplyOn: 'PublishedVersions' as const }, Timeout: 30, Publish: true };
    await hearth.create('f', ownNode, 'index.handler', code, snapStart);
    const of = { FunctionName: 'f', Qualifier: '1' };
    const isActive = async () =>
      (await hearth.lambda().send(new GetFunctionConfigurationCommand(of))).State === 'Active';
    await eventually(isActive, 'the snapshot', madeMsMax);
    assert.equal((await hearth.invoke('f', {}, { Qualifier: '1' })).payload, '"snap-start"');
    const all = async () => (await waiting(hearth, ownNode)) === 1 && (await waiting(hearth, 'f:1')) === 2;
    await eventually(all, 'a spare and two clones', 2 * madeMsMax);
    const folders = boxProcesses(hearth.pid).flatMap(cgroupFolders);
    const killed = killBoxes(hearth.pid);
    await eventually(
      async () => (await lost(hearth, 'spares')) === 1 && (await lost(hearth, 'clones')) === 2,
      'all of them to be missed',
    );
    await eventually(async () => !killed.some(isThere), 'the processes to end');
    await eventually(async () => !folders.some(existsSync), 'their cgroups to go');
    await eventually(all, 'others', 2 * madeMsMax);
    const { payload, functionError, log } = await hearth.invoke('f', {}, { Qualifier: '1' });
    assert.deepEqual([payload, functionError], ['"snap-start"', undefined], log);
  });
});
