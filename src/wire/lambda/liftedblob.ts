/** Where the text of a blob is in a JSON body: between its quotes. */
export interface BlobText {
  readonly start: number;
  readonly end: number;
}

/** A JSON body whose one large blob was decoded beforehand. */
export interface LiftedBlob {
  /** The body with `placeholder` in place of the blob's text. */
  readonly rest: Buffer;
  /** Occurs nowhere else in the body. */
  readonly placeholder: string;
  readonly bytes: Buffer;
}

const memberName = 'ZipFile';
/** The structures of the API that have the member; null: the input itself. */
const holders = [null, 'Code', 'Content'] as const;

/**
 * Finds the base64 text of a zip in a JSON body without reading the rest of it. Inside of a JSON text the member's name
 * in bare quotes can only be a key or a value, so what follows a colon is the value of such a key, at whatever depth.
 * Null: there is none, or it is written with escapes.
 */
export function findBlobText(body: Buffer): BlobText | null {
  const name = body.indexOf(`"${memberName}"`);
  if (name < 0) return null;
  const colon = afterSpace(body, name + memberName.length + 2);
  if (body[colon] !== 0x3a) return null;
  const quote = afterSpace(body, colon + 1);
  if (body[quote] !== 0x22) return null;
  const end = body.indexOf('"', quote + 1);
  if (end < 0 || body.subarray(quote + 1, end).includes('\\')) return null;
  return { start: quote + 1, end };
}

/** Puts the decoded bytes where the placeholder is. False: it is not where the API has a blob. */
export function putBack(json: unknown, { placeholder, bytes }: LiftedBlob): boolean {
  for (const name of holders) {
    const holder = name === null ? json : member(json, name);
    if (member(holder, memberName) !== placeholder) continue;
    (holder as Record<string, unknown>)[memberName] = bytes;
    return true;
  }
  return false;
}

function member(json: unknown, name: string): unknown {
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, name)) return undefined;
  return (json as Record<string, unknown>)[name];
}

function afterSpace(body: Buffer, at: number): number {
  let next = at;
  while (body[next] === 0x20 || body[next] === 0x0a || body[next] === 0x0d || body[next] === 0x09) next++;
  return next;
}
