import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryBlob } from '../testchunks.js';
import { activeOf } from './machine.js';
import { decodeNames, encodeNames, RootStore } from './rootstore.js';
import {
  chunkOf,
  ciphertext,
  collectAll,
  collectorOn,
  limits,
  manifestOf,
  present,
  scope,
  store,
  TestClock,
  writerOn,
} from './testworld.js';

const labels = Array.from({ length: 20 }, (_, n) => n);

async function world() {
  const blob = new MemoryBlob();
  const clock = new TestClock();
  const collector = await collectorOn(blob, clock);
  await collector.start();
  const writer = await writerOn(blob, { id: 'w', waitMsMax: 5_000 });
  return { blob, clock, collector, writer };
}

describe('collection', { timeout: 60_000 }, () => {
  it('deletes exactly what no manifest names, after the grace and not before', async () => {
    const { blob, clock, collector, writer } = await world();
    await store(writer, [1, 2, 3, 4]);
    const dropped = await store(writer, [3, 4, 5, 6, 7, 8]);
    await writer.manifests.delete(scope, dropped);
    await collector.collect();
    clock.now += limits.rotateMs;
    assert.equal((await collector.collect()).opened, 1);
    assert.deepEqual(await present(blob, labels), [1, 2, 3, 4, 5, 6, 7, 8]);
    clock.now += limits.graceMs - 1;
    await collector.collect();
    assert.deepEqual(await present(blob, labels), [1, 2, 3, 4, 5, 6, 7, 8], 'who reads it has the grace');
    clock.now += 1;
    const report = await collector.collect();
    assert.equal(report.expired, 1);
    // More than fit one sweep.
    assert.equal(report.deleted, 4);
    assert.deepEqual(await present(blob, labels), [1, 2, 3, 4]);
  });

  it('keeps what is wanted for ever, over many generations, and nothing else of them', async () => {
    const { blob, clock, writer } = await world();
    const name = await store(writer, [1, 2, 3]);
    for (let i = 0; i < 10; i += 1) {
      await store(writer, [1, 10 + (i % 5)]);
      await collectAll(blob, clock);
    }
    assert.deepEqual(await present(blob, labels), [1, 2, 3, 10, 11, 12, 13, 14]);
    assert.deepEqual(await writer.manifests.get(scope, name), manifestOf([1, 2, 3]));
    const state = await new RootStore(blob).state();
    const generations = new Set((await blob.list('roots/')).map((key) => key.split('/')[1]));
    generations.delete('state');
    assert.deepEqual(generations, new Set(state.roots.map(({ generation }) => String(generation))));
    assert.ok(state.roots.length <= 3);
    assert.equal(state.sweep, null);
  });

  it('takes manifests over that were stored before anybody collected', async () => {
    const blob = new MemoryBlob();
    const early = new (await import('../manifeststore.js')).ManifestStore(
      blob,
      await (await import('./testworld.js')).keyring(),
    );
    for (const label of [1, 2, 3]) await blob.put(`chunks/${chunkOf(label).name}`, ciphertext(label));
    await early.put(scope, manifestOf([1, 2]), null);
    await collectAll(blob, new TestClock());
    assert.deepEqual(await present(blob, labels), [1, 2]);
  });

  it('a chunk that was put and not committed stays as long as its root; a writer that died leaves nothing for ever', async () => {
    const { blob, clock, collector, writer } = await world();
    await writer.chunks.add(chunkOf(9).name, ciphertext(9));
    await collector.collect();
    assert.deepEqual(await present(blob, labels), [9]);
    clock.now += limits.rotateMs;
    await collector.collect();
    assert.deepEqual(await present(blob, labels), [9]);
    const name = await writer.manifests.put(scope, manifestOf([9]), null);
    await writer.chunks.add(chunkOf(8).name, ciphertext(8));
    await collectAll(blob, clock);
    await collectAll(blob, clock);
    assert.deepEqual(await present(blob, labels), [9]);
    assert.ok(await writer.manifests.get(scope, name));
  });

  it('a commit that comes after its chunks went says so, and stores no manifest', async () => {
    const { blob, clock, writer } = await world();
    await writer.chunks.add(chunkOf(9).name, ciphertext(9));
    await collectAll(blob, clock);
    await assert.rejects(writer.manifests.put(scope, manifestOf([9]), null), { name: 'ChunkError', kind: 'missing' });
    assert.deepEqual(await writer.manifests.list(), []);
    await store(writer, [9]);
    await collectAll(blob, clock);
    assert.deepEqual(await present(blob, labels), [9]);
  });

  it('what is left of a manifest whose deletion was cut short goes, too', async () => {
    const { blob, clock, writer } = await world();
    const whole = await store(writer, [1]);
    const cut = await store(writer, [2]);
    await writer.manifests.attach(scope, whole, 'accesslog', Buffer.from('a'));
    await writer.manifests.attach(scope, cut, 'accesslog', Buffer.from('b'));
    await blob.delete(`manifests/${scope}/${cut}/manifest`);
    await collectAll(blob, clock);
    assert.deepEqual(await blob.list('manifests/'), [
      `manifests/${scope}/${whole}/accesslog`,
      `manifests/${scope}/${whole}/manifest`,
    ]);
  });

  it('with a damaged list nothing is deleted; from a manifest the next root makes it anew', async () => {
    const { blob, clock, collector, writer } = await world();
    const name = await store(writer, [1, 2]);
    await blob.put(`chunks/${chunkOf(3).name}`, ciphertext(3));
    const key = `roots/1/manifests/${scope}/${name}`;
    blob.objects.get(key)![5]! ^= 1;
    const report = await collector.collect();
    assert.match(report.failure ?? '', /damaged/);
    assert.deepEqual(await present(blob, labels), [1, 2, 3]);
    clock.now += limits.rotateMs;
    await collector.collect();
    const active = activeOf((await new RootStore(blob).state()).roots)!;
    assert.equal(active.generation, 2);
    assert.deepEqual(await new RootStore(blob).entry(2, `${scope}/${name}`), [chunkOf(1).name, chunkOf(2).name]);
    clock.now += limits.graceMs;
    assert.equal((await collector.collect()).failure, null);
    assert.deepEqual(await present(blob, labels), [1, 2]);
  });

  it('a store that fails ends the round with its reason; the next goes on', async () => {
    const { blob, clock, writer } = await world();
    await store(writer, [1]);
    await blob.put(`chunks/${chunkOf(3).name}`, ciphertext(3));
    const failing = Object.create(blob) as MemoryBlob;
    failing.delete = async () => {
      throw new Error('disk full');
    };
    const collector = await collectorOn(failing, clock);
    assert.match((await collector.collect()).failure ?? '', /delete: disk full/);
    assert.notEqual((await new RootStore(blob).state()).sweep, null);
    const other = await collectorOn(blob, clock);
    assert.equal((await other.collect()).failure, null);
    assert.deepEqual(await present(blob, labels), [1]);
  });

  it('writers wait for a sweep that may take their chunk, and for no other', async () => {
    const { blob, clock } = await world();
    await blob.put(`chunks/${chunkOf(3).name}`, ciphertext(3));
    const stuck = Object.create(blob) as MemoryBlob;
    stuck.delete = async () => {
      throw new Error('away');
    };
    await (await collectorOn(stuck, clock)).collect();
    const writer = await writerOn(blob, { id: 'impatient', waitMsMax: 100 });
    await writer.chunks.add(chunkOf(4).name, ciphertext(4));
    await assert.rejects(writer.chunks.add(chunkOf(3).name, ciphertext(3)), { name: 'ChunkError', kind: 'busy' });
    const patient = await writerOn(blob, { id: 'patient', waitMsMax: 30_000 });
    const added = patient.chunks.add(chunkOf(3).name, ciphertext(3));
    await (await collectorOn(blob, clock)).collect();
    await added;
    await patient.manifests.put(scope, manifestOf([3]), null);
    await collectAll(blob, clock);
    assert.deepEqual(await present(blob, labels), [3]);
  });

  it('many chunks at once share a mark', async () => {
    const { blob, writer } = await world();
    await Promise.all(labels.map((label) => writer.chunks.add(chunkOf(label).name, ciphertext(label))));
    assert.ok((await blob.list('roots/1/marks/')).length <= 2);
    const before = blob.puts;
    await Promise.all(labels.map((label) => writer.chunks.add(chunkOf(label).name, ciphertext(label))));
    assert.equal(blob.puts, before, 'what is protected and there costs no write');
  });
});

it('a list of names with any bit changed is refused', () => {
  const names = [chunkOf(1).name, chunkOf(2).name];
  const bytes = encodeNames(names);
  assert.deepEqual(decodeNames('list', bytes), names);
  assert.deepEqual(decodeNames('list', encodeNames([])), []);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const bad = Buffer.from(bytes);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeNames('list', bad), { kind: 'corrupt' });
  }
  assert.throws(() => decodeNames('list', bytes.subarray(0, 64)), { kind: 'corrupt' });
  assert.throws(() => decodeNames('list', Buffer.alloc(0)), { kind: 'corrupt' });
});
