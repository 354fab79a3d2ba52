import type { Argv } from 'yargs';
import { SnsClient } from '../../adapters/sns/client.js';
import { minuteMs, secondMs } from '../../kernel/units.js';
import type { DestinationPlaces } from '../destinations.js';
import { extraCertificates, peerServiceOf } from './peerservice.js';
import { CommandError } from './terminal.js';

/** Options that say whom the platform may tell of asynchronous invocations; most are also a variable, `HEARTH_…`. */
export function destinationOptions<Options>(command: Argv<Options>) {
  const { env } = process;
  return command
    .option('sns-endpoint', {
      type: 'string',
      default: env.HEARTH_SNS_ENDPOINT,
      describe: 'SNS-compatible service behind destinations and dead-letter queues that are topics',
    })
    .option('sns-access-key', {
      type: 'string',
      default: env.HEARTH_SNS_ACCESS_KEY,
      describe: 'access key for it (default: one that only names Hearth)',
    })
    .option('sns-secret-key', {
      type: 'string',
      default: env.HEARTH_SNS_SECRET_KEY,
      defaultDescription: 'HEARTH_SNS_SECRET_KEY',
      describe: 'its secret; others on this machine can read command lines',
    })
    .option('sns-secret-key-file', {
      type: 'string',
      default: env.HEARTH_SNS_SECRET_KEY_FILE,
      describe: 'file with the secret',
    })
    .option('destination-url', {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'URL below which destinations may be; can be given more than once (default: none)',
    })
    .option('retry-seconds', {
      type: 'number',
      requiresArg: true,
      describe:
        'seconds before the first retry of an asynchronous invocation; twice as many before the second (AWS: 60)',
    });
}

export interface DestinationChoice {
  readonly destinations: DestinationPlaces;
  readonly retryMs?: number;
}

/** What the options say. Throws CommandError for what cannot be. */
export function destinationsOf(choice: object): DestinationChoice {
  const { 'destination-url': texts = [], 'retry-seconds': seconds } = choice as {
    readonly 'destination-url'?: readonly string[];
    readonly 'retry-seconds'?: number;
  };
  const service = peerServiceOf('sns', choice, 'http://127.0.0.1:4100');
  // Signed in any case: compatible services find the region in the signature, whoever signed.
  const nobody = { accessKeyId: 'hearth', secretAccessKey: 'hearth' };
  const topics = service === null ? null : new SnsClient({ ...service, credentials: service.credentials ?? nobody });
  const urls = texts.map((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
      throw new CommandError('--destination-url takes a URL without a query, such as https://hooks.example/', 64);
    }
    return url;
  });
  // Read only where it is needed: a file that is not there must not keep everybody from starting.
  const destinations = { topics, urls, extraCa: urls.length === 0 ? null : extraCertificates() };
  if (seconds === undefined) return { destinations };
  if (!(seconds >= 0 && seconds * secondMs <= minuteMs)) {
    throw new CommandError('--retry-seconds takes a number from 0 to 60', 64);
  }
  return { destinations, retryMs: seconds * secondMs };
}
