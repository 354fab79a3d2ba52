import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import type { ObjectRequest } from '../../kernel/ports/objects.js';
import { S3Objects, type S3Options } from './objects.js';

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

async function withStore(
  answer: Answer,
  body: (get: (request?: Partial<ObjectRequest>) => ReturnType<S3Objects['get']>) => Promise<void>,
  more: Partial<S3Options> = {},
): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`);
  const objects = new S3Objects({ endpoint, region: 'us-east-1', credentials: null, ...more });
  try {
    await body((request) => objects.get({ bucket: 'bucket', key: 'key', version: null, bytesMax: 100, ...request }));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const document = (code: string, message: string) =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;

test('asks for the path with everything escaped, signed when there are credentials', async () => {
  const asked: IncomingMessage[] = [];
  const answer: Answer = (req, res) => {
    asked.push(req);
    res.end('bytes');
  };
  await withStore(answer, async (get) => {
    const got = await get({ key: "a b/ü(1)'*!~.zip", version: 'v+1/=' });
    assert.deepEqual(got, { ok: true, value: Buffer.from('bytes') });
    assert.equal(asked[0]!.url, '/base/bucket/a%20b/%C3%BC%281%29%27%2A%21~.zip?versionId=v%2B1%2F%3D');
    assert.equal(asked[0]!.headers.authorization, undefined);
  });
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' };
  await withStore(answer, async (get) => void (await get()), { credentials });
  assert.match(
    asked[1]!.headers.authorization!,
    /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/us-east-1\/s3\/aws4_request/,
  );
});

test('an object beyond the bound is refused, announced or not', async () => {
  for (const announced of [true, false]) {
    const answer: Answer = (_, res) => {
      if (announced) res.setHeader('content-length', 101);
      res.write(Buffer.alloc(50));
      res.end(Buffer.alloc(51));
    };
    await withStore(answer, async (get) => {
      const got = await get();
      assert.equal(!got.ok && got.failure.code, 'TooLarge');
    });
  }
  await withStore(
    (_, res) => res.end(Buffer.alloc(100)),
    async (get) => assert.ok((await get()).ok),
  );
});

test('passes on what S3 says, and says itself what is no answer of S3', async () => {
  const said = async (status: number, text: string) => {
    let failure = { code: '', message: '' };
    await withStore(
      (_, res) => void res.writeHead(status).end(text),
      async (get) => {
        const got = await get();
        assert.ok(!got.ok);
        failure = got.failure;
      },
    );
    return failure;
  };
  assert.deepEqual(await said(404, document('NoSuchKey', 'The &lt;key&gt; &amp; more')), {
    code: 'NoSuchKey',
    message: 'The <key> & more',
  });
  assert.equal((await said(301, document('PermanentRedirect', 'elsewhere'))).code, 'PermanentRedirect');
  const busy = await said(503, document('SlowDown', 'Please reduce your request rate.'));
  assert.match(
    `${busy.code}: ${busy.message}`,
    /^Unreachable: .*answered SlowDown: Please reduce your request rate\.$/,
  );
  assert.match((await said(404, 'not found')).message, /answered status 404 and no S3 error$/);
  assert.equal((await said(400, 'x'.repeat(1_000_000))).code, 'Unreachable');
});

test('a store that is off, silent or breaks off is unreachable', async () => {
  const code = async (answer: Answer, more: Partial<S3Options> = {}) => {
    let found = '';
    await withStore(
      answer,
      async (get) => {
        const got = await get();
        found = got.ok ? 'ok' : `${got.failure.code} ${got.failure.message}`;
      },
      more,
    );
    return found;
  };
  assert.match(await code(() => {}, { msMax: 50 }), /^Unreachable .*did not answer in time$/);
  const slowly: Answer = (_, res) => void res.writeHead(200, { 'content-length': 10 }).write('x');
  assert.match(await code(slowly, { msMax: 50 }), /^Unreachable .*did not answer in time$/);
  const breaking: Answer = (_, res) => {
    res.writeHead(200, { 'content-length': 10 }).write('x', () => res.destroy());
  };
  assert.match(await code(breaking), /^Unreachable /);
  const off = { endpoint: new URL('http://127.0.0.1:9') };
  assert.match(
    await code(() => {}, off),
    /^Unreachable The S3-compatible store at http:\/\/127\.0\.0\.1:9 could not be used/,
  );
});
