/** The services that share the path `/`: their operations are named in a header or a form. */
const served: ReadonlySet<string> = new Set(['lambda', 'logs', 'sts', 'iam']);

/**
 * The service that a request's credential names, in its header or in the query of a presigned URL; null without one. What
 * it says is proven later, by the signature.
 */
export function signedService(authorization: string | undefined, query: string): string | null {
  const scope = /\/([a-z0-9-]{1,64})\/aws4_request/.exec(authorization ?? query.replaceAll('%2F', '/'));
  return scope?.[1] ?? null;
}

export function isServed(service: string): boolean {
  return served.has(service);
}

/** For tools that are pointed here with all their services. */
export function notServed(service: string): string {
  return `There is no service '${service}' here: Hearth serves ${[...served].join(', ')}.`;
}
