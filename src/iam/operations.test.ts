import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { LmdbEnvironment } from '../adapters/embedded/environment.js';
import { EmbeddedKv } from '../adapters/embedded/kv.js';
import type { AccountId, Region } from '../kernel/ids.js';
import { renderXml } from '../wire/xml.js';
import { Directory } from './directory.js';
import { type Entity, iamLimits, type Role } from './entity.js';
import { createIamApi, type IamApi } from './operations.js';

const caller = (account: string) => ({
  account: account as AccountId,
  region: 'us-east-1' as Region,
  accessKeyId: 'key',
  arn: `arn:aws:iam::${account}:root`,
});
const owner = caller('123456789012');
const document = JSON.stringify({ Version: '2012-10-17', Statement: [] });
const longDocument = (characters: number) =>
  document.replace('[]', `["${'x'.repeat(characters - document.length - 2)}"]`);

suite('IAM’s roles and policies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-iam-'));
  const store = new LmdbEnvironment(folder);
  const kv = new EmbeddedKv<Entity>(store, 'iam');
  let api: IamApi;
  let random = 0;
  before(() => {
    const clock = { nowMs: () => 0, monotonicMs: () => 0, after: () => () => {} };
    api = createIamApi(kv, clock, { hex: () => String(random++).padStart(18, '0') } as never);
  });
  after(async () => {
    await kv.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const ask = async (Action: string, parameters: Readonly<Record<string, string>>, who = owner) => {
    const answer = await api.handle(who, new URLSearchParams({ Action, Version: '2010-05-08', ...parameters }));
    return answer.ok ? 'ok' : answer.failure.code;
  };
  const role = (RoleName: string, more: Readonly<Record<string, string>> = {}) =>
    ask('CreateRole', { RoleName, AssumeRolePolicyDocument: document, ...more });

  test('names, paths, documents and durations are checked before anything is stored', async () => {
    assert.equal(await role('x'.repeat(64)), 'ok');
    assert.equal(await role('x'.repeat(65)), 'ValidationError');
    assert.equal(await role('a b'), 'ValidationError');
    assert.equal(await role('p', { Path: 'no' }), 'ValidationError');
    assert.equal(await role('p', { MaxSessionDuration: '43201' }), 'ValidationError');
    assert.equal(await role('p', { AssumeRolePolicyDocument: '[' }), 'MalformedPolicyDocument');
    assert.equal(await role('p', { AssumeRolePolicyDocument: '{}' }), 'MalformedPolicyDocument');
    assert.equal(await ask('GetRole', { RoleName: 'p' }), 'NoSuchEntity');
    assert.equal(await ask('GetRole', {}), 'ValidationError');
    assert.equal(await ask('Nonsense', {}), 'InvalidAction');
    assert.equal(await ask('GetRole', { RoleName: 'p', Version: '2011-06-15' }), 'InvalidAction');
  });

  test('documents: 2,048 characters of trust, 6,144 of a policy, 10,240 of all inline policies of a role', async () => {
    const trust = iamLimits.trustCharactersMax;
    assert.equal(await role('t1', { AssumeRolePolicyDocument: longDocument(trust) }), 'ok');
    assert.equal(await role('t2', { AssumeRolePolicyDocument: longDocument(trust + 1) }), 'LimitExceeded');
    const managed = (PolicyName: string, characters: number) =>
      ask('CreatePolicy', { PolicyName, PolicyDocument: longDocument(characters) });
    assert.equal(await managed('m1', iamLimits.policyCharactersMax), 'ok');
    assert.equal(await managed('m2', iamLimits.policyCharactersMax + 1), 'LimitExceeded');
    const inline = (PolicyName: string, characters: number) =>
      ask('PutRolePolicy', { RoleName: 't1', PolicyName, PolicyDocument: longDocument(characters) });
    assert.equal(await inline('i1', iamLimits.inlineCharactersMax - 100), 'ok');
    assert.equal(await inline('i2', 100), 'ok');
    assert.equal(await inline('i3', 100), 'LimitExceeded');
  });

  test('a role has at most 20 policies and 50 tags, a policy 5 versions', async () => {
    await role('full');
    const attach = (index: number) =>
      ask('AttachRolePolicy', { RoleName: 'full', PolicyArn: `arn:aws:iam::aws:policy/P${index}` });
    for (let index = 0; index < iamLimits.attachedMax; index++) assert.equal(await attach(index), 'ok');
    assert.equal(await attach(iamLimits.attachedMax), 'LimitExceeded');
    assert.equal(await attach(0), 'ok', 'what is attached already costs nothing');
    const tags = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`Tags.member.${index + 1}.Key`, `k${index}`] as const),
      );
    assert.equal(await ask('TagRole', { RoleName: 'full', ...tags(iamLimits.tagsMax) }), 'ok');
    const one = { 'Tags.member.1.Key': 'another' };
    assert.equal(await ask('TagRole', { RoleName: 'full', ...one }), 'LimitExceeded');
    assert.equal(await role('tagged', tags(iamLimits.tagsMax + 1)), 'LimitExceeded');

    await ask('CreatePolicy', { PolicyName: 'v', PolicyDocument: document });
    const PolicyArn = 'arn:aws:iam::123456789012:policy/v';
    const version = () => ask('CreatePolicyVersion', { PolicyArn, PolicyDocument: document });
    for (let index = 1; index < iamLimits.versionsMax; index++) assert.equal(await version(), 'ok');
    assert.equal(await version(), 'LimitExceeded');
    assert.equal(await ask('DeletePolicyVersion', { PolicyArn, VersionId: 'v1' }), 'DeleteConflict');
    assert.equal(await ask('DeletePolicyVersion', { PolicyArn, VersionId: 'v2' }), 'ok');
    assert.equal(await version(), 'ok');
  });

  test('an account has at most 1,000 roles and 1,500 policies, and sees only its own', async () => {
    const crowded = caller('210987654321');
    const directory = new Directory(kv);
    const base = { path: '/', id: 'i', createdMs: 0, description: '', tags: {} };
    const one: Role = {
      ...base,
      kind: 'role',
      name: '',
      trustPolicy: document,
      sessionSecondsMax: 3_600,
      policies: {},
      attached: [],
    };
    const fill = async (count: number, make: (name: string) => Entity) => {
      await Promise.all(
        Array.from({ length: count }, (_, index) => directory.create(crowded.account, make(`n${index}`))),
      );
    };
    await fill(iamLimits.rolesMax - 1, (name) => ({ ...one, name }));
    await fill(iamLimits.policiesMax - 1, (name) => ({
      ...base,
      kind: 'policy',
      name,
      versions: [],
      defaultVersion: 'v1',
    }));
    const create = (RoleName: string) => ask('CreateRole', { RoleName, AssumeRolePolicyDocument: document }, crowded);
    assert.equal(await create('last'), 'ok');
    assert.equal(await create('more'), 'LimitExceeded');
    const policy = (PolicyName: string) => ask('CreatePolicy', { PolicyName, PolicyDocument: document }, crowded);
    assert.equal(await policy('last'), 'ok');
    assert.equal(await policy('more'), 'LimitExceeded');
    assert.equal(await ask('GetRole', { RoleName: 'last' }), 'NoSuchEntity');
  });
});

test('XML: lists, members, and what text cannot hold', () => {
  assert.equal(
    renderXml({ A: ['x', { B: '<&>"' }], C: undefined }),
    '<A><member>x</member><member><B>&lt;&amp;&gt;"</B></member></A>',
  );
  assert.equal(renderXml('a\u0000b\n'), 'a?b\n');
});
