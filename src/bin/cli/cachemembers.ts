import { existsSync, readFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { parseMembers } from '../../chunks/l2/members.js';
import type { SharedCache } from '../snapshotplane.js';
import { cacheSecret } from './cachesecret.js';
import { CommandError } from './terminal.js';

/** Options that name the snapshot cache that the workers of a zone share; each is also a variable. */
export function cacheOptions<Options>(command: Argv<Options>) {
  const { env } = process;
  return command
    .option('cache-members', {
      type: 'string',
      default: env.HEARTH_CACHE_MEMBERS,
      describe: 'members of a shared snapshot cache (hearth cache-member): addresses with commas, or a file of them',
      requiresArg: true,
    })
    .option('cache-secret-file', {
      type: 'string',
      default: env.HEARTH_CACHE_SECRET_FILE,
      describe: 'file with the secret that workers and members share',
      requiresArg: true,
    });
}

/** The cache that the options name, or null. Throws CommandError for what cannot be. */
export function sharedCacheOf(choice: {
  readonly 'cache-members'?: string | undefined;
  readonly 'cache-secret-file'?: string | undefined;
}): SharedCache | null {
  const said = choice['cache-members'];
  if (said === undefined || said === '') return null;
  const file = existsSync(said) ? said : null;
  try {
    const members = parseMembers(file === null ? said : readFileSync(file, 'utf8'));
    return { members, file, secret: cacheSecret(choice['cache-secret-file']) };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`--cache-members: ${(error as Error).message}`, 64);
  }
}
