import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { RealClock } from '../../src/adapters/embedded/clock.js';
import { S3Blob } from '../../src/adapters/s3/blob.js';
import { collectedStore } from '../../src/bin/snapshotplane.js';
import { Keyring } from '../../src/chunks/keyring.js';
import { L2Tier } from '../../src/chunks/l2/l2tier.js';
import { MemberProcess } from '../../src/chunks/l2/memberprocess.js';
import { type Manifest, pageBytes } from '../../src/chunks/layout.js';
import { Origin } from '../../src/chunks/origin.js';
import { Packer } from '../../src/chunks/packer.js';
import { bufferSource } from '../../src/chunks/source.js';
import { TieredReader } from '../../src/chunks/tieredreader.js';
import { MotoServer, missingMoto, motoPython } from './motoserver.js';

const scope = '123456789012';

describe('chunks in a bucket, behind members of L2', {
  skip: motoPython === null ? missingMoto : false,
  timeout: 180_000,
}, () => {
  let moto: MotoServer;
  let blob: S3Blob;
  let members: MemberProcess[] = [];
  const secret = randomBytes(32);
  before(async () => {
    moto = await MotoServer.start();
    const endpoint = new URL(moto.endpoint);
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const region = 'us-east-1';
    const client = new S3Client({ endpoint: endpoint.href, region, credentials, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'snapshots' }));
    client.destroy();
    blob = new S3Blob({ endpoint, region, credentials, bucket: 'snapshots', prefix: 'one/' });
    members = await Promise.all(
      [0, 1, 2, 3, 4].map((n) => MemberProcess.start({ id: `m${n}`, secret, bytesMax: 1 << 26, folder: null })),
    );
  });
  after(async () => {
    await Promise.all(members.map((one) => one.stop()));
    await blob?.close();
    await moto?.stop();
  });

  it('stores, reads through all tiers, stores nothing twice, collects', async () => {
    const keyring = await Keyring.open({ load: async () => null, save: async () => {} });
    const { chunks, manifests, collector } = collectedStore(blob, keyring, new RealClock());
    await collector.start();
    const l2 = new L2Tier({ members: members.map(({ member }) => member), secret, getMsMax: 60_000 });
    const reader = new TieredReader({ memoryBytesMax: 0, tiers: [l2, new Origin(blob)] });
    const packer = new Packer(chunks, reader);
    try {
      const bytes = randomBytes(1_500_000 - (1_500_000 % pageBytes));
      const pack = async () =>
        await packer.pack({
          source: bufferSource(bytes),
          bytes: bytes.length,
          salt: keyring.salt(scope),
          parent: null,
        });
      const { manifest, report, index } = await pack();
      assert.equal(report.newChunks, 3);
      const name = await manifests.put(scope, manifest, index);
      const again = await pack();
      assert.equal(again.report.newChunks, 0);
      assert.equal(await manifests.put(scope, again.manifest, again.index), name);

      const read = async (of: Manifest) => {
        const whole = Buffer.alloc(of.bytes);
        for (const { page, count, chunk, slot } of of.runs) {
          const plaintext = await reader.read(of.chunks[chunk]!, 'fault');
          plaintext.copy(whole, page * pageBytes, slot * pageBytes, (slot + count) * pageBytes);
        }
        return whole;
      };
      assert.deepEqual(await read(await manifests.get(scope, name)), bytes);
      await l2.settled();
      // What went through once is at the members: a bucket that loses it is not noticed.
      for (const { name: chunk } of manifest.chunks) await blob.delete(`chunks/${chunk}`);
      members[1]!.kill();
      assert.deepEqual(await read(await manifests.get(scope, name)), bytes);
      assert.equal(reader.metrics().origin!.hits, 3);

      const stray = randomUUID().replaceAll('-', '').repeat(2);
      await blob.put(`chunks/${stray}`, Buffer.from('named by nobody'));
      const round = await collector.collect();
      assert.equal(round.failure, null);
      assert.equal(round.deleted, 1);
      assert.equal(await blob.size(`chunks/${stray}`), null);
    } finally {
      await packer.close();
      await l2.close();
      await collector.close();
    }
  });
});
