import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ok } from '../../kernel/result.js';
import { arn, call, caller, create, creation, failure, stranger, value, within } from '../testservice.js';

const invalid = 'InvalidParameterValueException: ';
const limit = `${invalid}Number of tags exceeds resource tag limit.`;
const reserved = `${invalid}aws: prefixed tag key names are not allowed for external use.`;
const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, 'v']));

describe('tags', () => {
  it(
    'a resource has at most 50, none of them of AWS’s own; each change is a revision',
    within(async (service) => {
      await create(service, 'f', { Tags: tags(49) });
      const tag = (Tags: Record<string, string>) => call(service, 'TagResource', { Resource: arn('f'), Tags });
      const revision = async () =>
        value(await call(service, 'GetFunctionConfiguration', { FunctionName: 'f' })).RevisionId;
      const before = await revision();
      value(await tag({ a: '1' }));
      assert.notEqual(await revision(), before);
      value(await tag({ a: '2' }));
      assert.equal(failure(await tag({ b: '1' })), limit);
      assert.equal(failure(await tag({ 'AWS:x': '1' })), reserved);
      assert.equal(failure(await tag({})), `${invalid}An error occurred and the request cannot be processed.`);
      assert.equal(failure(await call(service, 'CreateFunction', creation('g', { Tags: tags(51) }))), limit);
      assert.equal(failure(await call(service, 'CreateFunction', creation('g', { Tags: { 'aws:a': '1' } }))), reserved);
      const publishers = { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:1:/signing-profiles/p/1'] };
      const signing = { AllowedPublishers: publishers, Tags: tags(51) };
      assert.equal(failure(await call(service, 'CreateCodeSigningConfig', signing)), limit);
      value(await call(service, 'UntagResource', { Resource: arn('f'), TagKeys: Object.keys(tags(49)) }));
      assert.deepEqual(value(await call(service, 'ListTags', { Resource: arn('f') })).Tags, { a: '2' });
    }),
  );

  it(
    'belong to resources, not to versions and aliases, and to their own account',
    within(async (service) => {
      await create(service, 'f');
      const qualified = `${invalid}Tags on function aliases and versions are not supported. Please specify a function ARN.`;
      for (const rest of ['f:1', 'f:live', 'f:$LATEST']) {
        assert.equal(failure(await call(service, 'ListTags', { Resource: arn(rest) })), qualified);
      }
      const gone = `ResourceNotFoundException: Function not found: ${arn('g')}`;
      assert.equal(failure(await call(service, 'ListTags', { Resource: arn('g') })), gone);
      assert.equal(failure(await call(service, 'TagResource', { Resource: arn('g'), Tags: { a: '' } })), gone);
      assert.match(
        failure(await call(service, 'ListTags', { Resource: arn('f') }, stranger)),
        /^AccessDeniedException: .* lambda:ListTags on resource: .*:function:f because no resource-based policy/,
      );
    }),
  );

  it(
    'of other resources are asked of those who have them, for their own account and region only',
    within(async (service) => {
      const asked: unknown[] = [];
      service.tagging.add('event-source-mapping', {
        tags: (owner, id) => {
          asked.push([owner.account, id]);
          return ok({ a: '1' });
        },
        tag: async (owner, id, set, remove) => {
          asked.push([owner.account, id, set, remove]);
          return ok(null);
        },
      });
      const mapping = (account: string) => `arn:aws:lambda:us-east-1:${account}:event-source-mapping:u-u-i-d`;
      const own = mapping(caller.account);
      assert.deepEqual(value(await call(service, 'ListTags', { Resource: own })).Tags, { a: '1' });
      value(await call(service, 'TagResource', { Resource: own, Tags: { b: '2' } }));
      value(await call(service, 'UntagResource', { Resource: own, TagKeys: ['a'] }));
      assert.deepEqual(asked, [
        [caller.account, 'u-u-i-d'],
        [caller.account, 'u-u-i-d', { b: '2' }, []],
        [caller.account, 'u-u-i-d', {}, ['a']],
      ]);
      for (const resource of [
        mapping(stranger.account),
        own.replace('east', 'west'),
        own.replace('event-source-mapping', 'capacity-provider'),
      ]) {
        assert.equal(
          failure(await call(service, 'ListTags', { Resource: resource })),
          `ResourceNotFoundException: The resource ${resource} does not exist.`,
        );
      }
    }),
  );
});
