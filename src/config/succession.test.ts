import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withFolder } from '../../test/contract/folder.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { FunctionId } from './messages.js';
import { Succession, successionMsMax } from './succession.js';
import { active, call, caller, codeOf, create, opened, resolve, role, value, within } from './testservice.js';

const f = { FunctionName: 'f' };

it(
  'an update is Successful when the hand-over is over, and invocations get the old code until then',
  within(async (service) => {
    const old = await create(service, 'f');
    const superseded: string[] = [];
    service.onPoolSuperseded((pool) => superseded.push(pool));
    let over = () => {};
    let told = () => {};
    const begun = new Promise<void>((resolve) => {
      told = resolve;
    });
    service.onSuccession(async (from, to) => {
      assert.equal(from, old.pool);
      assert.notEqual(to.codeSha256Hex, old.codeSha256Hex);
      assert.notEqual(to.pool, old.pool);
      told();
      await new Promise<void>((resolve) => {
        over = resolve;
      });
    });
    const becomes = active(service);
    value(await service.updateFunctionCode(caller, { ...f, ZipFile: codeOf('2') }));
    await begun;
    assert.equal(value(await service.getFunctionConfiguration(caller, f)).LastUpdateStatus, 'InProgress');
    assert.deepEqual(value(resolve(service, 'f')).spec, old);
    assert.deepEqual(superseded, []);
    over();
    const now = await becomes;
    assert.deepEqual(value(resolve(service, 'f')).spec, now);
    assert.notEqual(now.codeSha256Hex, old.codeSha256Hex);
    assert.deepEqual(superseded, [old.pool]);
    assert.equal(value(await service.getFunctionConfiguration(caller, f)).LastUpdateStatus, 'Successful');
  }),
);

it(
  'during an update, what is to be replaced and what is to replace it act as their own roles',
  within(async (service) => {
    const old = await create(service, 'f');
    const roles: (string | null)[] = [];
    service.onSuccession(async (_, to) => {
      roles.push(service.roleOf(old), service.roleOf(to));
    });
    const becomes = active(service);
    value(await service.updateFunctionConfiguration(caller, { ...f, Role: `${role}2` }));
    assert.equal(service.roleOf(await becomes), `${role}2`);
    assert.deepEqual(roles, [role, `${role}2`]);
  }),
);

it('nobody is waited for longer than the bound, nor after the end', async () => {
  let late = () => {};
  const waits: number[] = [];
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after: (delayMs, action) => {
      waits.push(delayMs);
      late = action;
      return () => waits.pop();
    },
  };
  const succession = new Succession(clock);
  await succession.between('from' as never, {} as never);
  succession.on(() => new Promise(() => {}));
  const waiting = succession.between('from' as never, {} as never);
  assert.deepEqual(waits, [successionMsMax]);
  late();
  await waiting;
  assert.deepEqual(waits, []);
  const another = succession.between('from' as never, {} as never);
  succession.close();
  await another;
});

it('a service that ends does not wait for a hand-over; the next start finishes the update', async () =>
  await withFolder(async (folder) => {
    await opened(folder, async (service) => {
      await create(service, 'f');
      const begun = new Promise<void>((resolve) => {
        service.onSuccession(async () => {
          resolve();
          await new Promise(() => {});
        });
      });
      value(await service.updateFunctionCode(caller, { ...f, ZipFile: codeOf('2') }));
      await begun;
    });
    await opened(folder, async (service) => {
      const look = async () => value(await service.getFunctionConfiguration(caller, f)).LastUpdateStatus;
      while ((await look()) !== 'Successful') await new Promise((resolve) => setImmediate(resolve));
    });
  }));

it(
  'changes are told once per transaction, and all functions at the start; an alias that moves tells whence and whither',
  within(async (service) => {
    await create(service, 'f', { Publish: true });
    const told: string[] = [];
    const end = service.onFunctionChanged(({ name }: FunctionId) => told.push(name));
    assert.deepEqual(told, ['f']);
    value(await service.createAlias(caller, { ...f, Name: 'live', FunctionVersion: '1' }));
    assert.deepEqual(told, ['f', 'f']);
    const moves: (readonly string[])[] = [];
    service.onAliasMoved((from, { pool }) => moves.push([from, pool]));
    value(await service.updateAlias(caller, { ...f, Name: 'live', Description: 'x' }));
    value(await service.updateAlias(caller, { ...f, Name: 'live', FunctionVersion: '$LATEST' }));
    assert.deepEqual(moves, [[value(resolve(service, 'f', '1')).spec.pool, value(resolve(service, 'f')).spec.pool]]);
    const before = told.length;
    value(await service.deleteFunction(caller, f));
    assert.equal(told.length, before + 1, 'all that goes with a function goes at once');
    end();
    await create(service, 'g');
    assert.equal(told.length, before + 1);
  }),
);

it(
  'says what a version runs now, and what tags say of its policies',
  within(async (service) => {
    const spec = await create(service, 'f', { Tags: { 'hearth:keep-alive': 'histogram' } });
    const key = spec.versionKey;
    assert.deepEqual(service.specOfVersion(key), spec);
    assert.equal(service.specOfVersion(key.replace('$LATEST', '1') as typeof key), null);
    assert.deepEqual(service.policyChoice(key), { keepAlive: 'histogram' });
    const tag = { Resource: spec.functionArn, Tags: { 'hearth:proactive': 'off' } };
    value(await call(service, 'TagResource', tag));
    assert.deepEqual(service.policyChoice(key), { keepAlive: 'off', forecast: 'off' });
  }),
);
