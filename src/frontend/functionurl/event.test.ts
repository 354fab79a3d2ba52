import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { AccountId, Region } from '../../kernel/ids.js';
import { eventOf, type UrlRequest } from './event.js';

const plain: UrlRequest = {
  urlId: 'a'.repeat(32),
  domainName: `${'a'.repeat(32)}.lambda-url.us-west-2.localhost`,
  method: 'POST',
  path: '/hello',
  query: '',
  rawHeaders: ['Host', `${'a'.repeat(32)}.lambda-url.us-west-2.localhost:9000`, 'User-Agent', 'test/1'],
  httpVersion: '1.1',
  sourceIp: '127.0.0.1',
  port: 9000,
  requestId: '28d04d7e-7f0b-4521-9484-f7012b07cb68',
  traceHeader: 'Root=1-643ec28d-5503dc7274559e68706dae64;Parent=5503dc7274559e68;Sampled=0',
  arrivedMs: 1_681_834_637_081,
  body: Buffer.alloc(0),
  caller: null,
};

interface Event {
  readonly [member: string]: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly requestContext: Readonly<Record<string, unknown>>;
}

const event = (more: Partial<UrlRequest>) => JSON.parse(eventOf({ ...plain, ...more }).toString()) as Event;
const signer = {
  account: '123456789012' as AccountId,
  region: 'us-west-2' as Region,
  accessKeyId: 'AKIAEXAMPLE',
  arn: 'arn:aws:iam::123456789012:root',
};

test('the event as the service was recorded to make it', () => {
  const made = event({
    query: 'hello=world&foo=bar',
    rawHeaders: [
      ...plain.rawHeaders,
      ...['Connection', 'keep-alive', 'Content-Type', 'application/json', 'Content-Length', '18'],
      ...['Header2', 'h1', 'header2', 'h2', 'Cookie', 'foo=bar; hello=hello'],
      ...['Authorization', 'AWS4-HMAC-SHA256 Credential=…', 'X-Amz-Date', '20230418T161716Z'],
    ],
    body: Buffer.from('{"hello": "world"}'),
    caller: signer,
  });
  assert.deepEqual(made, {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/hello',
    rawQueryString: 'hello=world&foo=bar',
    cookies: ['foo=bar', 'hello=hello'],
    headers: {
      host: `${'a'.repeat(32)}.lambda-url.us-west-2.localhost:9000`,
      'user-agent': 'test/1',
      'content-type': 'application/json',
      'content-length': '18',
      header2: 'h1,h2',
      cookie: 'foo=bar; hello=hello',
      'x-amz-date': '20230418T161716Z',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-port': '9000',
      'x-amzn-trace-id': 'Root=1-643ec28d-5503dc7274559e68706dae64',
    },
    queryStringParameters: { hello: 'world', foo: 'bar' },
    requestContext: {
      accountId: '123456789012',
      apiId: 'a'.repeat(32),
      authorizer: {
        iam: {
          accessKey: 'AKIAEXAMPLE',
          accountId: '123456789012',
          callerId: '123456789012',
          cognitoIdentity: null,
          principalOrgId: null,
          userArn: 'arn:aws:iam::123456789012:root',
          userId: '123456789012',
        },
      },
      domainName: `${'a'.repeat(32)}.lambda-url.us-west-2.localhost`,
      domainPrefix: 'a'.repeat(32),
      http: { method: 'POST', path: '/hello', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test/1' },
      requestId: '28d04d7e-7f0b-4521-9484-f7012b07cb68',
      routeKey: '$default',
      stage: '$default',
      time: '18/Apr/2023:16:17:17 +0000',
      timeEpoch: 1_681_834_637_081,
    },
    body: '{"hello": "world"}',
    isBase64Encoded: false,
  });
});

test('what is not there is absent, and nobody signed is anonymous', () => {
  const made = event({});
  for (const member of ['cookies', 'queryStringParameters', 'body']) assert.ok(!(member in made), member);
  assert.equal(made.isBase64Encoded, false);
  assert.equal(made.requestContext.accountId, 'anonymous');
  assert.ok(!('authorizer' in made.requestContext));
  // Without a signature to keep to ourselves, the function checks the token itself.
  assert.equal(event({ rawHeaders: ['Authorization', 'Bearer x'] }).headers.authorization, 'Bearer x');
});

test('query parameters are decoded, and joined when they repeat', () => {
  const made = event({ query: 'a=1&a=2&b=x%20y+z&c&%F0%9F%98%80=%2C&__proto__=p' });
  const parameters = made.queryStringParameters as Record<string, string>;
  const found = Object.entries(parameters);
  assert.deepEqual(found, [...Object.entries({ a: '1,2', b: 'x y z', c: '', '😀': ',' }), ['__proto__', 'p']]);
  assert.equal(made.rawQueryString, 'a=1&a=2&b=x%20y+z&c&%F0%9F%98%80=%2C&__proto__=p');
});

test('a proxy in front is believed about how the client came', () => {
  const { headers } = event({ rawHeaders: ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-proto', 'https'] });
  assert.equal(headers['x-forwarded-for'], '10.0.0.1,127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'https');
});

test('text bodies travel as text, all others as base64', () => {
  const encoded = (rawHeaders: string[], body: Buffer) => event({ rawHeaders, body }).isBase64Encoded;
  const text = Buffer.from('grüße');
  for (const type of [
    'text/plain',
    'Text/HTML; charset=utf-8',
    'application/json',
    'application/json;charset=UTF-8',
    'application/xml',
    'application/javascript',
    'application/vnd.api+json',
    'application/soap+xml; charset=utf-8',
  ]) {
    assert.equal(encoded(['content-type', type], text), false, type);
  }
  for (const type of ['application/octet-stream', 'image/png', 'application/x-www-form-urlencoded', 'multipart/x']) {
    assert.equal(encoded(['content-type', type], text), true, type);
  }
  assert.equal(encoded([], text), true, 'no type');
  assert.equal(encoded(['content-type', 'text/plain', 'content-encoding', 'gzip'], text), true, 'compressed');
  assert.equal(encoded(['content-type', 'text/plain'], Buffer.from([0xff])), true, 'no UTF-8');
});

test('every body comes back out of its event, whatever it is and says it is', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('text/plain', 'application/json', 'image/png', ''),
      (bytes, type) => {
        const body = Buffer.from(bytes);
        const made = event({ body, rawHeaders: type === '' ? [] : ['Content-Type', type] });
        const back = Buffer.from((made.body as string | undefined) ?? '', made.isBase64Encoded ? 'base64' : 'utf8');
        assert.deepEqual(back, body);
      },
    ),
  );
});

test('every header and every parameter that was sent is in the event', () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/).filter((text) => !/^(te|x-|cookie$)/i.test(text));
  const text = fc.string({ unit: 'grapheme' });
  const pair = fc.tuple(name, fc.stringMatching(/^[!-+\--~]{1,10}$/));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 10 }), fc.array(fc.tuple(text, text)), (sent, asked) => {
      const query = new URLSearchParams(asked).toString();
      const made = event({ rawHeaders: sent.flat(), query });
      for (const [header, value] of sent) {
        assert.ok(made.headers[header.toLowerCase()]?.split(',').includes(value), header);
      }
      const parameters = new Map(Object.entries((made.queryStringParameters ?? {}) as Record<string, string>));
      for (const key of new Set(asked.map(([one]) => one))) {
        const values = asked.filter(([one]) => one === key).map(([, value]) => value);
        assert.equal(parameters.get(key), values.join(','));
      }
    }),
  );
});
