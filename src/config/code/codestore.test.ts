import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFolder } from '../../../test/contract/folder.js';
import { makeZip } from '../../../test/zip.js';
import { EmbeddedBlob } from '../../adapters/embedded/blob.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { CodeStore } from './codestore.js';

const zip = makeZip([{ name: 'index.js', data: '1' }]);

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  readonly timers = new Map<() => void, number>();
  nowMs = (): number => 0;
  monotonicMs = (): number => 0;
  after(delayMs: number, action: () => void): () => void {
    this.timers.set(action, delayMs);
    return () => this.timers.delete(action);
  }
  fire(): void {
    for (const action of [...this.timers.keys()]) {
      this.timers.delete(action);
      action();
    }
  }
}

async function opened(body: (store: CodeStore, clock: HandClock, folder: string, blob: EmbeddedBlob) => Promise<void>) {
  await withFolder(async (folder) => {
    const clock = new HandClock();
    const blob = new EmbeddedBlob(join(folder, 'blobs'));
    const store = new CodeStore({ blob, clock, folder: join(folder, 'code'), bootId: 'one' });
    await body(store, clock, folder, blob);
    await store.close();
  });
}

const trees = (folder: string) => readdirSync(join(folder, 'code')).filter((name) => name.length === 64);

describe('code store', () => {
  it('keeps nothing of a zip that no version took', async () =>
    await opened(async (store, clock, folder, blob) => {
      const code = await store.admit(zip);
      assert.ok(code.ok);
      assert.deepEqual(trees(folder), [code.value.sha256Hex]);
      store.release(code.value.sha256Hex);
      assert.equal(clock.timers.size, 0);
      await store.close();
      assert.deepEqual([trees(folder), await blob.list('')], [[], []]);
    }));

  it('keeps code of a superseded version for its sandboxes, and takes it back into use', async () =>
    await opened(async (store, clock, folder, blob) => {
      const code = await store.admit(zip);
      assert.ok(code.ok);
      const { sha256Hex } = code.value;
      store.retain(code.value, true);
      store.release(sha256Hex);
      store.release(sha256Hex);
      assert.deepEqual([...clock.timers.values()], [20 * 60_000]);
      // A dry run with the same zip must not take the tree from running sandboxes either.
      assert.ok((await store.admit(zip)).ok);
      assert.equal(clock.timers.size, 0);
      store.release(sha256Hex);
      assert.deepEqual(trees(folder), [sha256Hex]);
      clock.fire();
      await store.close();
      assert.deepEqual([trees(folder), await blob.list('')], [[], []]);
    }));

  it('admits the same zip many times at once, and while it is being removed', async () =>
    await opened(async (store, _clock, folder) => {
      for (let round = 0; round < 5; round++) {
        const codes = await Promise.all(Array.from({ length: 8 }, async () => await store.admit(zip)));
        const sha256Hex = codes[0]!.ok ? codes[0]!.value.sha256Hex : '';
        assert.ok((await store.tree(sha256Hex)) !== null);
        for (const code of codes) if (code.ok) store.release(code.value.sha256Hex);
      }
      const last = await store.admit(zip);
      assert.ok(last.ok);
      assert.deepEqual(trees(folder), [last.value.sha256Hex]);
      assert.ok((await store.zip(last.value.sha256Hex)) !== null);
    }));

  it('does not trust trees of before the machine went down', async () =>
    await opened(async (store, clock, folder, blob) => {
      const code = await store.admit(zip);
      assert.ok(code.ok);
      const again = new CodeStore({ blob, clock, folder: join(folder, 'code'), bootId: 'two' });
      assert.deepEqual(trees(folder), []);
      const made = await Promise.all([1, 2, 3].map(async () => await again.tree(code.value.sha256Hex)));
      assert.deepEqual(new Set(made), new Set([join(folder, 'code', code.value.sha256Hex)]));
      rmSync(made[0]!, { recursive: true });
      assert.equal(await again.tree(code.value.sha256Hex), made[0]);
      assert.equal(await again.tree('0'.repeat(64)), null);
      await again.close();
    }));
});
