import type { AccountId, Region, RequestId } from '../kernel/ids.js';

/** The function's ARN, or anything else of its own: reserved concurrency is the function's, over all its versions. */
export type FunctionKey = string;

export type CountingInput =
  | {
      readonly kind: 'admit';
      readonly nowMs: number;
      readonly requestId: RequestId;
      readonly account: AccountId;
      readonly region: Region;
      readonly functionKey: FunctionKey;
      /** Null: draws from the unreserved pool of the account and region. */
      readonly reserved: number | null;
      /** Concurrency reserved by all functions of the account in the region. */
      readonly reservedInAccount: number;
      /** Provisioned concurrency of the function, over all its versions. With a reservation it is a part of that: 0. */
      readonly provisioned: number;
      /** Sum of `provisioned` over all functions of the account in the region. */
      readonly provisionedInAccount: number;
    }
  | { readonly kind: 'release'; readonly nowMs: number; readonly requestId: RequestId };

export type ThrottleReason =
  | 'ConcurrentInvocationLimitExceeded'
  | 'FunctionInvocationRateLimitExceeded'
  | 'ReservedFunctionConcurrentInvocationLimitExceeded'
  | 'ReservedFunctionInvocationRateLimitExceeded'
  | 'CallerRateLimitExceeded'
  | 'ConcurrentSnapshotCreateLimitExceeded';

export type CountingEffect =
  | { readonly kind: 'admitted'; readonly requestId: RequestId }
  | { readonly kind: 'throttled'; readonly requestId: RequestId; readonly reason: ThrottleReason };
