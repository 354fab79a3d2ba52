import type { HttpRequest } from '../runtimeapi/httprequest.js';
import type { TelemetryApi } from '../telemetry/subscription.js';

/** A request of an extension, understood as far as its head goes. */
export type ExtensionRequest =
  | { readonly kind: 'register'; readonly name: string; readonly features: readonly string[] }
  | { readonly kind: 'next'; readonly id: string }
  | { readonly kind: 'init-error' | 'exit-error'; readonly id: string; readonly errorType: string }
  | { readonly kind: 'subscribe'; readonly id: string; readonly api: TelemetryApi }
  | { readonly kind: 'refused'; readonly status: 403 | 405; readonly errorType: string; readonly message: string };

const routes: Readonly<Record<string, readonly [method: string, kind: string]>> = {
  '/2020-01-01/extension/register': ['POST', 'register'],
  '/2020-01-01/extension/event/next': ['GET', 'next'],
  '/2020-01-01/extension/init/error': ['POST', 'init-error'],
  '/2020-01-01/extension/exit/error': ['POST', 'exit-error'],
  '/2022-07-01/telemetry': ['PUT', 'telemetry'],
  '/2020-08-15/logs': ['PUT', 'logs'],
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function header(text: string, name: string): string {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'im').exec(text)?.[1] ?? '';
}

const withoutSlash = (path: string) => path.replace(/\/$/, '');

export function isForExtensions({ path }: HttpRequest): boolean {
  return routes[withoutSlash(path)] !== undefined;
}

/** Null: the path is no extension's. Refusals in the words of AWS's runtime interface emulator. */
export function readRequest(request: HttpRequest): ExtensionRequest | null {
  const { method, path, text } = request;
  const route = routes[withoutSlash(path)];
  if (route === undefined || text === null) return null;
  const [allowed, kind] = route;
  if (method !== allowed) return { kind: 'refused', status: 405, errorType: '', message: '' };
  const refused = (errorType: string, message: string) =>
    ({ kind: 'refused', status: 403, errorType, message }) as const;
  if (kind === 'register') {
    const name = header(text, 'Lambda-Extension-Name');
    if (name === '') return refused('Extension.InvalidExtensionName', 'Empty extension name');
    const features = header(text, 'Lambda-Extension-Accept-Feature').split(/\s*,\s*/);
    return { kind: 'register', name, features };
  }
  const id = header(text, 'Lambda-Extension-Identifier').toLowerCase();
  if (id === '') {
    return refused('Extension.MissingExtensionIdentifier', 'Missing Lambda-Extension-Identifier header');
  }
  if (!uuid.test(id)) return refused('Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier');
  if (kind === 'next') return { kind, id };
  if (kind === 'telemetry' || kind === 'logs') return { kind: 'subscribe', id, api: kind };
  const typeHeader = 'Lambda-Extension-Function-Error-Type';
  const errorType = header(text, typeHeader);
  if (errorType === '') return refused('Extension.MissingHeader', `${typeHeader} not found`);
  return { kind: kind as 'init-error' | 'exit-error', id, errorType };
}

/** `events` of a registration's body, or what is wrong with it. */
export function readEvents(payload: Buffer): readonly string[] | string {
  let body: unknown;
  try {
    body = JSON.parse(payload.toString('utf8'));
  } catch (error) {
    return error instanceof Error ? error.message : 'the body is not JSON';
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body must be an object';
  const { events = [], configurationKeys } = body as { events?: unknown; configurationKeys?: unknown };
  if (Array.isArray(configurationKeys) && configurationKeys.length > 0) {
    return 'configurationKeys are deprecated; use environment variables instead';
  }
  const list = events ?? [];
  if (!Array.isArray(list) || !list.every((event) => typeof event === 'string'))
    return 'events must be a list of texts';
  return list;
}
