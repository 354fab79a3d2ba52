import type { Caller } from '../wire/caller.js';

/** The unique id of an identity, as STS and events name it: an account's own for its keys, `ROLEID:SESSION` for sessions. */
export function userId({ account, accessKeyId, arn }: Pick<Caller, 'account' | 'accessKeyId' | 'arn'>): string {
  const session = /:assumed-role\/[^/]+\/(.+)$/.exec(arn)?.[1];
  return session === undefined ? account : `AROA${accessKeyId.slice(4)}:${session}`;
}
