import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { apiFailure } from '../../kernel/errors.js';
import type { AccountId } from '../../kernel/ids.js';
import type { Credential, CredentialLookup } from './credentials.js';
import { bodySha256, SignatureVerifier, type SignedRequest } from './sigv4.js';

const credential: Credential = {
  account: '123456789012' as AccountId,
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const temporary: Credential = { ...credential, accessKeyId: 'ASIAEXAMPLE', sessionToken: 'token+/=' };
const lookup: CredentialLookup = {
  generation: 1,
  lookup: (id) => [credential, temporary].find((each) => each.accessKeyId === id),
};
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

type HttpRequest = Awaited<ReturnType<SignatureV4['sign']>>;
interface Signable {
  method: string;
  protocol: string;
  hostname: string;
  path: string;
  query: Record<string, string | string[]>;
  headers: Record<string, string>;
  body?: string | Uint8Array;
}

/** The official SDK's signer. */
function signer(with_: Credential = credential, service = 'lambda'): SignatureV4 {
  return new SignatureV4({
    credentials: {
      accessKeyId: with_.accessKeyId,
      secretAccessKey: with_.secretAccessKey,
      ...(with_.sessionToken ? { sessionToken: with_.sessionToken } : {}),
    },
    region: 'us-east-1',
    service,
    sha256: Sha256,
    uriEscapePath: true,
  });
}

const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** As the SDK's HTTP handler puts it on the wire. */
function asSent(signed: HttpRequest): SignedRequest {
  const query = Object.entries(signed.query ?? {})
    .flatMap(([key, value]) => [value ?? ''].flat().map((each) => `${encode(key)}=${encode(each)}`))
    .join('&');
  return {
    method: signed.method,
    path: signed.path,
    query,
    rawHeaders: Object.entries(signed.headers).flat(),
  };
}

function request(more: Partial<Signable> = {}): Signable {
  return {
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: '/2015-03-31/functions/f/invocations',
    query: {},
    headers: { host: '127.0.0.1:4566', 'content-type': 'application/json' },
    body: '{"a":1}',
    ...more,
  };
}

function check(sent: SignedRequest, body: string | Uint8Array = '', atMs = nowMs, service = 'lambda') {
  const verifier = new SignatureVerifier(lookup);
  const claim = verifier.claim(sent, service, atMs);
  return claim.ok ? verifier.verify(claim.value, sent, bodySha256(Buffer.from(body))) : claim;
}

function refused(result: ReturnType<typeof check>, code: string, message: string | RegExp): void {
  assert.ok(!result.ok, 'must be refused');
  assert.equal(result.failure.code, code);
  if (typeof message === 'string') assert.equal(result.failure.message, message);
  else assert.match(result.failure.message, message);
}

const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

const segment = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((text) => text !== '.' && text !== '..' && text !== '__proto__');
const headerValue = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });

test('whatever the official signer signs in headers is accepted, and no single change of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 4 }),
      fc.boolean(),
      fc.dictionary(segment, fc.oneof(segment, fc.array(segment, { minLength: 1, maxLength: 3 })), { maxKeys: 4 }),
      fc.dictionary(
        fc.stringMatching(/^[a-z]{1,6}-[A-Za-z0-9]{1,6}$/).map((name) => `q${name}`),
        headerValue,
        { maxKeys: 4 },
      ),
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
      async (segments, trailing, query, headers, body, method) => {
        const path = `/${segments.map(encode).join('/')}${trailing ? '/' : ''}`;
        const plain = request({ method, path, query, body, headers: { host: 'localhost:1', ...headers } });
        const signed = await signer().sign(plain, { signingDate: new Date(nowMs) });
        const sent = asSent(signed);
        const good = check(sent, body);
        assert.ok(good.ok, good.ok ? '' : `${good.failure.message} ${JSON.stringify(sent)}`);
        assert.equal(good.value.account, credential.account);
        refused(check(sent, Buffer.concat([body, Buffer.from('x')])), 'InvalidSignatureException', mismatch);
        refused(check({ ...sent, path: `${sent.path}x` }, body), 'InvalidSignatureException', mismatch);
        refused(check({ ...sent, query: `${sent.query}&x=1` }, body), 'InvalidSignatureException', mismatch);
        refused(check({ ...sent, method: 'PATCH' }, body), 'InvalidSignatureException', mismatch);
        const other = sent.rawHeaders.map((each) => (each === 'localhost:1' ? 'localhost:2' : each));
        refused(check({ ...sent, rawHeaders: other }, body), 'InvalidSignatureException', mismatch);
      },
    ),
    { numRuns: 300 },
  );
});

