import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuntimeUnavailable } from './description.js';
import { installNode } from './nodeinstall.js';

test('a version no package has leaves nothing behind', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'hearth-nodeinstall-'));
  try {
    const wanted = 'nodejs9999.x' as 'nodejs22.x';
    await assert.rejects(
      installNode(wanted, directory, () => {}),
      (error) => error instanceof RuntimeUnavailable,
    );
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
