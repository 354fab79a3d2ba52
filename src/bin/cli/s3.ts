import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Argv } from 'yargs';
import { S3Objects } from '../../adapters/s3/objects.js';
import type { ObjectStore } from '../../kernel/ports/objects.js';
import { CommandError } from './terminal.js';

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

export interface S3Choice {
  readonly 's3-endpoint'?: string | undefined;
  readonly 's3-region': string;
  readonly 's3-access-key'?: string | undefined;
  readonly 's3-secret-key'?: string | undefined;
  readonly 's3-secret-key-file'?: string | undefined;
}

/** The store that the options name, or null. Throws CommandError for what cannot be. */
export function objectStoreOf(choice: S3Choice): ObjectStore | null {
  const text = choice['s3-endpoint'];
  if (text === undefined || text === '') return null;
  const endpoint = URL.canParse(text) ? new URL(text) : null;
  if (endpoint === null || !/^https?:$/.test(endpoint.protocol)) {
    throw new CommandError('--s3-endpoint takes a URL, such as http://127.0.0.1:9000', 64);
  }
  const accessKeyId = choice['s3-access-key'] ?? '';
  const secretAccessKey = secretOf(choice);
  if ((accessKeyId === '') !== (secretAccessKey === '')) {
    throw new CommandError('--s3-access-key and --s3-secret-key (or --s3-secret-key-file) go together', 64);
  }
  // bin/hearth takes the variable that Node knows away: it costs every process time at its start.
  const certificates = process.env.HEARTH_EXTRA_CA_CERTS;
  return new S3Objects({
    endpoint,
    region: choice['s3-region'],
    credentials: accessKeyId === '' ? null : { accessKeyId, secretAccessKey },
    ...(certificates === undefined ? {} : { extraCa: [...rootCertificates, readFileSync(certificates, 'utf8')] }),
  });
}

function secretOf(choice: S3Choice): string {
  const file = choice['s3-secret-key-file'];
  if (file === undefined || file === '') return choice['s3-secret-key'] ?? '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`--s3-secret-key-file: ${(error as Error).message}`, 64);
  }
}