test('whatever the official signer presigns is accepted, in its time only', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 3 }),
      fc.dictionary(segment, segment, { maxKeys: 3 }),
      fc.integer({ min: 1, max: 604_800 }),
      async (segments, query, expiresIn) => {
        const path = `/${segments.map(encode).join('/')}`;
        const plain = request({ method: 'GET', path, query, body: '', headers: { host: 'localhost:1' } });
        const sent = asSent(await signer(temporary).presign(plain, { signingDate: new Date(nowMs), expiresIn }));
        assert.ok(check(sent, '', nowMs + expiresIn * 1000).ok);
        refused(check(sent, '', nowMs + expiresIn * 1000 + 1), 'InvalidSignatureException', /^Signature expired: /);
        refused(check({ ...sent, path: `${sent.path}x` }), 'InvalidSignatureException', mismatch);
        refused(
          check({ ...sent, query: sent.query.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604801') }),
          'InvalidSignatureException',
          /between 1 and 604800/,
        );
      },
    ),
    { numRuns: 100 },
  );
});

async function sentAt(signingMs = nowMs, with_ = credential, more: Partial<Signable> = {}): Promise<SignedRequest> {
  return asSent(await signer(with_).sign(request(more), { signingDate: new Date(signingMs) }));
}

function withHeader(sent: SignedRequest, name: string, change: (value: string) => string | null): SignedRequest {
  const rawHeaders: string[] = [];
  for (let i = 0; i < sent.rawHeaders.length; i += 2) {
    const key = sent.rawHeaders[i] as string;
    const value = sent.rawHeaders[i + 1] as string;
    const next = key.toLowerCase() === name ? change(value) : value;
    if (next !== null) rawHeaders.push(key, next);
  }
  return { ...sent, rawHeaders };
}

