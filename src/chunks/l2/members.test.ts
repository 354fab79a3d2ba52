import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseMembers, watchMembers } from './members.js';

test('lists of members: lines or commas, with or without names, comments', () => {
  const told = parseMembers(
    '# zone a\nhttp://10.0.0.1:7400\n\nb http://10.0.0.2:7400 # rack 2\nhttp://[::1]:7400/,http://h:1',
  );
  assert.deepEqual(
    told.map(({ id, url }) => [id, url.href]),
    [
      ['http://10.0.0.1:7400', 'http://10.0.0.1:7400/'],
      ['b', 'http://10.0.0.2:7400/'],
      ['http://[::1]:7400/', 'http://[::1]:7400/'],
      ['http://h:1', 'http://h:1/'],
    ],
  );
  assert.deepEqual(parseMembers(''), []);
  for (const wrong of [
    '10.0.0.1',
    'https://10.0.0.1',
    'a b http://h:1',
    'http://h:1/path',
    'http://h:1,http://h:1',
    'a http://h:1,a http://h:2',
  ]) {
    assert.throws(() => parseMembers(wrong), /member/, wrong);
  }
});

test('a file that changes is noticed; one that is wrong changes nothing and is reported once', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-members-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  t.mock.timers.enable({ apis: ['setInterval'] });
  const path = join(folder, 'members');
  writeFileSync(path, 'http://h:1');
  const seen: string[] = [];
  const end = watchMembers(
    path,
    parseMembers('http://h:1'),
    (members) => seen.push(members.map(({ id }) => id).join()),
    (message) => seen.push(message.slice(0, 12)),
  );
  t.mock.timers.tick(5_000);
  assert.deepEqual(seen, []);
  writeFileSync(path, 'http://h:1,http://h:2');
  t.mock.timers.tick(10_000);
  writeFileSync(path, 'nonsense');
  t.mock.timers.tick(10_000);
  rmSync(path);
  t.mock.timers.tick(10_000);
  writeFileSync(path, 'http://h:1');
  t.mock.timers.tick(5_000);
  assert.deepEqual(seen, ['http://h:1,http://h:2', 'not a member', 'ENOENT: no s', 'http://h:1']);
  end();
});
