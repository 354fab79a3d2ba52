import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Argv } from 'yargs';
import { SqsClient } from '../../adapters/sqs/client.js';
import { CommandError } from './terminal.js';

/** Options that name the SQS-compatible service whose queues are polled; each is also a variable, `HEARTH_SQS_…`. */
export function sqsOptions<Options>(command: Argv<Options>) {
  const { env } = process;
  return command
    .option('sqs-endpoint', {
      type: 'string',
      default: env.HEARTH_SQS_ENDPOINT,
      describe: 'SQS-compatible service whose queues event source mappings read',
    })
    .option('sqs-access-key', {
      type: 'string',
      default: env.HEARTH_SQS_ACCESS_KEY,
      describe: 'access key for it (default: one that only names Hearth)',
    })
    .option('sqs-secret-key', {
      type: 'string',
      default: env.HEARTH_SQS_SECRET_KEY,
      defaultDescription: 'HEARTH_SQS_SECRET_KEY',
      describe: 'its secret; others on this machine can read command lines',
    })
    .option('sqs-secret-key-file', {
      type: 'string',
      default: env.HEARTH_SQS_SECRET_KEY_FILE,
      describe: 'file with the secret',
    });
}

export interface SqsChoice {
  readonly 'sqs-endpoint'?: string | undefined;
  readonly 'sqs-access-key'?: string | undefined;
  readonly 'sqs-secret-key'?: string | undefined;
  readonly 'sqs-secret-key-file'?: string | undefined;
}

/** The service that the options name, or null. Throws CommandError for what cannot be. */
export function queuesOf(choice: SqsChoice): SqsClient | null {
  const text = choice['sqs-endpoint'];
  if (text === undefined || text === '') return null;
  const endpoint = URL.canParse(text) ? new URL(text) : null;
  if (endpoint === null || !/^https?:$/.test(endpoint.protocol)) {
    throw new CommandError('--sqs-endpoint takes a URL, such as http://127.0.0.1:9324', 64);
  }
  const accessKeyId = choice['sqs-access-key'] ?? '';
  const secretAccessKey = secretOf(choice);
  if ((accessKeyId === '') !== (secretAccessKey === '')) {
    throw new CommandError('--sqs-access-key and --sqs-secret-key (or --sqs-secret-key-file) go together', 64);
  }
  // Signed in any case: compatible services find the region in the signature, whoever signed.
  const credentials =
    accessKeyId === '' ? { accessKeyId: 'hearth', secretAccessKey: 'hearth' } : { accessKeyId, secretAccessKey };
  // bin/hearth takes the variable that Node knows away: it costs every process time at its start.
  const certificates = process.env.HEARTH_EXTRA_CA_CERTS;
  return new SqsClient({
    endpoint,
    credentials,
    ...(certificates === undefined ? {} : { extraCa: [...rootCertificates, readFileSync(certificates, 'utf8')] }),
  });
}

function secretOf(choice: SqsChoice): string {
  const file = choice['sqs-secret-key-file'];
  if (file === undefined || file === '') return choice['sqs-secret-key'] ?? '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`--sqs-secret-key-file: ${(error as Error).message}`, 64);
  }
}
