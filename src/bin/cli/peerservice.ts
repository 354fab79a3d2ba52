import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { CommandError } from './terminal.js';

/** What the options `--NAME-endpoint`, `--NAME-access-key`, `--NAME-secret-key` and `--NAME-secret-key-file` say. */
export interface PeerService {
  readonly endpoint: URL;
  /** Null: none were given. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  /** Certificates to believe, PEM, where there are more than Node's own. */
  readonly extraCa?: readonly string[];
}

/** The service that the options of `name` name, or null. Throws CommandError for what cannot be. */
export function peerServiceOf(name: string, choice: object, example: string): PeerService | null {
  const said = (option: string) => (choice as Readonly<Record<string, string | undefined>>)[`${name}-${option}`] ?? '';
  const text = said('endpoint');
  if (text === '') return null;
  const endpoint = URL.canParse(text) ? new URL(text) : null;
  if (endpoint === null || !/^https?:$/.test(endpoint.protocol)) {
    throw new CommandError(`--${name}-endpoint takes a URL, such as ${example}`, 64);
  }
  const accessKeyId = said('access-key');
  const secretAccessKey = said('secret-key-file') === '' ? said('secret-key') : secretIn(name, said('secret-key-file'));
  if ((accessKeyId === '') !== (secretAccessKey === '')) {
    const secret = `--${name}-secret-key (or --${name}-secret-key-file)`;
    throw new CommandError(`--${name}-access-key and ${secret} go together`, 64);
  }
  const extraCa = extraCertificates();
  return {
    endpoint,
    credentials: accessKeyId === '' ? null : { accessKeyId, secretAccessKey },
    ...(extraCa === null ? {} : { extraCa }),
  };
}

/** Certificates to believe, PEM, where there are more than Node's own. */
export function extraCertificates(): readonly string[] | null {
  // bin/hearth takes the variable that Node knows away: it costs every process time at its start.
  const certificates = process.env.HEARTH_EXTRA_CA_CERTS;
  return certificates === undefined ? null : [...rootCertificates, readFileSync(certificates, 'utf8')];
}

function secretIn(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new CommandError(`--${name}-secret-key-file: ${(error as Error).message}`, 64);
  }
}
