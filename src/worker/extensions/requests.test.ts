import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseHead } from '../runtimeapi/httprequest.js';
import { isForExtensions, readEvents, readRequest } from './requests.js';

const id = '01234567-89ab-4cde-8f01-23456789abcd';

function read(method: string, path: string, ...headers: string[]) {
  const head = parseHead([`${method} ${path} HTTP/1.1`, 'Host: x', ...headers].join('\r\n'));
  assert.ok(!('status' in head));
  return readRequest({ ...head, payload: Buffer.alloc(0), payloadBytes: 0 });
}

test('requests of the Extensions, Telemetry and Logs API', () => {
  assert.deepEqual(
    read(
      'POST',
      '/2020-01-01/extension/register',
      'lambda-extension-name:  a b ',
      'Lambda-Extension-Accept-Feature: x, accountId',
    ),
    { kind: 'register', name: 'a b', features: ['x', 'accountId'] },
  );
  assert.deepEqual(read('GET', '/2020-01-01/extension/event/next', `Lambda-Extension-Identifier: ${id}`), {
    kind: 'next',
    id,
  });
  const mine = [`Lambda-Extension-Identifier: ${id.toUpperCase()}`, 'Lambda-Extension-Function-Error-Type: Mine.Error'];
  for (const kind of ['init', 'exit'])
    assert.deepEqual(read('POST', `/2020-01-01/extension/${kind}/error`, ...mine), {
      kind: `${kind}-error`,
      id,
      errorType: 'Mine.Error',
    });
  assert.deepEqual(read('PUT', '/2022-07-01/telemetry/', mine[0]!), { kind: 'subscribe', id, api: 'telemetry' });
  assert.deepEqual(read('PUT', '/2020-08-15/logs', mine[0]!), { kind: 'subscribe', id, api: 'logs' });
});

test('what is missing or wrong in their heads', () => {
  const next = '/2020-01-01/extension/event/next';
  const refused = (request: ReturnType<typeof read>) => {
    assert.ok(request?.kind === 'refused');
    return `${request.status} ${request.errorType}: ${request.message}`;
  };
  assert.equal(
    refused(read('POST', '/2020-01-01/extension/register')),
    '403 Extension.InvalidExtensionName: Empty extension name',
  );
  assert.equal(
    refused(read('GET', next)),
    '403 Extension.MissingExtensionIdentifier: Missing Lambda-Extension-Identifier header',
  );
  assert.equal(
    refused(read('GET', next, 'Lambda-Extension-Identifier: me')),
    '403 Extension.InvalidExtensionIdentifier: Invalid Lambda-Extension-Identifier',
  );
  assert.equal(
    refused(read('POST', '/2020-01-01/extension/init/error', `Lambda-Extension-Identifier: ${id}`)),
    '403 Extension.MissingHeader: Lambda-Extension-Function-Error-Type not found',
  );
  assert.equal(refused(read('POST', next)), '405 : ');
  assert.equal(read('GET', '/2020-01-01/extension'), null);
  assert.equal(read('GET', '/2018-06-01/runtime/invocation/next'), null);
});

test('bodies of registrations', () => {
  const events = (body: string) => readEvents(Buffer.from(body));
  assert.deepEqual(events('{"events":["INVOKE","SHUTDOWN"]}'), ['INVOKE', 'SHUTDOWN']);
  assert.deepEqual(events('{}'), []);
  assert.deepEqual(events('{"events":null}'), []);
  for (const body of ['', 'x', '[]', 'null', '{"events":"INVOKE"}', '{"events":[1]}', '{"configurationKeys":["a"]}'])
    assert.equal(typeof events(body), 'string', body);
});

test('no head and no body breaks the reading', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('/2020-01-01/extension/register', '/2022-07-01/telemetry', '/x'),
      fc.string(),
      fc.string(),
      (path, text, body) => {
        const head = { method: 'POST', path, keepAlive: true, expectsContinue: false, body: 0, errorType: null };
        const request = {
          ...head,
          text,
          responseMode: null,
          contentType: null,
          payload: Buffer.from(body),
          payloadBytes: 0,
        };
        const known = readRequest(request as Parameters<typeof readRequest>[0]);
        assert.equal(known !== null, isForExtensions(request as Parameters<typeof readRequest>[0]));
        readEvents(request.payload);
      },
    ),
  );
});
