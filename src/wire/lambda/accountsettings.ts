/** The account: limits and usage. */
import { operation } from './operation.js';
import { integer, long, structure } from './schema.js';

export const AccountLimit = structure({
  TotalCodeSize: long(),
  CodeSizeUnzipped: long(),
  CodeSizeZipped: long(),
  ConcurrentExecutions: integer(),
  UnreservedConcurrentExecutions: integer({ min: 0 }),
});
export const AccountUsage = structure({
  TotalCodeSize: long(),
  FunctionCount: long(),
});

export const accountSettingsOperations = {
  GetAccountSettings: operation({
    group: 'core',
    method: 'GET',
    path: '/2016-08-19/account-settings',
    status: 200,
    errors: ['ServiceException', 'TooManyRequestsException'],
    input: structure({}),
    output: structure({
      AccountLimit: AccountLimit,
      AccountUsage: AccountUsage,
    }),
  }),
} as const;
