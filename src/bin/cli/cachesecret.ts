import { readFileSync } from 'node:fs';
import { CommandError } from './terminal.js';

/** A secret that can be guessed is none. */
const secretBytesMin = 16;

/** The secret that the workers and cache members of a zone share. Throws CommandError for what cannot be. */
export function cacheSecret(file: string | undefined): Buffer {
  if (file === undefined) {
    throw new CommandError('--cache-secret-file names the file with the secret that workers and members share', 64);
  }
  let secret: Buffer;
  try {
    secret = Buffer.from(readFileSync(file, 'utf8').trim());
  } catch (error) {
    throw new CommandError(`--cache-secret-file: ${(error as Error).message}`, 64);
  }
  if (secret.length < secretBytesMin) {
    throw new CommandError(
      `--cache-secret-file: at least ${secretBytesMin} characters: openssl rand -hex 32 > ${file}`,
      64,
    );
  }
  return secret;
}
