import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DiskStripes } from './diskstripes.js';
import { L2Tier } from './l2tier.js';
import { CacheMember } from './member.js';
import type { Member } from './placement.js';
import { cutStripes, encodeStripes, nameOf } from './stripes.js';
import { MemoryStripes, type StripeStore } from './stripestore.js';

const secret = randomBytes(32);
/** No test depends on it being short: a slow machine may take long for an answer. */
const patientMs = 20_000;

interface Zone {
  readonly tier: L2Tier;
  readonly members: CacheMember[];
  readonly stores: MemoryStripes[];
  readonly list: Member[];
}

async function withZone(
  count: number,
  body: (zone: Zone) => Promise<void>,
  bytesMax = 64 * 1024 * 1024,
  getMsMax = patientMs,
): Promise<void> {
  const stores = Array.from({ length: count }, () => new MemoryStripes(bytesMax));
  const members = await Promise.all(stores.map((store) => listen(store)));
  const list = members.map(({ url }, n) => ({ id: `m${n}`, url }));
  const tier = new L2Tier({ members: list, secret, getMsMax });
  try {
    await body({ tier, members, stores, list });
  } finally {
    await tier.close();
    await Promise.all(members.map((member) => member.close()));
  }
}

const listen = (store: StripeStore) => CacheMember.listen({ host: '127.0.0.1', port: 0, secret, store });

function chunk(bytes = 30_000): { name: string; bytes: Buffer } {
  const made = randomBytes(bytes);
  return { name: nameOf(made), bytes: made };
}

const read = async (tier: L2Tier, { name, bytes }: { name: string; bytes: Buffer }) => {
  const found = await tier.get(name, bytes.length, 'fault');
  if (found !== null) assert.ok(found.equals(bytes));
  return found !== null;
};

