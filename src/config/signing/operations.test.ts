import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import type { ConfigService } from '../service.js';
import { arn, call, codeOf, create, creation, failure, opened, stranger, value, within } from '../testservice.js';

const publishers = { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:111111111111:/signing-profiles/p/1'] };

async function configured(service: ConfigService, untrusted: 'Warn' | 'Enforce'): Promise<string> {
  const made = value(
    await call(service, 'CreateCodeSigningConfig', {
      AllowedPublishers: publishers,
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: untrusted },
    }),
  );
  return made.CodeSigningConfig.CodeSigningConfigArn;
}

describe('code signing', () => {
  it('configurations are made, changed, listed, tagged and deleted, and survive', () =>
    withFolder(async (folder) => {
      let id = '';
      let first = '';
      await opened(folder, async (service) => {
        const made = value(
          await call(service, 'CreateCodeSigningConfig', {
            AllowedPublishers: publishers,
            Description: 'd',
            Tags: { a: '1' },
          }),
        ).CodeSigningConfig;
        id = made.CodeSigningConfigId;
        first = made.CodeSigningConfigArn;
        assert.match(id, /^csc-[0-9a-f]{17}$/);
        assert.equal(first, `arn:aws:lambda:us-east-1:111111111111:code-signing-config:${id}`);
        assert.deepEqual(made.CodeSigningPolicies, { UntrustedArtifactOnDeployment: 'Warn' });
        await configured(service, 'Warn');
        const page = value(await call(service, 'ListCodeSigningConfigs', { MaxItems: 1 }));
        assert.equal(page.CodeSigningConfigs?.length, 1);
        const rest = value(await call(service, 'ListCodeSigningConfigs', { Marker: page.NextMarker }));
        assert.equal(rest.CodeSigningConfigs?.length, 1);
      });
      await opened(folder, async (service) => {
        value(
          await call(service, 'UpdateCodeSigningConfig', {
            CodeSigningConfigArn: first,
            CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
          }),
        );
        const { CodeSigningConfig } = value(
          await call(service, 'GetCodeSigningConfig', { CodeSigningConfigArn: first }),
        );
        assert.deepEqual(
          [CodeSigningConfig.Description, CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment],
          ['d', 'Enforce'],
        );
        assert.deepEqual(CodeSigningConfig.AllowedPublishers, publishers);
        value(await call(service, 'TagResource', { Resource: first, Tags: { b: '2' } }));
        value(await call(service, 'UntagResource', { Resource: first, TagKeys: ['a'] }));
        assert.deepEqual(value(await call(service, 'ListTags', { Resource: first })).Tags, { b: '2' });
        const missing = `ResourceNotFoundException: The Lambda code signing configuration ${first} can not be found.`;
        const named = { CodeSigningConfigArn: first };
        assert.equal(failure(await call(service, 'GetCodeSigningConfig', named, stranger)), missing);
        value(await call(service, 'DeleteCodeSigningConfig', named));
        assert.equal(failure(await call(service, 'GetCodeSigningConfig', named)), missing);
        assert.equal(failure(await call(service, 'UpdateCodeSigningConfig', named)), missing);
        assert.equal(failure(await call(service, 'DeleteCodeSigningConfig', named)), missing);
        assert.equal(failure(await call(service, 'ListFunctionsByCodeSigningConfig', named)), missing);
        assert.equal(failure(await call(service, 'TagResource', { Resource: first, Tags: { b: '2' } })), missing);
      });
    }));

  it(
    'functions have one or none; one in use cannot be deleted',
    within(async (service) => {
      const warn = await configured(service, 'Warn');
      await create(service, 'f', { CodeSigningConfigArn: warn });
      const named = { FunctionName: 'f' };
      assert.deepEqual(value(await call(service, 'GetFunctionCodeSigningConfig', named)), {
        CodeSigningConfigArn: warn,
        FunctionName: 'f',
      });
      const users = { CodeSigningConfigArn: warn };
      assert.deepEqual(value(await call(service, 'ListFunctionsByCodeSigningConfig', users)).FunctionArns, [arn('f')]);
      assert.equal(
        failure(await call(service, 'DeleteCodeSigningConfig', users)),
        `ResourceConflictException: The code signing configuration ${warn} cannot be deleted while functions use it.`,
      );
      value(await call(service, 'DeleteFunctionCodeSigningConfig', named));
      assert.deepEqual(value(await call(service, 'GetFunctionCodeSigningConfig', named)), {});
      const missing = `arn:aws:lambda:us-east-1:111111111111:code-signing-config:csc-${'0'.repeat(17)}`;
      const notFound = `CodeSigningConfigNotFoundException: The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${missing}.`;
      const put = { ...named, CodeSigningConfigArn: missing };
      assert.equal(failure(await call(service, 'PutFunctionCodeSigningConfig', put)), notFound);
      assert.equal(
        failure(await call(service, 'CreateFunction', creation('g', { CodeSigningConfigArn: missing }))),
        notFound,
      );
      const gone = `ResourceNotFoundException: Function not found: ${arn('g')}`;
      assert.equal(failure(await call(service, 'PutFunctionCodeSigningConfig', { ...users, FunctionName: 'g' })), gone);
      assert.equal(failure(await call(service, 'GetFunctionCodeSigningConfig', { FunctionName: 'g' })), gone);
      assert.equal(failure(await call(service, 'DeleteFunctionCodeSigningConfig', { FunctionName: 'g' })), gone);
    }),
  );

  it(
    'where signatures are enforced no code is taken, since none counts as signed; where they warn it is',
    within(async (service) => {
      const enforce = await configured(service, 'Enforce');
      const refused = (name: string) =>
        `CodeVerificationFailedException: Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is not configured to accept. Check the provided signature for ${arn(name)}.`;
      const made = await call(service, 'CreateFunction', creation('g', { CodeSigningConfigArn: enforce }));
      assert.equal(failure(made), refused('g'));
      await create(service, 'f');
      // What is deployed already goes on.
      value(await call(service, 'PutFunctionCodeSigningConfig', { FunctionName: 'f', CodeSigningConfigArn: enforce }));
      const update = () => call(service, 'UpdateFunctionCode', { FunctionName: 'f', ZipFile: codeOf('2') });
      assert.equal(failure(await update()), refused('f'));
      value(
        await call(service, 'UpdateCodeSigningConfig', {
          CodeSigningConfigArn: enforce,
          CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Warn' },
        }),
      );
      value(await update());
    }),
  );
});
