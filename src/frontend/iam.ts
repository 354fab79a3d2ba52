import { type IamFailure, iamStatus } from '../iam/entity.js';
import type { IamApi } from '../iam/operations.js';
import { assert } from '../kernel/assert.js';
import { kib } from '../kernel/units.js';
import { renderXml } from '../wire/xml.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/';

/** IAM's query protocol: a form in, XML out. */
export class IamEndpoint implements Endpoint {
  readonly protocol = 'query';
  readonly service = 'iam';
  readonly limit = { bytesMax: 256 * kib, operation: 'IAM' };
  readonly #api: IamApi;

  constructor(api: IamApi) {
    this.#api = api;
  }

  async handle(exchange: Exchange): Promise<void> {
    const { caller, requestId } = exchange;
    assert(caller, 'an IAM operation has a caller');
    const form = new URLSearchParams(exchange.method === 'POST' ? exchange.body.toString('utf8') : exchange.query);
    const answer = await this.#api.handle(caller, form);
    if (!answer.ok) return failed(exchange, answer.failure);
    const { action, result } = answer;
    const shown = result === null ? '' : `<${action}Result>${renderXml(result)}</${action}Result>`;
    const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
    const body = `<${action}Response xmlns="${namespace}">${shown}${metadata}</${action}Response>\n`;
    exchange.answer(200, ['Content-Type', 'text/xml'], body);
  }
}

function failed(exchange: Exchange, { code, message }: IamFailure): void {
  const error = renderXml({ Error: { Type: 'Sender', Code: code, Message: message }, RequestId: exchange.requestId });
  const body = `<ErrorResponse xmlns="${namespace}">${error}</ErrorResponse>\n`;
  exchange.answer(iamStatus[code], ['Content-Type', 'text/xml'], body);
}