describe('L2', { timeout: 120_000 }, () => {
  it('gives what was put, and null for what was not; a member has a quarter of a chunk', async () =>
    await withZone(6, async ({ tier, stores }) => {
      const one = chunk(524_288);
      assert.equal(await read(tier, one), false);
      await tier.put(one.name, one.bytes);
      assert.equal(await read(tier, one), true);
      const held = await Promise.all(stores.map((store) => store.get(one.name)));
      assert.equal(held.filter((body) => body !== null).length, 5);
      for (const body of held) {
        if (body === null) continue;
        assert.ok(body.length < one.bytes.length / 3.9);
      }
    }));

  it('any one member may be dead: nothing is lost, and soon it is not even asked', async () =>
    await withZone(5, async ({ tier, members }) => {
      const chunks = Array.from({ length: 20 }, () => chunk());
      for (const one of chunks) await tier.put(one.name, one.bytes);
      await members[2]!.close();
      for (const one of chunks) assert.equal(await read(tier, one), true);
      const before = tier.status().members.find(({ id }) => id === 'm2')!;
      assert.ok(before.down);
      assert.ok(before.failures >= 3);
    }));

  it('a member that accepts and never answers is outrun', async () => {
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    try {
      await withZone(4, async ({ tier, list }) => {
        const url = new URL(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
        tier.setMembers([...list, { id: 'silent', url }]);
        const healthy = new L2Tier({
          members: [...list, { id: 'silent', url: new URL('http://127.0.0.1:9') }],
          secret,
        });
        const one = chunk();
        await healthy.put(one.name, one.bytes);
        await healthy.close();
        const startedMs = performance.now();
        // Its stripe went nowhere; the four others are what there is.
        assert.equal(await read(tier, one), true);
        assert.ok(performance.now() - startedMs < patientMs, 'did not wait for the silent one');
      });
    } finally {
      silent.close();
    }
  });

  it('two members gone: their chunks are not here, and that is said at once', async () =>
    await withZone(5, async ({ tier, members }) => {
      const one = chunk();
      await tier.put(one.name, one.bytes);
      await members[0]!.close();
      await members[1]!.close();
      assert.equal(await read(tier, one), false);
    }));

  it('after two deaths what is put again survives a third', async () =>
    await withZone(8, async ({ tier, members }) => {
      const chunks = Array.from({ length: 12 }, () => chunk());
      for (const one of chunks) await tier.put(one.name, one.bytes);
      for (const dead of [0, 1]) {
        await members[dead]!.close();
        // Enough questions for the breaker; every answer that lacks a stripe is mended.
        for (const one of chunks) if (!(await read(tier, one))) await tier.put(one.name, one.bytes);
        await tier.settled();
      }
      for (const one of chunks) if (!(await read(tier, one))) await tier.put(one.name, one.bytes);
      await tier.settled();
      await members[2]!.close();
      for (const one of chunks) assert.equal(await read(tier, one), true);
    }));

  it('flipped bits and stripes of other chunks are found out, never served, and mended', async () =>
    await withZone(5, async ({ tier, stores }) => {
      const one = chunk();
      const other = chunk();
      await tier.put(one.name, one.bytes);
      const flipped = Buffer.from((await stores[0]!.get(one.name))!);
      flipped[flipped.length - 9]! ^= 1;
      await stores[0]!.put(one.name, flipped);
      assert.equal(await read(tier, one), true);
      await tier.settled();
      // Intact by its own checksum, and of the right size, but not of this chunk.
      const index = (await stores[1]!.get(one.name))!.readUInt8(4);
      const lie = encodeStripes(one.name, [cutStripes(other.bytes)[index]!]);
      await stores[1]!.put(one.name, lie);
      // Whether the liar is among the first four is chance: in 50 readings it is.
      for (let i = 0; i < 50; i += 1) assert.equal(await read(tier, one), true);
      await tier.settled();
      const { members } = tier.status();
      assert.ok(members.reduce((sum, { broken }) => sum + broken, 0) >= 1);
    }));

  it('a member that comes back empty is filled again by what is asked', async () =>
    await withZone(5, async ({ tier, list, stores }) => {
      const chunks = Array.from({ length: 10 }, () => chunk());
      for (const one of chunks) await tier.put(one.name, one.bytes);
      const store = new MemoryStripes(1 << 26);
      const fresh = await listen(store);
      try {
        tier.setMembers([...list.slice(1), { id: 'm0', url: fresh.url }]);
        for (const one of chunks) assert.equal(await read(tier, one), true);
        // Mending begins when the last of five answers is in, which may be after the reading.
        const deadlineMs = performance.now() + patientMs;
        while (store.count < chunks.length && performance.now() < deadlineMs) {
          for (const one of chunks) await read(tier, one);
          await tier.settled();
        }
        assert.equal(store.count, chunks.length);
        assert.equal(stores[0]!.count, chunks.length);
      } finally {
        await fresh.close();
      }
    }));

  for (const count of [1, 2, 3, 4]) {
    it(`works with ${count} member(s), which hold several stripes each`, async () =>
      await withZone(count, async ({ tier, members }) => {
        const chunks = Array.from({ length: 10 }, () => chunk());
        for (const one of chunks) await tier.put(one.name, one.bytes);
        for (const one of chunks) assert.equal(await read(tier, one), true);
        await members[0]!.close();
        let left = 0;
        for (const one of chunks) left += (await read(tier, one)) ? 1 : 0;
        // Of four members all but the first of a chunk may go; of two or one none.
        if (count <= 2) assert.equal(left, 0);
      }));
  }

  it('no members: no answer, no error', async () => {
    const tier = new L2Tier({ members: [], secret });
    const one = chunk();
    await tier.put(one.name, one.bytes);
    assert.equal(await tier.get(one.name, one.bytes.length, 'fault'), null);
    await tier.close();
    assert.equal(await tier.get(one.name, one.bytes.length, 'fault'), null);
  });

  it('members hold their bound, whatever is put', async () => {
    const bytesMax = 100_000;
    await withZone(
      5,
      async ({ tier, stores }) => {
        const hot = chunk(8_000);
        await tier.put(hot.name, hot.bytes);
        for (let i = 0; i < 3; i += 1) assert.equal(await read(tier, hot), true);
        for (let i = 0; i < 100; i += 1) {
          const one = chunk(8_000);
          await tier.put(one.name, one.bytes);
        }
        for (const store of stores) {
          assert.ok(store.bytes <= bytesMax);
          assert.ok(store.evictions > 0);
        }
        assert.equal(await read(tier, hot), true, 'a scan does not push out what is asked for');
      },
      bytesMax,
    );
  });

  it('without the secret a member neither gives nor takes', async () =>
    await withZone(5, async ({ tier, list, stores }) => {
      const one = chunk();
      await tier.put(one.name, one.bytes);
      const stranger = new L2Tier({ members: list, secret: randomBytes(32), getMsMax: patientMs });
      assert.equal(await stranger.get(one.name, one.bytes.length, 'fault'), null);
      const other = chunk();
      await stranger.put(other.name, other.bytes);
      assert.deepEqual(await Promise.all(stores.map((store) => store.get(other.name))), [null, null, null, null, null]);
      await stranger.close();
      const unsigned = await fetch(new URL(`/v1/chunks/${one.name}`, list[0]!.url));
      assert.equal(unsigned.status, 401);
      assert.equal((await unsigned.arrayBuffer()).byteLength, 0);
      assert.equal((await fetch(new URL('/v1/status', list[0]!.url))).status, 401);
      const large = await fetch(new URL(`/v1/chunks/${one.name}`, list[0]!.url), {
        method: 'PUT',
        body: Buffer.alloc(2_000_000),
      }).catch(() => ({ status: 413 }));
      assert.equal(large.status, 413);
    }));

  it('answers of something that is no member are none: too long, too short, nonsense', async () => {
    const bodies: ((n: number) => { length: number; body: Buffer })[] = [
      () => ({ length: 1e12, body: Buffer.from('x') }),
      () => ({ length: 100, body: Buffer.from('x') }),
      () => ({ length: 500, body: randomBytes(500) }),
    ];
    let asked = 0;
    const server = createServer((request, response) => {
      request.resume();
      const { length, body } = bodies[asked++ % bodies.length]!(asked);
      response.writeHead(200, { 'content-length': length });
      response.write(body, () => length !== body.length && response.destroy());
      if (length === body.length) response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await withZone(4, async ({ tier, list }) => {
        const one = chunk();
        await tier.put(one.name, one.bytes);
        const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        tier.setMembers([...list, { id: 'nonsense', url }]);
        for (let i = 0; i < 12; i += 1) {
          assert.equal(await read(tier, one), true);
          await tier.settled();
        }
      });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('many at once: every one right; more than may be under way are left to the origin', async () =>
    await withZone(6, async ({ tier }) => {
      const chunks = Array.from({ length: 40 }, () => chunk(100_000));
      for (const one of chunks) await tier.put(one.name, one.bytes);
      for (let round = 0; round < 10; round += 1) {
        assert.ok((await Promise.all(chunks.map((one) => read(tier, one)))).every(Boolean));
      }
      const all = await Promise.all(Array.from({ length: 400 }, (_, i) => read(tier, chunks[i % chunks.length]!)));
      assert.equal(all.filter(Boolean).length, 64);
    }));
});

describe('stripes on disk', () => {
  it('are there after a restart, within the bound; foreign and half-written files go', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hearth-l2-'));
    try {
      const store = new DiskStripes(folder, 1_000);
      const bodies = Array.from({ length: 5 }, (_, n) => ({ name: nameOf(Buffer.of(n)), body: Buffer.alloc(150, n) }));
      for (const { name, body } of bodies) await store.put(name, body);
      writeFileSync(join(folder, 'temporary', 'half'), 'x');
      writeFileSync(join(folder, 'stripes', 'foreign'), 'x');
      const again = new DiskStripes(folder, 1_000);
      for (const { name, body } of bodies) assert.deepEqual(await again.get(name), body);
      assert.deepEqual(readdirSync(join(folder, 'temporary')), []);
      assert.equal(readdirSync(join(folder, 'stripes')).length, 5);
      const smaller = new DiskStripes(folder, 400);
      assert.equal(smaller.count, 2);
      assert.equal(readdirSync(join(folder, 'stripes')).length, 2);
      for (let n = 0; n < 20; n += 1) await smaller.put(nameOf(Buffer.of(9, n)), Buffer.alloc(150, n));
      const files = readdirSync(join(folder, 'stripes'));
      assert.ok(smaller.bytes <= 400);
      assert.ok(files.reduce((sum, name) => sum + readFileSync(join(folder, 'stripes', name)).length, 0) <= 400);
      rmSync(join(folder, 'stripes', files[0]!));
      assert.equal(await smaller.get(files[0]!), null);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
