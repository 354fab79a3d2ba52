import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DriverError } from './driver.js';
import { exitOf } from './exit.js';
import { hostPaths } from './none/hostpaths.js';
import { isOrphan, newOwnerName } from './process/owner.js';
import { startMessage } from './startmessage.js';

describe('start message', () => {
  it('holds command and environment as the agent reads them', () => {
    const message = startMessage(['/var/task/bootstrap', 'é'], { A: '1', B: '' });
    assert.equal(message.readUInt32LE(0), message.length - 4);
    assert.equal(message.toString('utf8', 4), '/var/task/bootstrap\0é\0\0A=1\0B=\0');
  });
  it('refuses what the agent could not tell apart', () => {
    for (const [command, value] of [
      [[], ''],
      [[''], ''],
      [['a\0b'], ''],
      [['a'], 'x\0C=2'],
    ] as const) {
      assert.throws(() => startMessage(command, { A: value }), DriverError);
    }
  });
});

describe('exit', () => {
  it('tells signals from statuses', () => {
    assert.deepEqual(exitOf(137, null, true), { code: null, signal: 'SIGKILL', outOfMemory: true });
    assert.deepEqual(exitOf(3, null, false), { code: 3, signal: null, outOfMemory: false });
    assert.deepEqual(exitOf(255, null, false), { code: 255, signal: null, outOfMemory: false });
    assert.deepEqual(exitOf(null, 'SIGKILL', false), { code: null, signal: 'SIGKILL', outOfMemory: false });
  });
});

describe('host paths', () => {
  const mounts = [
    { hostPath: '/opt/node', sandboxPath: '/var/lang' },
    { hostPath: '/src/guest', sandboxPath: '/var/lang/lib/guest' },
  ];
  it('replaces the longest matching path, whole names only', () => {
    assert.equal(hostPaths('/var/lang/bin/node', mounts), '/opt/node/bin/node');
    assert.equal(hostPaths('/var/lang/lib/guest/a.mjs', mounts), '/src/guest/a.mjs');
    assert.equal(hostPaths('-Dnative=/var/lang/lib/guest/a.so', mounts), '-Dnative=/src/guest/a.so');
    assert.equal(hostPaths('/var/language', mounts), '/var/language');
    assert.equal(hostPaths('/usr/bin:/var/lang:x', mounts), '/usr/bin:/opt/node:x');
  });
});

describe('owner', () => {
  it('tells the living from the dead', () => {
    assert.equal(isOrphan(newOwnerName()), false);
    assert.equal(isOrphan(`hearth-${process.pid}-1-1`), true);
    assert.equal(isOrphan('hearth-data'), false);
    assert.notEqual(newOwnerName(), newOwnerName());
  });
});
