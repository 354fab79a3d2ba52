import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '../../kernel/ids.js';
import { hourMs } from '../../kernel/units.js';
import { type Credential, newCredential } from './credentials.js';
import { SessionCredentials, sessionMsMax } from './sessions.js';

const account = '111111111111' as AccountId;
const owner = (more: object = {}) => ({
  account,
  functionName: 'f',
  role: 'arn:aws:iam::999999999999:role/path/worker',
  ...more,
});

function opened(keptMax?: number) {
  const key = newCredential(account);
  const asked: string[] = [];
  const store = {
    generation: 1,
    lookup: (id: string): Credential | undefined => {
      asked.push(id);
      return id === key.accessKeyId ? key : undefined;
    },
  };
  const clock = { nowMs: 0 };
  return { sessions: new SessionCredentials(store, () => clock.nowMs, keptMax), clock, key, asked };
}

test('a session is of the function’s own account, whatever account its role names', () => {
  const { sessions } = opened();
  const session = sessions.issue(owner());
  assert.equal(session.account, account);
  assert.equal(session.arn, `arn:aws:sts::${account}:assumed-role/worker/f`);
  assert.match(session.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.equal(session.secretAccessKey.length, 40);
  assert.ok(session.sessionToken.length > 100);
  assert.deepEqual(sessions.lookup(session.accessKeyId), session);
});

test('functions never share a session; sandboxes of one function do, for two hours', () => {
  const { sessions, clock } = opened();
  const first = sessions.issue(owner());
  for (const other of [{ functionName: 'g' }, { account: '222222222222' }, { role: 'arn:aws:iam::1:role/other' }]) {
    assert.notEqual(sessions.issue(owner(other) as never).accessKeyId, first.accessKeyId);
  }
  clock.nowMs = 2 * hourMs - 1;
  assert.equal(sessions.issue(owner()), first);
  clock.nowMs = 2 * hourMs;
  assert.notEqual(sessions.issue(owner()), first);
  assert.ok(sessions.lookup(first.accessKeyId), 'the sandboxes that have it go on');
});

test('a session ends after 12 hours, and with it what was derived from it', () => {
  const { sessions, clock } = opened();
  const session = sessions.issue(owner());
  const { generation } = sessions;
  clock.nowMs = sessionMsMax - 1;
  assert.ok(sessions.lookup(session.accessKeyId));
  assert.equal(sessions.generation, generation);
  clock.nowMs = 12 * hourMs;
  sessions.sweep();
  assert.equal(sessions.generation, generation + 1);
  assert.equal(sessions.lookup(session.accessKeyId), undefined);
});

test('beyond the bound of 70,000 the oldest session ends', () => {
  const { sessions } = opened(2);
  const [first, second, third] = ['a', 'b', 'c'].map((functionName) => sessions.issue(owner({ functionName })));
  assert.equal(sessions.lookup(first!.accessKeyId), undefined);
  assert.ok(sessions.lookup(second!.accessKeyId) && sessions.lookup(third!.accessKeyId));
  assert.notEqual(sessions.issue(owner({ functionName: 'a' })).accessKeyId, first!.accessKeyId);
});

test('keys of the data folder stay what they are', () => {
  const { sessions, key, asked } = opened();
  assert.equal(sessions.lookup(key.accessKeyId), key);
  assert.equal(sessions.lookup('ASIAAAAAAAAAAAAAAAAA'), undefined);
  assert.deepEqual(asked, [key.accessKeyId], 'a session’s id costs no look at the folder');
});
