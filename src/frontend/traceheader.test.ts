import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { VersionKey } from '../kernel/ids.js';
import type { Exchange } from './exchange.js';
import { traceHeaderOf } from './traceheader.js';

const request = (arrivedMs: number, id = randomUUID() as string) =>
  ({ requestId: id, arrivedMs }) as unknown as Exchange;
const active = (name: string) => ({ tracing: 'Active', versionKey: name as VersionKey }) as const;
const passing = { tracing: 'PassThrough', versionKey: 'v' as VersionKey } as const;
const form = /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=([01])$/;
const sampled = (header: string) => form.exec(header)?.[1];
const nowMs = Date.UTC(2024, 0, 1);

test('without active tracing a header passes through, and a new one is not sampled', () => {
  const given = 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071;Parent=0102030405060708;Sampled=1';
  assert.equal(traceHeaderOf(request(nowMs), given, passing), given);
  assert.equal(traceHeaderOf(request(nowMs), 'anything at all'), 'anything at all');
  assert.equal(sampled(traceHeaderOf(request(nowMs), null, passing)), '0');
  assert.equal(sampled(traceHeaderOf(request(nowMs), `Root=${'x'.repeat(2000)}`)), '0');
});

test('active tracing samples the first invocation of each second, and one of twenty others', () => {
  const of = (ms: number, id?: string) => sampled(traceHeaderOf(request(ms, id), null, active('first')));
  const unlucky = '00000000-0000-4000-8000-ffffffffffff';
  assert.deepEqual([of(nowMs), of(nowMs + 1, unlucky), of(nowMs + 999, unlucky)], ['1', '0', '0']);
  assert.equal(of(nowMs + 1_000, unlucky), '1');
  assert.equal(of(nowMs + 1_001, '00000000-0000-4000-8000-0cccccccccc0'), '1');
  assert.equal(of(nowMs + 1_001, '00000000-0000-4000-8000-0ccccccccccd'), '0');
  assert.equal(sampled(traceHeaderOf(request(nowMs + 1_002, unlucky), null, active('second'))), '1');
});

test('active tracing keeps the trace and the decision of the client, and gives the function a segment of its own', () => {
  const root = 'Root=1-5e1b4151-5ac6c58f0a1d2c3b4e5f6071';
  const of = (given: string) =>
    traceHeaderOf(request(nowMs, '11111111-2222-4333-8444-ffffffffffff'), given, active('own'));
  assert.equal(of(`${root};Parent=0102030405060708;Sampled=0`), `${root};Parent=1111111122224333;Sampled=0`);
  assert.equal(of(`${root};Parent=0102030405060708;Sampled=1`), `${root};Parent=1111111122224333;Sampled=1`);
  assert.equal(of(root), `${root};Parent=1111111122224333;Sampled=1`);
  assert.equal(of(root), `${root};Parent=1111111122224333;Sampled=0`);
  assert.equal(sampled(of('Sampled=1')), '1');
});

test('at most 1,000 function versions are remembered', () => {
  const unlucky = '00000000-0000-4000-8000-ffffffffffff';
  const of = (name: string) => sampled(traceHeaderOf(request(nowMs, unlucky), null, active(name)));
  for (let i = 0; i < 1_000; i += 1) assert.equal(of(`many-${i}`), '1');
  assert.equal(of('many-999'), '0');
  assert.equal(of('one-more'), '1');
  assert.equal(of('many-0'), '1', 'forgotten');
});
