import { assert } from '../kernel/assert.js';
import { apiFailure } from '../kernel/errors.js';
import { kib } from '../kernel/units.js';
import { xmlText } from '../wire/xml.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { stsNamespace } from './failures.js';
import type { CredentialLookup } from './signature/credentials.js';
import { userId } from './userid.js';

const version = '2011-06-15';

/** The two STS operations that tell who one is; the query protocol: a form in, XML out. */
export class StsEndpoint implements Endpoint {
  readonly protocol = 'query';
  readonly service = 'sts';
  readonly limit = { bytesMax: 64 * kib, operation: 'STS' };
  readonly #credentials: CredentialLookup;

  constructor(credentials: CredentialLookup) {
    this.#credentials = credentials;
  }

  handle(exchange: Exchange): undefined {
    const { caller } = exchange;
    assert(caller, 'an STS operation has a caller');
    const form = new URLSearchParams(exchange.method === 'POST' ? exchange.body.toString('utf8') : exchange.query);
    const action = form.get('Action');
    const asked = form.get('Version');
    if (action === null) {
      return void exchange.fail(
        apiFailure('UnknownOperationException', 'Could not find operation unknown for version NO_VERSION_SPECIFIED'),
      );
    }
    if (asked === version && action === 'GetCallerIdentity') {
      return answer(exchange, action, [
        ['Arn', caller.arn],
        ['UserId', userId(caller)],
        ['Account', caller.account],
      ]);
    }
    if (asked === version && action === 'GetAccessKeyInfo') {
      const key = this.#credentials.lookup(form.get('AccessKeyId') ?? '');
      if (!key) return void exchange.fail(apiFailure('ValidationException', 'Access key is not valid'));
      return answer(exchange, action, [['Account', key.account]]);
    }
    exchange.fail(
      apiFailure(
        'UnknownOperationException',
        `Could not find operation ${action} for version ${asked ?? 'NO_VERSION_SPECIFIED'}`,
      ),
    );
  }
}

function answer(exchange: Exchange, action: string, members: readonly (readonly [string, string])[]): undefined {
  const result = members.map(([name, value]) => `    <${name}>${xmlText(value)}</${name}>\n`).join('');
  const body = `<${action}Response xmlns="${stsNamespace}">
  <${action}Result>
${result}  </${action}Result>
  <ResponseMetadata>
    <RequestId>${exchange.requestId}</RequestId>
  </ResponseMetadata>
</${action}Response>
`;
  exchange.answer(200, ['Content-Type', 'text/xml'], body);
}
