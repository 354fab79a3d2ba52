import type { CorsSettings } from '../../config/urls/messages.js';
import { headerOf } from '../signature/canonical.js';

/** Origin, and what a browser asks before the request itself. */
interface CorsQuestion {
  readonly origin: string;
  readonly method: string | null;
  readonly headers: string | null;
}

/**
 * The headers that answer a browser's question before its request; null: it is none, so the function gets it. An origin
 * that may not gets an answer without them, and the browser refuses.
 */
export function preflightHeaders(
  cors: CorsSettings | null,
  method: string,
  rawHeaders: readonly string[],
): string[] | null {
  if (cors === null || method !== 'OPTIONS') return null;
  const origin = headerOf(rawHeaders, 'origin');
  const wanted = headerOf(rawHeaders, 'access-control-request-method');
  if (origin === null || wanted === null) return null;
  const question = { origin, method: wanted, headers: headerOf(rawHeaders, 'access-control-request-headers') };
  const headers = originHeaders(cors, question);
  if (headers === null) return [];
  const methods = listed(cors.AllowMethods, cors, question.method);
  if (methods !== null) headers.push('Access-Control-Allow-Methods', methods);
  const names = listed(cors.AllowHeaders, cors, question.headers);
  if (names !== null) headers.push('Access-Control-Allow-Headers', names);
  if (cors.MaxAge !== undefined) headers.push('Access-Control-Max-Age', String(cors.MaxAge));
  return headers;
}

/** Headers that every answer to this request gets beside the function's own. */
export function corsHeaders(cors: CorsSettings | null, rawHeaders: readonly string[]): readonly string[] {
  const origin = cors === null ? null : headerOf(rawHeaders, 'origin');
  if (cors === null || origin === null) return [];
  const headers = originHeaders(cors, { origin, method: null, headers: null });
  if (headers === null) return [];
  if ((cors.ExposeHeaders?.length ?? 0) > 0) {
    headers.push('Access-Control-Expose-Headers', (cors.ExposeHeaders as readonly string[]).join(','));
  }
  return headers;
}

function originHeaders(cors: CorsSettings, { origin }: CorsQuestion): string[] | null {
  const allowed = cors.AllowOrigins ?? [];
  const everyone = allowed.includes('*');
  if (!everyone && !allowed.some((one) => one.toLowerCase() === origin.toLowerCase())) return null;
  // With credentials, browsers take only an origin by name.
  const named = !everyone || cors.AllowCredentials === true;
  const headers = ['Access-Control-Allow-Origin', named ? origin : '*'];
  if (named) headers.push('Vary', 'Origin');
  if (cors.AllowCredentials === true) headers.push('Access-Control-Allow-Credentials', 'true');
  return headers;
}

/** `*` means everything only without credentials: with them, what is asked for is what is allowed. */
function listed(allowed: readonly string[] | undefined, cors: CorsSettings, wanted: string | null): string | null {
  if (allowed === undefined || allowed.length === 0) return null;
  if (allowed.includes('*') && cors.AllowCredentials === true) return wanted;
  return allowed.join(',');
}