test("AWS's errors", async () => {
  const body = '{"a":1}';
  const sent = await sentAt();
  assert.ok(check(sent, body).ok);
  refused(
    check({ ...sent, rawHeaders: ['host', 'x'] }),
    'MissingAuthenticationTokenException',
    'Missing Authentication Token',
  );
  const header = (change: (value: string) => string) => check(withHeader(sent, 'authorization', change), body);
  refused(
    header((v) => v.replace('AKIDEXAMPLE', 'AKIDOTHER')),
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
  );
  refused(
    header((v) => v.replace(/.$/, (c) => (c === '0' ? '1' : '0'))),
    'InvalidSignatureException',
    mismatch,
  );
  refused(
    header((v) => v.replace('/lambda/', '/sts/')),
    'InvalidSignatureException',
    "Credential should be scoped to correct service: 'lambda'. ",
  );
  refused(
    header((v) => v.replace('us-east-1', 'nowhere')),
    'InvalidSignatureException',
    "Credential should be scoped to a valid region, not 'nowhere'. ",
  );
  refused(
    header((v) => v.replace('aws4_request', 'aws')),
    'InvalidSignatureException',
    "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws'.",
  );
  refused(
    header((v) => v.replace('/lambda/aws4_request', '')),
    'IncompleteSignatureException',
    /^Credential must have exactly 5 slash-delimited elements/,
  );
  refused(
    header((v) => v.replace('20260102/', '20260101/')),
    'InvalidSignatureException',
    /^Date in Credential scope does not match YYYYMMDD/,
  );
  refused(
    header((v) => v.replace(/, Signature=.*/, '')),
    'IncompleteSignatureException',
    /^Authorization header requires 'Signature' parameter\. \(hashed with SHA-256/,
  );
  refused(
    header((v) => v.replace('SignedHeaders', 'Other')),
    'IncompleteSignatureException',
    /^Authorization header requires 'SignedHeaders' parameter\. /,
  );
  refused(
    header((v) => v.replace(';host', '')),
    'InvalidSignatureException',
    "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
  );
  refused(
    header(() => 'Bearer x'),
    'IncompleteSignatureException',
    /^Invalid key=value pair \(missing equal-sign\)/,
  );
  refused(
    header(() => 'AWS4-HMAC-SHA256 x'),
    'IncompleteSignatureException',
    /^Invalid key=value pair \(missing equal-sign\)/,
  );
  refused(
    header(() => 'AWS4-ECDSA-P256-SHA256 x=1'),
    'IncompleteSignatureException',
    "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.",
  );
  refused(
    check(
      withHeader(sent, 'x-amz-date', () => null),
      body,
    ),
    'IncompleteSignatureException',
    /requires existence of either a 'X-Amz-Date' or a 'Date' header/,
  );
  refused(
    check(
      withHeader(sent, 'x-amz-date', () => '2026-01-02'),
      body,
    ),
    'IncompleteSignatureException',
    /^Date must be in ISO-8601 'basic format'/,
  );
  refused(
    check({ ...sent, rawHeaders: [...sent.rawHeaders, 'X-Amz-Invocation-Type', 'Event'] }, body),
    'InvalidSignatureException',
    "'X-Amz-Invocation-Type' must be a 'SignedHeader' in the AWS Authorization.",
  );
  refused(
    check({ ...sent, query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256', rawHeaders: [] }),
    'IncompleteSignatureException',
    /^AWS query-string parameters must include 'X-Amz-Credential'/,
  );
});

test('clock skew: five minutes either way', async () => {
  const body = '{"a":1}';
  assert.ok(check(await sentAt(nowMs - 300_000), body).ok);
  assert.ok(check(await sentAt(nowMs + 300_000), body).ok);
  refused(
    check(await sentAt(nowMs - 301_000), body),
    'InvalidSignatureException',
    'Signature expired: 20260102T025904Z is now earlier than 20260102T025905Z (20260102T030405Z - 5 min.)',
  );
  refused(
    check(await sentAt(nowMs + 301_000), body),
    'InvalidSignatureException',
    'Signature not yet current: 20260102T030906Z is still later than 20260102T030905Z (20260102T030405Z + 5 min.)',
  );
});

test('session tokens must match the key', async () => {
  const body = '{"a":1}';
  assert.ok(check(await sentAt(nowMs, temporary), body).ok);
  const invalid = 'The security token included in the request is invalid.';
  refused(
    check(await sentAt(nowMs, { ...temporary, sessionToken: 'other' }), body),
    'UnrecognizedClientException',
    invalid,
  );
  refused(
    check(await sentAt(nowMs, { ...credential, sessionToken: 'stale' }), body),
    'UnrecognizedClientException',
    invalid,
  );
  const { sessionToken: _, ...bare } = temporary;
  refused(check(await sentAt(nowMs, bare), body), 'UnrecognizedClientException', invalid);
});

test('UNSIGNED-PAYLOAD is not for this service: the body always counts', async () => {
  const sent = await sentAt(nowMs, credential, {
    headers: { host: 'h', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  });
  refused(check(sent, '{"a":1}'), 'InvalidSignatureException', mismatch);
});

test('hostile input never throws', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.string(),
      fc.array(fc.string()),
      (authorization, path, query, extra) => {
        for (const header of [
          authorization,
          `AWS4-HMAC-SHA256 ${authorization}`,
          `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${authorization}`,
        ]) {
          const rawHeaders = ['Authorization', header, ...extra.flatMap((each) => [each, each])];
          const result = check({ method: 'GET', path, query, rawHeaders }, '');
          assert.ok(!result.ok);
          assert.equal(apiFailure(result.failure.code, '').code, result.failure.code);
        }
        assert.ok(!check({ method: 'GET', path, query: `X-Amz-Signature=${query}`, rawHeaders: [] }).ok);
      },
    ),
  );
});

test('time per verification (reported, not judged)', async (t) => {
  const body = Buffer.from('{"key1":"value1","key2":"value2"}');
  const signed = await signer().sign(
    request({
      body,
      headers: {
        host: '127.0.0.1:4566',
        'content-type': 'application/octet-stream',
        'content-length': String(body.length),
        'x-amz-user-agent': 'aws-sdk-js/3.1162.0',
        'user-agent': 'aws-sdk-js/3.1162.0 ua/2.1 os/linux#6 lang/js md/nodejs#20',
        'amz-sdk-invocation-id': '6b0ba9a7-1f27-4d64-a2e7-000000000000',
        'amz-sdk-request': 'attempt=1; max=3',
        'x-amz-invocation-type': 'RequestResponse',
        connection: 'keep-alive',
      },
    }),
    { signingDate: new Date(nowMs) },
  );
  const sent = asSent(signed);
  const verifier = new SignatureVerifier(lookup);
  const once = () => {
    const claim = verifier.claim(sent, 'lambda', nowMs);
    assert.ok(claim.ok && verifier.verify(claim.value, sent, bodySha256(body)).ok);
  };
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 5_000; i++) once();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 5_000 / 1_000);
  }
  t.diagnostic(`SigV4: ${best.toFixed(2)} µs per verification`);
});
