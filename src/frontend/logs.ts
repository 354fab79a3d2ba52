import { assert } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import { mib } from '../kernel/units.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { json11 } from './failures.js';
import type { LogsApi } from './ports.js';

export const logsTargetPrefix = 'Logs_20140328.';
const contentType = 'application/x-amz-json-1.1';

/** CloudWatch Logs: JSON 1.1, one path, the operation in X-Amz-Target. */
export class LogsEndpoint implements Endpoint {
  readonly protocol = 'json-1.1';
  readonly service = 'logs';
  /** PutLogEvents takes 1,048,576 bytes as Logs counts them; the JSON around them needs more. */
  readonly limit = { bytesMax: 4 * mib, operation: 'CloudWatch Logs' };
  readonly #api: LogsApi;

  constructor(api: LogsApi) {
    this.#api = api;
  }

  async handle(exchange: Exchange): Promise<void> {
    const type = exchange.req.headers['content-type'];
    const target = String(exchange.req.headers['x-amz-target']);
    const operation = target.slice(logsTargetPrefix.length);
    const handler = Object.hasOwn(this.#api, operation) ? this.#api[operation] : undefined;
    if (type === undefined || !type.toLowerCase().startsWith('application/x-amz-json-1.')) {
      return exchange.fail(apiFailure('UnknownOperationException', `Content type must be ${contentType}.`));
    }
    if (!target.startsWith(logsTargetPrefix) || handler === undefined) {
      return exchange.fail(
        apiFailure(
          'UnknownOperationException',
          `The operation ${operation.slice(0, 128)} is not available in this version of Hearth.`,
        ),
      );
    }
    const input = parsed(exchange.body);
    if (input === null) {
      return exchange.fail(apiFailure('SerializationException', 'The request body is not a JSON object.'));
    }
    assert(exchange.caller, 'a logs operation has a caller');
    const result = await handler(exchange.caller, input);
    if (result.ok) return exchange.answer(200, ['Content-Type', contentType], JSON.stringify(result.value));
    const { code, message, members } = result.failure;
    const text = json11(
      code,
      message,
      code === 'ServiceUnavailableException' || code === 'InternalFailure' ? 500 : 400,
      members,
    );
    exchange.answer(text.status, ['Content-Type', text.contentType, 'x-amzn-ErrorType', code], text.body);
  }
}

/** Null: not a JSON object. */
function parsed(body: Buffer): Readonly<Record<string, unknown>> | null {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
