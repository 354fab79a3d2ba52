/**
 * The parts of SigV4's canonical request (AWS documentation, "Create a signed AWS API request") for every service but
 * S3: the path as received is normalized and URI-encoded once more. Strings hold one byte per character (latin1), as
 * node:http gives them.
 */

/** A–Z a–z 0–9 - . _ ~ : what RFC 3986 leaves unencoded. */
const unreserved = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') {
  unreserved[character.charCodeAt(0)] = 1;
}
const slash = 47;
const dot = 46;

const encoded: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  unreserved[byte] ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
);

/** URI-encodes every byte but the unreserved ones. */
export function uriEncode(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (!unreserved[bytes.charCodeAt(i)]) {
      let text = bytes.slice(0, i);
      for (; i < bytes.length; i++) text += encoded[bytes.charCodeAt(i) & 255];
      return text;
    }
  }
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Decodes %XX; what is not a pair of hex digits stays as it is. */
export function uriDecodeBytes(text: string): string {
  if (text.indexOf('%') < 0) return text;
  let bytes = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 37 && i + 2 < text.length) {
      const high = hexDigit(text.charCodeAt(i + 1));
      const low = hexDigit(text.charCodeAt(i + 2));
      if (high >= 0 && low >= 0) {
        bytes += String.fromCharCode(high * 16 + low);
        i += 2;
        continue;
      }
    }
    bytes += text[i];
  }
  return bytes;
}

/** `path` without its query. Almost always needs no work, which one pass over it finds out. */
export function canonicalPath(path: string): string {
  let plain = path.length > 0;
  let previous = 0;
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (code === slash || code === dot ? previous === slash : !unreserved[code]) {
      plain = false;
      break;
    }
    previous = code;
  }
  if (plain) return path;

  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') segments.pop();
    else segments.push(uriEncode(segment));
  }
  const trailing = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.join('/')}${trailing}`;
}

/** `query` without `?`. Names and values are decoded, encoded again in the one right way, and sorted. */
export function canonicalQuery(query: string, without: string | null = null): string {
  if (query === '') return '';
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = uriEncode(uriDecodeBytes(equals < 0 ? part : part.slice(0, equals)));
    if (name === without) continue;
    pairs.push([name, equals < 0 ? '' : uriEncode(uriDecodeBytes(part.slice(equals + 1)))]);
  }
  if (pairs.length > 1) pairs.sort(byNameThenValue);
  let text = '';
  for (const [name, value] of pairs) text += text === '' ? `${name}=${value}` : `&${name}=${value}`;
  return text;
}

function byNameThenValue(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

/** Runs of blanks become one space; node:http has trimmed the ends, but a value made of several lines may have some. */
function canonicalValue(value: string): string {
  if (value.indexOf('  ') < 0 && value.indexOf('\t') < 0) {
    const first = value.charCodeAt(0);
    const last = value.charCodeAt(value.length - 1);
    return first === 32 || last === 32 ? value.trim() : value;
  }
  return value.trim().replace(/[ \t]+/g, ' ');
}

/**
 * `name:value\n` for each signed header, in the order given. A header sent several times has its values joined with
 * commas; one that is absent is empty. `raw` is node:http's rawHeaders: names and values in turn.
 */
export function canonicalHeaders(raw: readonly string[], signed: readonly string[]): string {
  let text = '';
  for (let s = 0; s < signed.length; s++) {
    const name = signed[s] as string;
    text += `${name}:`;
    let found = false;
    for (let i = 0; i < raw.length; i += 2) {
      const candidate = raw[i] as string;
      if (candidate.length === name.length && (candidate === name || candidate.toLowerCase() === name)) {
        const value = canonicalValue(raw[i + 1] as string);
        text += found ? `,${value}` : value;
        found = true;
      }
    }
    text += '\n';
  }
  return text;
}

/** The value of a header, or null. Several: the first. `name` in lower case. */
export function headerOf(raw: readonly string[], name: string): string | null {
  for (let i = 0; i < raw.length; i += 2) {
    const candidate = raw[i] as string;
    if (candidate.length === name.length && (candidate === name || candidate.toLowerCase() === name)) {
      return raw[i + 1] as string;
    }
  }
  return null;
}
