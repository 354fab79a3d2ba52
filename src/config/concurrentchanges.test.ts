import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import type { RuntimeName } from '../wire/functionspec.js';
import type { ConfigService } from './service.js';
import { arn, caller, codeOf, creation, failure, opened, value } from './testservice.js';

const state = (name: string) =>
  `ResourceConflictException: The operation cannot be performed at this time. The function is currently in the following state: ${name}`;
const updating = `ResourceConflictException: The operation cannot be performed at this time. An update is in progress for resource: ${arn('f')}`;
const f = { FunctionName: 'f' };

/** Runtimes that become ready, or turn out not to be there, when the test says so. */
class Gate {
  readonly #waiting: ((problem: string | null) => void)[] = [];
  open = (problem: string | null) => {
    for (const answer of this.#waiting.splice(0)) answer(problem);
  };
  prepare = (_runtime: RuntimeName) => new Promise<string | null>((resolve) => this.#waiting.push(resolve));
}

async function settled(service: ConfigService): Promise<ReturnType<typeof look>> {
  for (;;) {
    const now = await look(service);
    if (now.State !== 'Pending' && now.LastUpdateStatus !== 'InProgress') return now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function look(service: ConfigService) {
  return value(await service.getFunctionConfiguration(caller, f));
}

const resolve = (service: ConfigService) => service.resolve(caller.account, caller.region, 'f', null);

/** What every change is told that is refused now. */
async function changes(service: ConfigService): Promise<readonly string[]> {
  return [
    failure(await service.updateFunctionConfiguration(caller, { ...f, Timeout: 7 })),
    failure(await service.updateFunctionCode(caller, { ...f, ZipFile: codeOf('9') })),
    failure(await service.publishVersion(caller, f)),
  ];
}

function gated(body: (service: ConfigService, gate: Gate) => Promise<void>): () => Promise<void> {
  return async () =>
    await withFolder(async (folder) => {
      const gate = new Gate();
      await opened(
        folder,
        async (service) => {
          value(await service.createFunction(caller, creation('f')));
          try {
            await body(service, gate);
          } finally {
            gate.open(null);
          }
        },
        undefined,
        { prepareRuntime: gate.prepare },
      );
    });
}

it(
  'while a function is pending, changes and invocations are refused; deleting is not',
  gated(async (service, gate) => {
    assert.deepEqual(await changes(service), [state('Pending'), state('Pending'), state('Pending')]);
    assert.equal(failure(resolve(service)), state('Pending'));
    value(await service.deleteFunction(caller, f));
    gate.open(null);
    value(await service.createFunction(caller, creation('f', { Timeout: 9 })));
    gate.open(null);
    assert.equal((await settled(service)).Timeout, 9, 'what was on its way for the one before is not its own');
  }),
);

it(
  'while an update is in progress, changes are refused, and aliases, tags and deleting are not',
  gated(async (service, gate) => {
    gate.open(null);
    await settled(service);
    const revision = value(await service.updateFunctionConfiguration(caller, { ...f, Timeout: 8 })).RevisionId;
    assert.deepEqual(await changes(service), [updating, updating, updating]);
    assert.match(
      failure(await service.updateFunctionConfiguration(caller, { ...f, Timeout: 7, RevisionId: 'x' })),
      /^PreconditionFailedException/,
      'preconditions come before conflicts',
    );
    assert.equal((await look(service)).RevisionId, revision, 'a refused change changes nothing');
    assert.equal(value(resolve(service)).spec.timeoutMs, 3_000, 'invocations run what they ran before');
    value(await service.createAlias(caller, { ...f, Name: 'a', FunctionVersion: '$LATEST' }));
    value(await service.deleteFunction(caller, f));
    gate.open(null);
    assert.match(failure(await service.getFunctionConfiguration(caller, f)), /^ResourceNotFoundException/);
  }),
);

it(
  'a function whose creation failed is not invoked, and comes to life by an update',
  gated(async (service, gate) => {
    gate.open('no such runtime');
    const failed = await settled(service);
    assert.deepEqual(
      [failed.State, failed.StateReasonCode, failed.StateReason],
      ['Failed', 'InvalidRuntime', 'no such runtime'],
    );
    assert.equal(failure(resolve(service)), state('Failed'));
    value(await service.updateFunctionConfiguration(caller, { ...f, Runtime: 'python3.11' }));
    assert.equal(failure(resolve(service)), state('Failed'));
    gate.open(null);
    const now = await settled(service);
    assert.deepEqual([now.State, now.LastUpdateStatus, now.Runtime], ['Active', 'Successful', 'python3.11']);
    assert.equal(value(resolve(service)).spec.runtime, 'python3.11');
  }),
);

it(
  'after an update that failed, invocations run what they ran before; the next one replaces it',
  gated(async (service, gate) => {
    gate.open(null);
    await settled(service);
    const before = value(resolve(service)).spec;
    for (const problem of ['none here', 'none here either']) {
      value(await service.updateFunctionConfiguration(caller, { ...f, Runtime: 'python3.11', Timeout: 9 }));
      assert.deepEqual(value(resolve(service)).spec, before);
      gate.open(problem);
      const failed = await settled(service);
      assert.deepEqual(
        [failed.State, failed.LastUpdateStatus, failed.LastUpdateStatusReasonCode, failed.LastUpdateStatusReason],
        ['Active', 'Failed', 'InvalidRuntime', problem],
      );
      assert.deepEqual(value(resolve(service)).spec, before, 'in the very sandboxes that they ran in');
    }
    const published = value(await service.publishVersion(caller, f));
    assert.deepEqual([published.Version, published.State], ['1', 'Pending'], 'what failed once may be there now');
    gate.open('still not');
    const first = { ...f, Qualifier: '1' };
    while (value(await service.getFunctionConfiguration(caller, first)).State === 'Pending') {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(failure(service.resolve(caller.account, caller.region, 'f', '1')), state('Failed'));
    value(await service.updateFunctionCode(caller, { ...f, ZipFile: codeOf('2') }));
    gate.open(null);
    assert.equal((await settled(service)).LastUpdateStatus, 'Successful');
    const after = value(resolve(service)).spec;
    assert.deepEqual([after.runtime, after.timeoutMs], ['python3.11', 9_000]);
    const tree = await service.codeFolder(after.codeSha256Hex);
    assert.equal(readFileSync(join(tree, 'index.js'), 'utf8'), '2');
  }),
);
