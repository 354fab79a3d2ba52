import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpConnection } from './runtimeapi/httpconnection.js';
import type { HttpRequest } from './runtimeapi/httprequest.js';

/**
 * What a function with SnapStart asks for its credentials, as AWS SDKs do it when AWS_CONTAINER_CREDENTIALS_FULL_URI is
 * set (SDKs and tools reference guide, "Container credential provider"): those in its environment would be the
 * snapshot's, and over.
 */
export interface ContainerCredentials {
  /** What the request's `Authorization` has to be. In every clone of the snapshot, and of no other function. */
  readonly token: string;
  /** JSON text with AccessKeyId, SecretAccessKey, Token and Expiration: fresh ones at every call. */
  document(): string;
}

export const credentialsPath = '/2021-04-23/credentials';

/** Where a sandbox asks for them; `runtimeApi`: host and port of the Runtime API as seen from inside. */
export function credentialsUri(runtimeApi: string): string {
  return `http://${runtimeApi}${credentialsPath}`;
}

/** False: the request is for something else. */
export function serveCredentials(
  request: HttpRequest,
  connection: HttpConnection,
  offered: ContainerCredentials | null,
): boolean {
  if (request.path !== credentialsPath || offered === null) return false;
  const given = /\r\nauthorization:([^\r\n]*)/i.exec(request.text ?? '')?.[1]?.trim() ?? '';
  if (request.method !== 'GET') connection.answer(405, '', '');
  else if (!timingSafeEqual(digest(given), digest(offered.token))) {
    connection.answer(403, '', '{"code":"AccessDenied","message":"The authorization token is not the function\'s."}');
  } else connection.answer(200, '', offered.document());
  return true;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
