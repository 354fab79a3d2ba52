import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hourMs } from '../../kernel/units.js';
import type { FunctionState } from '../messages.js';
import { asyncPolicyOf } from './asyncpolicy.js';
import { emptyAttachment } from './attachments.js';

const state = (reserved: number | null = null): FunctionState => {
  const version = (deadLetterArn: string | null) => ({ settings: { deadLetterArn } });
  const invoke = (retryAttemptsMax: number | null, onFailureArn: string | null) => ({
    retryAttemptsMax,
    eventAgeSecondsMax: retryAttemptsMax === null ? null : 60,
    onSuccessArn: null,
    onFailureArn,
    lastModifiedMs: 0,
  });
  return {
    record: { reserved },
    versions: new Map([
      ['$LATEST', version('new')],
      ['1', version('old')],
    ]),
    aliases: new Map([['live', { version: '1' }]]),
    attachments: new Map([
      ['$LATEST', { ...emptyAttachment('$LATEST'), eventInvoke: invoke(null, 'latest') }],
      ['1', { ...emptyAttachment('1'), eventInvoke: invoke(0, 'one') }],
      ['live', { ...emptyAttachment('live'), eventInvoke: invoke(1, 'live') }],
      ['other', emptyAttachment('other')],
    ]),
  } as unknown as FunctionState;
};

test('what nothing is said of is as documented: two retries, six hours, nobody told', () => {
  assert.deepEqual(asyncPolicyOf(null, 'live'), {
    retriesMax: 2,
    eventAgeMsMax: 6 * hourMs,
    onSuccessArn: null,
    onFailureArn: null,
    deadLetterArn: null,
    zeroReserved: false,
  });
  assert.deepEqual(asyncPolicyOf(state(), 'other').retriesMax, 2);
});

test('an alias goes by what is set on it, not on its version; dead letters are the version’s', () => {
  const of = (qualifier: string | null) => {
    const { retriesMax, eventAgeMsMax, onFailureArn, deadLetterArn } = asyncPolicyOf(state(), qualifier);
    return [retriesMax, eventAgeMsMax, onFailureArn, deadLetterArn];
  };
  assert.deepEqual(of(null), [2, 6 * hourMs, 'latest', 'new']);
  assert.deepEqual(of('$LATEST'), [2, 6 * hourMs, 'latest', 'new']);
  assert.deepEqual(of('1'), [0, 60_000, 'one', 'old']);
  assert.deepEqual(of('live'), [1, 60_000, 'live', 'old']);
});

test('zero reserved concurrency is seen at once', () => {
  assert.equal(asyncPolicyOf(state(0), null).zeroReserved, true);
  assert.equal(asyncPolicyOf(state(1), null).zeroReserved, false);
  assert.equal(asyncPolicyOf(state(null), null).zeroReserved, false);
});
