import { headerOf } from '../signature/canonical.js';

/** Which function URL a request is for, and what of its path is the function's. */
export interface UrlAddress {
  /** As the client wrote it; nothing says yet that there is such a URL. */
  readonly urlId: string;
  /** What the function sees, as sent. */
  readonly path: string;
  /** Of a URL named by host; null when it was named by path. */
  readonly host: {
    /** Without its port, in lower case. */
    readonly name: string;
    /** As the client wrote it: the URL has to be there. */
    readonly region: string;
  } | null;
}

/** URLs by path, for whoever cannot resolve `*.localhost`: `/_hearth/url/ID/what/the/function/sees`. */
export const urlPathPrefix = '/_hearth/url/';

/** Every URL's id has as many characters. */
export const urlIdCharacters = 32;
const idPattern = /^[a-z0-9]{32}$/;
const dot = 46;

/**
 * The address in the Host header, `ID.lambda-url.REGION.ANYTHING[:PORT]`; null for every other host. The hot path: every
 * request to the API passes here, and leaves after a look at one character.
 */
export function addressOfHost(rawHeaders: readonly string[], path: string): UrlAddress | null {
  const host = headerOf(rawHeaders, 'host');
  if (host === null || host.charCodeAt(urlIdCharacters) !== dot) return null;
  const lower = host.toLowerCase();
  if (!lower.startsWith('.lambda-url.', urlIdCharacters)) return null;
  const urlId = lower.slice(0, urlIdCharacters);
  if (!idPattern.test(urlId)) return null;
  const colon = lower.indexOf(':');
  const name = colon < 0 ? lower : lower.slice(0, colon);
  return { urlId, path: pathOf(path), host: { name, region: name.split('.')[2] as string } };
}

/** Clients that take us for a proxy send the whole URL. */
function pathOf(target: string): string {
  if (target.startsWith('/')) return target;
  const path = /^[a-z]+:\/\/[^/]*(.*)$/i.exec(target)?.[1];
  return path === undefined ? target : path === '' ? '/' : path;
}

/** The address in a path below `urlPathPrefix`. An id that cannot be one is an id that does not exist. */
export function addressOfPath(path: string): UrlAddress {
  const rest = path.slice(urlPathPrefix.length);
  const slash = rest.indexOf('/');
  if (slash < 0) return { urlId: rest, path: '/', host: null };
  return { urlId: rest.slice(0, slash), path: rest.slice(slash), host: null };
}
