import { fail, ok, type Result } from '../kernel/result.js';
import { parseJsonPattern } from './jsonpattern.js';
import { PatternError } from './patterncursor.js';
import { parseSpacePattern } from './spacepattern.js';
import { parseTermPattern } from './termpattern.js';

/** Says whether a message matches; of one that does, `values` has what the pattern names. */
export interface EventMatcher {
  (message: string): boolean;
  readonly values?: (message: string) => Readonly<Record<string, string>>;
}

/**
 * Compiles a CloudWatch Logs filter pattern ("Filter pattern syntax" in the user guide): terms, `{ $.json = "x" }`,
 * or `[space, delimited=x*, ...]`. Matching takes time linear in the message, whatever the pattern. The failure is
 * the text of the service's InvalidParameterException.
 */
export function parseFilterPattern(pattern: string): Result<EventMatcher, string> {
  const text = pattern.trim();
  if (text === '') return ok(() => true);
  try {
    if (text.startsWith('{')) return ok(parseJsonPattern(text));
    if (text.startsWith('[')) return ok(parseSpacePattern(text));
    return ok(parseTermPattern(text));
  } catch (error) {
    if (error instanceof PatternError) return fail(error.message);
    throw error;
  }
}
