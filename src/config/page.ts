import { apiFailure } from '../kernel/errors.js';
import { fail, ok, type Result } from '../kernel/result.js';

/** What one answer holds at most; MaxItems may ask for less. (AWS documentation of the list operations.) */
const pageItemsMax = 50;

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextMarker: string | null;
}

/**
 * One page of items that are in order of `keyOf`. A marker is the last key of the page before, so that items coming
 * and going in between neither repeat nor hide others.
 */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  compare: (a: string, b: string) => number,
  marker: string | undefined,
  maxItems: number | undefined,
): Result<Page<T>> {
  let rest = items;
  if (marker !== undefined && marker !== '') {
    const after = Buffer.from(marker, 'base64url').toString();
    if (after === '' || Buffer.from(after).toString('base64url') !== marker) {
      return fail(apiFailure('InvalidParameterValueException', 'Invalid pagination token.'));
    }
    rest = items.filter((item) => compare(keyOf(item), after) > 0);
  }
  const count = Math.min(maxItems ?? pageItemsMax, pageItemsMax);
  const chosen = rest.slice(0, count);
  const more = rest.length > count;
  return ok({ items: chosen, nextMarker: more ? Buffer.from(keyOf(chosen.at(-1)!)).toString('base64url') : null });
}

export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `$LATEST` first, then versions by number. */
export function byVersion(a: string, b: string): number {
  const number = (version: string): number => (version === '$LATEST' ? 0 : Number(version));
  return number(a) - number(b);
}
