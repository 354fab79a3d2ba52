/** Thrown when an invariant of Hearth's own code is broken. Never caught to go on: the process must end. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Broken invariants crash; expected failures are returned as unions, never asserted. Stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the `default` of a switch over a union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
