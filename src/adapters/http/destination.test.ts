import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { DestinationMessage } from '../../kernel/ports/destinations.js';
import { destinationMessage } from '../../kernel/ports/testmessage.js';
import { HttpDestination } from './destination.js';

interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

async function hook(t: TestContext, status = 200) {
  const asked: Asked[] = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    asked.push({ path: req.url ?? '', headers: req.headers, body });
    res.writeHead(status, { location: '/elsewhere' });
    // More than anybody reads.
    for (let at = 0; at < 100; at += 1) res.write('x'.repeat(10_000));
    res.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const message = (url: string, more: Partial<DestinationMessage> = {}) =>
  destinationMessage(`arn:aws:hearth:us-east-1:123456789012:http/${url}`, {
    ...{ body: '{"é":1}', traceHeader: 'Root=1-2-3' },
    ...more,
  });

test('posts the record; what went wrong of a dead letter goes in headers', async (t) => {
  const { url, asked } = await hook(t, 204);
  const destination = new HttpDestination([new URL(url)]);
  const attributes = { ErrorMessage: { type: 'String', value: 'né\n%' } } as const;
  assert.ok(destination.accepts(message(`${url}/a?b=1`).arn));
  assert.deepEqual(await destination.deliver(message(`${url}/a?b=1`, { attributes })), { kind: 'delivered' });
  assert.equal(asked[0]?.path, '/a?b=1');
  assert.equal(asked[0]?.body, '{"é":1}');
  const { headers } = asked[0]!;
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['x-amzn-trace-id'], 'Root=1-2-3');
  assert.equal(headers['x-hearth-request-id'], 'r');
  assert.equal(decodeURIComponent(String(headers['x-hearth-errormessage'])), 'né\n%');
});

test('other URLs than those allowed are not reached, redirects not followed', async (t) => {
  const { url, asked } = await hook(t, 302);
  const destination = new HttpDestination([new URL(`${url}/hooks`)]);
  const reason = 'the URL is not below any --destination-url';
  const refused = { kind: 'failed', again: false, reason };
  const host = new URL(url).host;
  for (const other of [`${url}/`, `${url}/hooksandmore`, `${url}/hooks/../a`, `http://a@${host}/hooks`, 'http://[']) {
    assert.deepEqual(await destination.deliver(message(other)), refused, other);
  }
  assert.equal(asked.length, 0);
  for (const path of ['/hooks', '/hooks/a']) {
    assert.deepEqual(await destination.deliver(message(`${url}${path}`)), {
      kind: 'failed',
      again: false,
      reason: 'HTTP 302',
    });
  }
  assert.equal(asked.length, 2);
  assert.deepEqual(await new HttpDestination([]).deliver(message(url)), refused);
});

test('which answers are worth another try', async (t) => {
  for (const [status, again] of [
    [400, false],
    [404, false],
    [408, true],
    [429, true],
    [500, true],
    [503, true],
  ] as const) {
    const { url } = await hook(t, status);
    const end = await new HttpDestination([new URL(url)]).deliver(message(url));
    assert.deepEqual(end, { kind: 'failed', again, reason: `HTTP ${status}` });
  }
  const nobody = await new HttpDestination([new URL('http://127.0.0.1:1')]).deliver(message('http://127.0.0.1:1/'));
  assert.ok(nobody.kind === 'failed' && nobody.again, 'nobody listens');
});
