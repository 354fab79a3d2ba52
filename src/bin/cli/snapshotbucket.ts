import type { Argv } from 'yargs';
import type { S3BlobOptions } from '../../adapters/s3/blob.js';
import { peerServiceOf } from './peerservice.js';
import { CommandError } from './terminal.js';

/** Option that names where snapshots and code images are kept instead of in the data folder; also `HEARTH_SNAPSHOT_BUCKET`. */
export function bucketOptions<Options>(command: Argv<Options>) {
  return command.option('snapshot-bucket', {
    type: 'string',
    default: process.env.HEARTH_SNAPSHOT_BUCKET,
    describe: 'BUCKET or BUCKET/PREFIX of --s3-endpoint that keeps snapshots (encrypted); of one platform alone',
    requiresArg: true,
  });
}

/** The bucket that the options name, or null. Throws CommandError for what cannot be. */
export function snapshotBucketOf(choice: {
  readonly 'snapshot-bucket'?: string | undefined;
  readonly 's3-region': string;
}): S3BlobOptions | null {
  const said = choice['snapshot-bucket'];
  if (said === undefined || said === '') return null;
  const service = peerServiceOf('s3', choice, 'http://127.0.0.1:9000');
  if (service === null) throw new CommandError('--snapshot-bucket is a bucket of --s3-endpoint: name that, too', 64);
  const [, bucket, prefix] = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([a-zA-Z0-9_-]{1,60}))?\/?$/.exec(said) ?? [];
  if (bucket === undefined) throw new CommandError('--snapshot-bucket takes BUCKET or BUCKET/PREFIX', 64);
  return { ...service, region: choice['s3-region'], bucket, prefix: prefix === undefined ? '' : `${prefix}/` };
}
