import type { Argv } from 'yargs';
import { SqsClient } from '../../adapters/sqs/client.js';
import { peerServiceOf } from './peerservice.js';

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

/** The service that the options name, or null. Throws CommandError for what cannot be. */
export function queuesOf(choice: object): SqsClient | null {
  const service = peerServiceOf('sqs', choice, 'http://127.0.0.1:9324');
  if (service === null) return null;
  // Signed in any case: compatible services find the region in the signature, whoever signed.
  const nobody = { accessKeyId: 'hearth', secretAccessKey: 'hearth' };
  return new SqsClient({ ...service, credentials: service.credentials ?? nobody });
}
