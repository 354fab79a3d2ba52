import type { StopReason } from '../assignment/messages.js';
import type { AccountId, PoolKey, Region } from '../kernel/ids.js';
import type { Result } from '../kernel/result.js';
import type { FunctionSpec } from '../wire/functionspec.js';
import type { Input, Output } from '../wire/lambda/operations.js';

/** Who asks: account and region come from the verified credential scope. */
export interface Caller {
  readonly account: AccountId;
  readonly region: Region;
}

export interface Resolved {
  readonly spec: FunctionSpec;
  /** As invoked: unqualified, or with the version or alias the client named. */
  readonly invokedFunctionArn: string;
  /** `$LATEST` or digits; for X-Amz-Executed-Version. */
  readonly executedVersion: string;
}

// Signatures first; the bodies follow.
export declare class ConfigService {
  createFunction(caller: Caller, input: Input<'CreateFunction'>): Promise<Result<Output<'CreateFunction'>>>;
  getFunction(caller: Caller, input: Input<'GetFunction'>): Promise<Result<Output<'GetFunction'>>>;
  getFunctionConfiguration(
    caller: Caller,
    input: Input<'GetFunctionConfiguration'>,
  ): Promise<Result<Output<'GetFunctionConfiguration'>>>;
  listFunctions(caller: Caller, input: Input<'ListFunctions'>): Promise<Result<Output<'ListFunctions'>>>;
  updateFunctionCode(caller: Caller, input: Input<'UpdateFunctionCode'>): Promise<Result<Output<'UpdateFunctionCode'>>>;
  updateFunctionConfiguration(
    caller: Caller,
    input: Input<'UpdateFunctionConfiguration'>,
  ): Promise<Result<Output<'UpdateFunctionConfiguration'>>>;
  deleteFunction(caller: Caller, input: Input<'DeleteFunction'>): Promise<Result<Output<'DeleteFunction'>>>;
  publishVersion(caller: Caller, input: Input<'PublishVersion'>): Promise<Result<Output<'PublishVersion'>>>;
  listVersionsByFunction(
    caller: Caller,
    input: Input<'ListVersionsByFunction'>,
  ): Promise<Result<Output<'ListVersionsByFunction'>>>;
  createAlias(caller: Caller, input: Input<'CreateAlias'>): Promise<Result<Output<'CreateAlias'>>>;
  getAlias(caller: Caller, input: Input<'GetAlias'>): Promise<Result<Output<'GetAlias'>>>;
  updateAlias(caller: Caller, input: Input<'UpdateAlias'>): Promise<Result<Output<'UpdateAlias'>>>;
  deleteAlias(caller: Caller, input: Input<'DeleteAlias'>): Promise<Result<Output<'DeleteAlias'>>>;
  listAliases(caller: Caller, input: Input<'ListAliases'>): Promise<Result<Output<'ListAliases'>>>;
  putFunctionConcurrency(
    caller: Caller,
    input: Input<'PutFunctionConcurrency'>,
  ): Promise<Result<Output<'PutFunctionConcurrency'>>>;
  getFunctionConcurrency(
    caller: Caller,
    input: Input<'GetFunctionConcurrency'>,
  ): Promise<Result<Output<'GetFunctionConcurrency'>>>;
  deleteFunctionConcurrency(
    caller: Caller,
    input: Input<'DeleteFunctionConcurrency'>,
  ): Promise<Result<Output<'DeleteFunctionConcurrency'>>>;
  getAccountSettings(caller: Caller, input: Input<'GetAccountSettings'>): Promise<Result<Output<'GetAccountSettings'>>>;
  tagResource(caller: Caller, input: Input<'TagResource'>): Promise<Result<Output<'TagResource'>>>;
  untagResource(caller: Caller, input: Input<'UntagResource'>): Promise<Result<Output<'UntagResource'>>>;
  listTags(caller: Caller, input: Input<'ListTags'>): Promise<Result<Output<'ListTags'>>>;

  /**
   * Which spec an invocation runs. Synchronous, ≤ 2 µs: the hot path. `name` is FunctionName as the client sent it
   * (name, partial or full ARN, with or without a qualifier); `qualifier` is the query's, or null.
   */
  resolve(account: AccountId, region: Region, name: string, qualifier: string | null): Result<Resolved>;
  /** Concurrency reserved by all functions of the account in the region. */
  reservedInAccount(account: AccountId, region: Region): number;
  /** Folder of the extracted code of a spec (`DATA/code/SHA256HEX`); re-created from the blob when missing. */
  codeFolder(codeSha256Hex: string): Promise<string>;
  /** The zip itself, for the download URL. Null: no such code of this account. */
  codeZip(account: AccountId, codeSha256Hex: string): Promise<Uint8Array | null>;

  /** Each returned function ends the subscription. */
  onPoolSuperseded(listener: (pool: PoolKey, reason: StopReason) => void): () => void;
  onVersionActive(listener: (spec: FunctionSpec) => void): () => void;
  onFunctionDeleted(
    listener: (deleted: { readonly account: AccountId; readonly region: Region; readonly name: string }) => void,
  ): () => void;
  close(): Promise<void>;
}

export interface ConfigServiceOptions {
  /** Parts of the data folder this service owns: `code/` and temporary files. */
  readonly codeFolder: string;
  /** Download URL for Code.Location. */
  readonly codeUrl: (caller: Caller, codeSha256Hex: string) => string;
}

/** Loads everything from the store and finishes what a crash interrupted. */
export declare function openConfigService(options: ConfigServiceOptions): Promise<ConfigService>;
