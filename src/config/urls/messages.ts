import type { AccountId, Region } from '../../kernel/ids.js';

/** What the client sets of CORS, as it sent it. Absent members are not set. */
export interface CorsSettings {
  readonly AllowCredentials?: boolean | undefined;
  readonly AllowHeaders?: readonly string[] | undefined;
  readonly AllowMethods?: readonly string[] | undefined;
  readonly AllowOrigins?: readonly string[] | undefined;
  readonly ExposeHeaders?: readonly string[] | undefined;
  /** Seconds. */
  readonly MaxAge?: number | undefined;
}

export type UrlAuthType = 'AWS_IAM' | 'NONE';
export type UrlInvokeMode = 'BUFFERED' | 'RESPONSE_STREAM';

/** The URL of a function, or of one of its aliases. Stored as is. */
export interface UrlRecord {
  /** 32 lower-case letters and digits; the first label of the host name. Never changes while the URL exists. */
  readonly id: string;
  /** `$LATEST`, or the alias it invokes. */
  readonly qualifier: string;
  readonly authType: UrlAuthType;
  /** Null: none, or an empty one. */
  readonly cors: CorsSettings | null;
  /** Null: never given, which is BUFFERED; the service then shows none. */
  readonly invokeMode: UrlInvokeMode | null;
  readonly createdMs: number;
  readonly modifiedMs: number;
}

/** A function URL as requests to it need it. */
export interface UrlTarget {
  readonly account: AccountId;
  readonly region: Region;
  readonly functionName: string;
  /** The alias it invokes; null: the function itself. */
  readonly qualifier: string | null;
  readonly record: UrlRecord;
}

export type UrlInput =
  | {
      readonly kind: 'create-url';
      readonly nowMs: number;
      readonly id: string;
      /** Null: the function itself. */
      readonly qualifier: string | null;
      readonly authType: UrlAuthType;
      readonly cors: CorsSettings | null;
      readonly invokeMode: UrlInvokeMode | null;
    }
  | {
      readonly kind: 'update-url';
      readonly nowMs: number;
      readonly qualifier: string | null;
      /** Undefined: unchanged, also below. */
      readonly authType: UrlAuthType | undefined;
      /** Null ends CORS. */
      readonly cors: CorsSettings | null | undefined;
      readonly invokeMode: UrlInvokeMode | undefined;
    }
  | { readonly kind: 'delete-url'; readonly qualifier: string | null };
