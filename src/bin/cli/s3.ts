import type { Argv } from 'yargs';
import { S3Objects } from '../../adapters/s3/objects.js';
import type { ObjectStore } from '../../kernel/ports/objects.js';
import { peerServiceOf } from './peerservice.js';

/** Options that name the S3-compatible store from which code is fetched; each is also a variable, `HEARTH_S3_…`. */
export function s3Options<Options>(command: Argv<Options>) {
  const { env } = process;
  return command
    .option('s3-endpoint', {
      type: 'string',
      default: env.HEARTH_S3_ENDPOINT,
      describe: 'S3-compatible store that has code given as S3Bucket and S3Key',
    })
    .option('s3-region', { type: 'string', default: env.HEARTH_S3_REGION ?? 'us-east-1', describe: 'its region' })
    .option('s3-access-key', {
      type: 'string',
      default: env.HEARTH_S3_ACCESS_KEY,
      describe: 'access key for it (default: unsigned requests)',
    })
    .option('s3-secret-key', {
      type: 'string',
      default: env.HEARTH_S3_SECRET_KEY,
      defaultDescription: 'HEARTH_S3_SECRET_KEY',
      describe: 'its secret; others on this machine can read command lines',
    })
    .option('s3-secret-key-file', {
      type: 'string',
      default: env.HEARTH_S3_SECRET_KEY_FILE,
      describe: 'file with the secret',
    });
}

/** The store that the options name, or null. Throws CommandError for what cannot be. */
export function objectStoreOf(choice: { readonly 's3-region': string }): ObjectStore | null {
  const service = peerServiceOf('s3', choice, 'http://127.0.0.1:9000');
  return service === null ? null : new S3Objects({ ...service, region: choice['s3-region'] });
}
