import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LmdbEnvironment } from './environment.js';

test('a write that throws fails alone, gathered with others or joining their commit', { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-environment-'));
  try {
    const environment = new LmdbEnvironment(folder);
    const database = environment.texts<string>('t');
    const put = (key: string) => environment.written(() => database.put(key, 'value'));
    const broken = () =>
      environment.written(() => {
        throw new Error('broken');
      });
    const outcomes = (writes: Promise<unknown>[]) =>
      Promise.all(
        writes.map((write) =>
          write.then(
            () => 'written',
            ({ message }: Error) => message,
          ),
        ),
      );
    const expected = ['written', 'broken', 'written'];
    assert.deepEqual(await outcomes([put('a'), broken(), put('b')]), expected);
    const joining = new Promise<string[]>((resolve) => {
      // Behind the turn in which the gathered ones begin.
      void put('c');
      setImmediate(() => resolve(outcomes([put('d'), broken(), put('e')])));
    });
    assert.deepEqual(await joining, expected);
    await environment.close();
    const again = new LmdbEnvironment(folder);
    const kept = again.texts<string>('t');
    assert.deepEqual([...kept.getKeys()], ['a', 'b', 'c', 'd', 'e']);
    await again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
