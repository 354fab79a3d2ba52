import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EmbeddedKv } from '../../src/adapters/embedded/kv.js';
import type { Kv, KvChange } from '../../src/kernel/ports/kv.js';
import { embeddedScope } from './embeddedscope.js';

/** `use` opens the store under test; called twice with one scope it sees the same data. */
export interface KvImplementation {
  readonly name: string;
  scope<T>(body: (use: <R>(action: (kv: Kv<unknown>) => Promise<R>) => Promise<R>) => Promise<T>): Promise<T>;
}

export function kvSuite({ name, scope }: KvImplementation): void {
  describe(`Kv: ${name}`, () => {
    const one = (body: (kv: Kv<unknown>) => Promise<void>) => async () => await scope(async (use) => await use(body));

    it(
      'gets what was put, with a revision, and null otherwise',
      one(async (kv) => {
        assert.equal(await kv.get('a'), null);
        assert.equal(await kv.transact([{ kind: 'put', key: 'a', value: { n: [1, 'ü'] }, expected: 0 }]), true);
        const found = await kv.get('a');
        assert.deepEqual(found?.value, { n: [1, 'ü'] });
        assert.ok(found.revision > 0);
      }),
    );

    it(
      'applies all writes or none',
      one(async (kv) => {
        await kv.transact([{ kind: 'put', key: 'a', value: 1, expected: 0 }]);
        const applied = await kv.transact([
          { kind: 'put', key: 'b', value: 2, expected: 0 },
          { kind: 'put', key: 'a', value: 2, expected: 0 },
        ]);
        assert.equal(applied, false);
        assert.equal(await kv.get('b'), null);
        assert.equal((await kv.get('a'))?.value, 1);
      }),
    );

    it(
      'lets exactly one of many racing writers win',
      one(async (kv) => {
        const wins = await Promise.all(
          Array.from(
            { length: 50 },
            async (_, n) => await kv.transact([{ kind: 'put', key: 'a', value: n, expected: 0 }]),
          ),
        );
        assert.equal(wins.filter((won) => won).length, 1);
        assert.equal((await kv.get('a'))?.value, wins.indexOf(true));
      }),
    );

    it(
      'checks the revision of a delete, and revisions grow over it',
      one(async (kv) => {
        await kv.transact([{ kind: 'put', key: 'a', value: 1, expected: 0 }]);
        const { revision } = (await kv.get('a'))!;
        assert.equal(await kv.transact([{ kind: 'delete', key: 'a', expected: revision + 1 }]), false);
        assert.equal(await kv.transact([{ kind: 'delete', key: 'a', expected: revision }]), true);
        assert.equal(await kv.get('a'), null);
        await kv.transact([{ kind: 'put', key: 'a', value: 2, expected: 0 }]);
        assert.ok((await kv.get('a'))!.revision > revision);
      }),
    );

    it(
      'lists a prefix in byte order, in pages',
      one(async (kv) => {
        const keys = ['p/a', 'p/B', 'p/ä', 'p/10', 'p/2', 'p', 'q/a', 'p/\u{1F600}', 'p/a/b', 'o/z'];
        await kv.transact(keys.map((key) => ({ kind: 'put', key, value: key, expected: 0 })));
        const wanted = keys
          .filter((key) => key.startsWith('p/'))
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.deepEqual(
          (await kv.list('p/')).map((entry) => entry.key),
          wanted,
        );
        const paged: string[] = [];
        for (let after: string | undefined; ; after = paged.at(-1)) {
          const found = await kv.list('p/', { limit: 2, ...(after === undefined ? {} : { after }) });
          if (found.length === 0) break;
          paged.push(...found.map((entry) => entry.key));
        }
        assert.deepEqual(paged, wanted);
        assert.equal((await kv.list('')).length, keys.length);
        assert.deepEqual(await kv.list('p/', { after: 'z' }), []);
      }),
    );

    it(
      'tells watchers every change in order, before the writer',
      one(async (kv) => {
        const heard: KvChange<unknown>[] = [];
        const end = kv.watch('w/', (change) => heard.push(change));
        for (let n = 1; n <= 5; n++) {
          const before = await kv.get('w/a');
          await kv.transact([
            { kind: 'put', key: 'w/a', value: n, expected: before?.revision ?? 0 },
            { kind: 'put', key: `x/${n}`, value: n, expected: 0 },
          ]);
          assert.equal(heard.length, n);
          assert.deepEqual(heard.at(-1)!.entry, await kv.get('w/a'));
        }
        await kv.transact([{ kind: 'delete', key: 'w/a', expected: (await kv.get('w/a'))!.revision }]);
        assert.deepEqual(heard.at(-1), { key: 'w/a', entry: null });
        end();
        await kv.transact([{ kind: 'put', key: 'w/a', value: 9, expected: 0 }]);
        assert.equal(heard.length, 6);
      }),
    );

    it('keeps values and growing revisions over a restart', async () =>
      await scope(async (use) => {
        const revision = await use(async (kv) => {
          await kv.transact([{ kind: 'put', key: 'a', value: 1, expected: 0 }]);
          const found = (await kv.get('a'))!;
          await kv.transact([{ kind: 'put', key: 'b', value: 1, expected: 0 }]);
          await kv.transact([{ kind: 'delete', key: 'b', expected: (await kv.get('b'))!.revision }]);
          return found.revision;
        });
        await use(async (kv) => {
          assert.deepEqual(await kv.get('a'), { value: 1, revision });
          await kv.transact([{ kind: 'put', key: 'b', value: 2, expected: 0 }]);
          assert.ok((await kv.get('b'))!.revision > revision + 2);
        });
      }));
  });
}

kvSuite({
  name: 'embedded',
  scope: embeddedScope((environment) => new EmbeddedKv(environment, 'test')),
});
