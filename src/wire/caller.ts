import type { AccountId, Region } from '../kernel/ids.js';

/** Who made a request, after its signature was verified. */
export interface Caller {
  /** Account of the access key. */
  readonly account: AccountId;
  /** Region of the credential scope: functions of different regions never see each other. */
  readonly region: Region;
  readonly accessKeyId: string;
  /** ARN of the identity, for example `arn:aws:iam::123456789012:root`. */
  readonly arn: string;
}
