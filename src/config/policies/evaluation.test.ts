import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allows, type Conditions, isArnLike, isLike, type PolicyRequest, type PolicyStatement } from './evaluation.js';

const resource = 'arn:aws:lambda:us-east-1:111111111111:function:f';
const account = { kind: 'account', account: '222222222222', arn: 'arn:aws:iam::222222222222:root' } as const;
const statement = (more: Partial<PolicyStatement> = {}): PolicyStatement => ({
  Sid: 's',
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::222222222222:root' },
  Action: 'lambda:InvokeFunction',
  Resource: resource,
  ...more,
});
const request = (more: Partial<PolicyRequest> = {}): PolicyRequest => ({
  action: 'lambda:InvokeFunction',
  resource,
  principal: account,
  context: {},
  ...more,
});
const under = (Condition: Conditions, context: Record<string, string>): boolean =>
  allows([statement({ Condition })], request({ context }));

describe('policy evaluation', () => {
  it('allows what a statement names, and nothing else', () => {
    assert.ok(allows([statement()], request()));
    assert.ok(!allows([], request()));
    assert.ok(!allows([statement()], request({ action: 'lambda:GetFunction' })));
    assert.ok(!allows([statement()], request({ resource: `${resource}:live` })));
    assert.ok(allows([statement({ Action: 'lambda:*' })], request({ action: 'lambda:GetFunction' })));
    assert.ok(allows([statement({ Action: '*' })], request()));
    assert.ok(allows([statement({ Action: 'lambda:invokefunction' })], request()));
    assert.ok(allows([statement({ Action: ['lambda:GetFunction', 'lambda:Invoke*'] })], request()));
    assert.ok(allows([statement({ Resource: `${resource}*` })], request({ resource: `${resource}:live` })));
  });

  it('a denial wins, wherever it stands', () => {
    const denial = statement({ Effect: 'Deny', Principal: '*' });
    assert.ok(!allows([statement(), denial], request()));
    assert.ok(!allows([denial, statement()], request()));
    assert.ok(allows([statement(), { ...denial, Action: 'lambda:GetFunction' }], request()));
  });

  it('principals: everybody, accounts, identities, roles behind sessions, services', () => {
    const by = (Principal: PolicyStatement['Principal'], principal: PolicyRequest['principal']) =>
      allows([statement({ Principal })], request({ principal }));
    const session = { ...account, arn: 'arn:aws:sts::222222222222:assumed-role/worker/f' };
    const service = { kind: 'service', service: 's3.amazonaws.com' } as const;
    assert.ok(by('*', { kind: 'anonymous' }) && by('*', service) && by('*', account));
    assert.ok(by({ AWS: '*' }, { kind: 'anonymous' }) && !by({ AWS: '*' }, service));
    assert.ok(by({ AWS: '222222222222' }, account) && by({ AWS: '222222222222' }, session));
    assert.ok(by({ AWS: 'arn:aws:iam::222222222222:root' }, session));
    assert.ok(by({ AWS: 'arn:aws:iam::222222222222:role/worker' }, session));
    assert.ok(by({ AWS: 'arn:aws:iam::222222222222:role/a/path/worker' }, session));
    assert.ok(!by({ AWS: 'arn:aws:iam::222222222222:role/other' }, session));
    assert.ok(!by({ AWS: 'arn:aws:iam::333333333333:role/worker' }, session));
    assert.ok(!by({ AWS: 'arn:aws:iam::222222222222:user/u' }, account));
    assert.ok(!by({ AWS: 'arn:aws:iam::333333333333:root' }, account) && !by({ AWS: account.arn }, service));
    assert.ok(by({ Service: ['sns.amazonaws.com', 's3.amazonaws.com'] }, service));
    assert.ok(!by({ Service: 'sns.amazonaws.com' }, service) && !by({ Service: 's3.amazonaws.com' }, account));
  });

  it('conditions: keys in any case, all operators and all keys have to hold, one value is enough', () => {
    const bucket = 'arn:aws:s3:::bucket';
    const condition: Conditions = {
      StringEquals: { 'AWS:SourceAccount': '111111111111' },
      ArnLike: { 'AWS:SourceArn': 'arn:aws:s3:::buck*' },
    };
    assert.ok(under(condition, { 'aws:SourceAccount': '111111111111', 'aws:SourceArn': bucket }));
    assert.ok(!under(condition, { 'aws:SourceAccount': '999999999999', 'aws:SourceArn': bucket }));
    assert.ok(!under(condition, { 'aws:SourceArn': bucket }));
    assert.ok(
      under({ StringEquals: { k: ['a', 'b'] } }, { K: 'b' }) && !under({ StringEquals: { k: ['a', 'b'] } }, { k: 'c' }),
    );
  });

  it('operators, absent keys and what nobody knows', () => {
    const cases: readonly [string, string, Record<string, string>, boolean][] = [
      ['StringEquals', 'a', { k: 'A' }, false],
      ['StringEqualsIgnoreCase', 'a', { k: 'A' }, true],
      ['StringNotEquals', 'a', { k: 'b' }, true],
      ['StringNotEquals', 'a', { k: 'a' }, false],
      ['StringNotEquals', 'a', {}, true],
      ['StringNotEqualsIgnoreCase', 'a', { k: 'A' }, false],
      ['StringLike', 'a*c?', { k: 'abbcd' }, true],
      ['StringLike', 'a*c?', { k: 'abbc' }, false],
      ['StringNotLike', 'a*', { k: 'abc' }, false],
      ['ArnEquals', 'arn:aws:sqs:*:1:q', { k: 'arn:aws:sqs:r:1:q' }, true],
      ['ArnNotLike', 'arn:aws:sqs:*:1:q', { k: 'arn:aws:sqs:r:1:q' }, false],
      ['Bool', 'true', { k: 'true' }, true],
      ['Bool', 'true', { k: 'false' }, false],
      ['Bool', 'true', {}, false],
      ['StringEqualsIfExists', 'a', {}, true],
      ['StringEqualsIfExists', 'a', { k: 'b' }, false],
      ['Null', 'true', {}, true],
      ['Null', 'false', {}, false],
      ['Null', 'false', { k: 'x' }, true],
      ['NumericEquals', '1', { k: '1' }, false],
      ['toString', 'x', { k: 'x' }, false],
    ];
    for (const [operator, wanted, context, expected] of cases) {
      assert.equal(under({ [operator]: { k: wanted } }, context), expected, `${operator} ${wanted}`);
    }
  });

  it('wildcards are what the same regular expression is', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', ':', '*', '?'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, text, (wanted, is) => {
        const expression = new RegExp(`^${wanted.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        assert.equal(isLike(wanted, is), expression.test(is));
      }),
      { numRuns: 2_000 },
    );
    // Would take a backtracking matcher longer than the universe has.
    assert.ok(!isLike('*a'.repeat(200), 'a'.repeat(199)));
  });

  it('wildcards of ARNs stay in their part, but for the last', () => {
    assert.ok(isArnLike('arn:aws:sns:*:111111111111:t', 'arn:aws:sns:us-east-1:111111111111:t'));
    assert.ok(!isArnLike('arn:aws:sns:*:t', 'arn:aws:sns:us-east-1:111111111111:t'));
    assert.ok(!isArnLike('arn:aws:*', 'arn:aws:sns:us-east-1:111111111111:t'));
    assert.ok(isArnLike('arn:aws:execute-api:r:1:api/*/GET/*', 'arn:aws:execute-api:r:1:api/prod/GET/x:y'));
    assert.ok(!isArnLike('arn:aws:s3:::a', 'not an arn'));
  });

  it('whoever no statement names gets nothing, whatever else it says', () => {
    const word = fc.constantFrom('*', 'lambda:*', 'lambda:InvokeFunction', resource);
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 5 }), (pairs) => {
        const policy = pairs.map(([Action, Resource]) =>
          statement({ Action, Resource, Principal: { AWS: 'arn:aws:iam::333333333333:root' } }),
        );
        assert.ok(!allows(policy, request()));
      }),
    );
  });
});
