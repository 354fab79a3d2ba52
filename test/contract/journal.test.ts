import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EmbeddedJournal } from '../../src/adapters/embedded/journal.js';
import type { Journal } from '../../src/kernel/ports/journal.js';
import { embeddedScope } from './embeddedscope.js';

export interface JournalImplementation {
  readonly name: string;
  scope<T>(body: (use: <R>(action: (journal: Journal<unknown>) => Promise<R>) => Promise<R>) => Promise<T>): Promise<T>;
}

export function journalSuite({ name, scope }: JournalImplementation): void {
  describe(`Journal: ${name}`, () => {
    const one = (body: (journal: Journal<unknown>) => Promise<void>) => async () =>
      await scope(async (use) => await use(body));

    it(
      'appends at the expected sequence only',
      one(async (journal) => {
        assert.equal(await journal.next(), 1);
        assert.equal(await journal.append(1, ['a', { b: 1 }]), true);
        assert.equal(await journal.next(), 3);
        assert.equal(await journal.append(2, ['x']), false);
        assert.equal(await journal.append(4, ['x']), false);
        assert.deepEqual(await journal.read(1, 10), [
          { sequence: 1, entry: 'a' },
          { sequence: 2, entry: { b: 1 } },
        ]);
      }),
    );

    it(
      'lets one of two racing leaders win each sequence',
      one(async (journal) => {
        for (let round = 1; round <= 50; round++) {
          const won = await Promise.all(['a', 'b'].map(async (leader) => await journal.append(round, [leader])));
          assert.equal(won.filter((win) => win).length, 1);
          assert.equal((await journal.read(round, 1))[0]!.entry, won[0] ? 'a' : 'b');
        }
      }),
    );

    it(
      'reads in order, at most the limit',
      one(async (journal) => {
        await journal.append(
          1,
          Array.from({ length: 300 }, (_, n) => n + 1),
        );
        assert.deepEqual(
          (await journal.read(250, 3)).map((item) => [item.sequence, item.entry]),
          [
            [250, 250],
            [251, 251],
            [252, 252],
          ],
        );
        assert.deepEqual(await journal.read(301, 10), []);
      }),
    );

    it('trims without ever reusing a sequence, over a restart too', async () =>
      await scope(async (use) => {
        await use(async (journal) => {
          await journal.append(1, ['a', 'b', 'c']);
          await journal.trim(3);
          assert.deepEqual(await journal.read(1, 10), [{ sequence: 3, entry: 'c' }]);
          await journal.trim(100);
        });
        await use(async (journal) => {
          assert.deepEqual(await journal.read(1, 10), []);
          assert.equal(await journal.next(), 4);
          assert.equal(await journal.append(4, ['d']), true);
        });
      }));
  });
}

journalSuite({
  name: 'embedded',
  scope: embeddedScope((environment) => new EmbeddedJournal(environment, 'test')),
});
