import { type ApiFailure, apiFailure } from '../kernel/errors.js';

/**
 * Refuses a body whose content type cannot be JSON: multipart, XML, HTML. Clients are otherwise careless here: SDKs say
 * `application/octet-stream`, curl says it sends a form, and both send JSON.
 */
export function foreignType(contentType: string | null | undefined, body: Buffer): ApiFailure | null {
  if (contentType === null || contentType === undefined || contentType === 'application/json') return null;
  const type = contentType.toLowerCase();
  if (body.length === 0 || !(type.startsWith('multipart/') || type.includes('xml') || type.startsWith('text/html'))) {
    return null;
  }
  return apiFailure('UnsupportedMediaTypeException', `Unsupported content type: ${contentType}`);
}
