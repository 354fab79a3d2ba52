import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DestinationMessage } from '../../kernel/ports/destinations.js';
import { destinationMessage } from '../../kernel/ports/testmessage.js';
import { FileDestination } from './destination.js';

const arn = 'arn:aws:hearth:us-east-1:123456789012:file/failures';

function folderOf(t: TestContext): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-sink-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return { folder, path: join(folder, '123456789012', 'us-east-1', 'failures.ndjson') };
}

const message = (body: string, more: Partial<DestinationMessage> = {}) => destinationMessage(arn, { body, ...more });

test('which ARNs are files', () => {
  const sink = new FileDestination('/nowhere');
  assert.ok(sink.accepts(arn));
  for (const other of [
    'arn:aws:hearth:us-east-1:123456789012:file/../x',
    'arn:aws:hearth:us-east-1:123456789012:file/a/b',
    'arn:aws:hearth:us-east-1:123456789012:file/',
    'arn:aws:hearth:../..:123456789012:file/x',
    'arn:aws:sqs:us-east-1:123456789012:file/x',
  ]) {
    assert.equal(sink.accepts(other), false, other);
  }
});

test('a JSON text on each line, in turn, for its owner only; a dead letter with its attributes', async (t) => {
  const { folder, path } = folderOf(t);
  const sink = new FileDestination(folder);
  const many = Array.from({ length: 50 }, (_, at) => sink.deliver(message(`{"n":\r\n ${at}}`)));
  assert.ok((await Promise.all(many)).every(({ kind }) => kind === 'delivered'));
  const attributes = { ErrorCode: { type: 'Number', value: '200' } } as const;
  await sink.deliver(message('{"a":1}', { attributes }));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.slice(0, 50).map((line) => JSON.parse(line).n),
    Array.from({ length: 50 }, (_, at) => at),
  );
  assert.deepEqual(JSON.parse(lines[50]!), { attributes: { ErrorCode: '200' }, event: { a: 1 } });
  assert.equal(statSync(path).mode & 0o077, 0);
});

test('a line that a killed process has not finished goes before the next one', async (t) => {
  const { folder, path } = folderOf(t);
  await new FileDestination(folder).deliver(message('{"n":1}'));
  appendFileSync(path, `{"torn":"${'x'.repeat(200_000)}`);
  await new FileDestination(folder).deliver(message('{"n":2}'));
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":2}\n');
  writeFileSync(path, '{"torn');
  await new FileDestination(folder).deliver(message('{"n":3}'));
  assert.equal(readFileSync(path, 'utf8'), '{"n":3}\n');
});

test('a full file becomes the old one', async (t) => {
  const { folder, path } = folderOf(t);
  const sink = new FileDestination(folder, 20);
  for (const n of [1, 2, 3, 4, 5]) await sink.deliver(message(`{"n":${n}}`));
  assert.equal(readFileSync(path, 'utf8'), '{"n":5}\n');
  assert.equal(readFileSync(path.replace('.ndjson', '.old.ndjson'), 'utf8'), '{"n":3}\n{"n":4}\n');
});

test('no other account’s file; a disk that does not take it is asked again', async (t) => {
  const { folder } = folderOf(t);
  const sink = new FileDestination(folder);
  const foreign = await sink.deliver(message('{}', { arn: arn.replace('123456789012', '210987654321') }));
  assert.deepEqual(foreign, { kind: 'failed', again: false, reason: 'the file belongs to another account' });
  writeFileSync(join(folder, 'blocked'), '');
  const end = await new FileDestination(join(folder, 'blocked')).deliver(message('{}'));
  assert.ok(end.kind === 'failed' && end.again);
});
