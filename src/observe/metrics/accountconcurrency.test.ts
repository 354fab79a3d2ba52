import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountFamilies } from './accountconcurrency.js';
import { exposition } from './exposition.js';
import { readExposition } from './testexposition.js';

test('what is claimed of an account is what runs unreserved, and all that is reserved or provisioned', () => {
  const families = accountFamilies({
    unreserved: () => [
      { account: '1', region: 'a', inFlight: 2 },
      { account: '1', region: 'b', inFlight: 3 },
    ],
    commitments: () => [
      { account: '1', region: 'a', reserved: 10, provisioned: 4 },
      { account: '2', region: 'a', reserved: 0, provisioned: 5 },
    ],
  });
  assert.deepEqual(
    [...readExposition([...exposition(families)].join(''))],
    [
      ['hearth_lambda_unreserved_concurrent_executions{account="1",region="a"}', 2],
      ['hearth_lambda_unreserved_concurrent_executions{account="1",region="b"}', 3],
      ['hearth_lambda_unreserved_concurrent_executions{account="2",region="a"}', 0],
      ['hearth_lambda_claimed_account_concurrency{account="1",region="a"}', 16],
      ['hearth_lambda_claimed_account_concurrency{account="1",region="b"}', 3],
      ['hearth_lambda_claimed_account_concurrency{account="2",region="a"}', 5],
    ],
  );
});
