import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { allows } from './evaluation.js';
import { statementOf, statementsOf } from './statement.js';

const resource = 'arn:aws:lambda:us-east-1:111111111111:function:f';
const request = {
  action: 'lambda:InvokeFunction',
  resource,
  principal: { kind: 'account', account: '222222222222', arn: 'arn:aws:iam::222222222222:root' },
  context: {},
} as const;

describe('statements', () => {
  it('any document is taken or refused, and what is taken can be evaluated', () => {
    const word = fc.constantFrom(
      '*',
      'Allow',
      'Deny',
      'lambda:*',
      'AWS',
      '222222222222',
      resource,
      'StringLike',
      'Null',
    );
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        word,
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.oneof(word, fc.constantFrom('__proto__', 'constructor', 'Service', 'k')), tie('value')),
      ),
    }));
    const valid: Readonly<Record<string, unknown>> = {
      Effect: 'Allow',
      Principal: '*',
      Action: 'lambda:*',
      Resource: resource,
    };
    const member = fc.constantFrom('Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition', 'Other');
    const changed = fc.dictionary(member, value, { maxKeys: 2 }).map((more) => ({ ...valid, ...more }));
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(value, changed, fc.array(changed, { maxLength: 3 })), (Statement) => {
        const read = statementsOf(JSON.stringify({ Version: '2012-10-17', Statement }), resource);
        if (!read.ok) return;
        taken++;
        allows(read.value, request);
        for (const statement of read.value)
          assert.deepEqual([statement.Effect, statement.Resource], ['Allow', resource]);
        const again = statementsOf(JSON.stringify({ Version: '2012-10-17', Statement: read.value }), resource);
        assert.deepEqual(again, read, 'what is stored says what was meant');
      }),
      { numRuns: 1_000 },
    );
    assert.ok(taken > 20, `${taken}`);
  });

  it('what AddPermission takes allows whom it names, where the conditions hold', () => {
    const made = statementOf(
      { FunctionName: 'f', StatementId: 's', Action: 'lambda:InvokeFunction', Principal: '222222222222' },
      resource,
    );
    assert.ok(made.ok && allows([made.value], request));
    const sourced = statementOf(
      {
        FunctionName: 'f',
        StatementId: 's',
        Action: 'lambda:InvokeFunction',
        Principal: 's3.amazonaws.com',
        SourceArn: 'arn:aws:s3:::bucket*',
      },
      resource,
    );
    const principal = { kind: 'service', service: 's3.amazonaws.com' } as const;
    const from = (arn: string) => ({ ...request, principal, context: { 'aws:SourceArn': arn } });
    assert.ok(sourced.ok && allows([sourced.value], from('arn:aws:s3:::bucket-1')));
    assert.ok(!allows([sourced.value], from('arn:aws:s3:::other')));
  });
});
