import { join } from 'node:path';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { S3Blob, type S3BlobOptions } from '../adapters/s3/blob.js';
import { ChunkError } from '../chunks/chunkerror.js';
import { Resealing } from '../chunks/collection/resealing.js';
import { fileKeyStore, Keyring, platformScope } from '../chunks/keyring.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { TieredReader } from '../chunks/tieredreader.js';
import { Lineages } from '../snapshot/lineages.js';
import { Plane } from '../snapshot/plane.js';
import { logKind, SnapshotStore } from '../snapshot/store.js';
import { collectedStore } from './snapshotplane.js';

/** Chunks are read once. */
const memoryBytesMax = 0;

export interface RotatedSalt {
  readonly account: string;
  /** Stored files whose chunks have other keys and names now. */
  readonly files: number;
}

/**
 * New salts for all accounts, or one, and with them new keys and names for the chunks of their stored files. The
 * platform's own layers hold nobody's data, and keep theirs until another image makes them anew. The caller has the data
 * folder to itself. The old chunks are collected by the platform, days later. Ended at any moment, files are as they
 * were or have their new chunks: call it again. Rejects with ChunkError.
 */
export async function rotateSalts(
  snapshotFolder: string,
  bucket: S3BlobOptions | null,
  account: string | null,
): Promise<readonly RotatedSalt[]> {
  const blob = bucket === null ? new EmbeddedBlob(join(snapshotFolder, 'origin')) : new S3Blob(bucket);
  try {
    const keyring = await Keyring.open(fileKeyStore(join(snapshotFolder, 'keyring')));
    const { chunks, manifests, collector } = collectedStore(blob, keyring, new RealClock());
    const reader = new TieredReader({ memoryBytesMax, tiers: [new Origin(blob)] });
    const packer = new Packer(chunks, reader);
    const store = new SnapshotStore(new Plane({ blob, keyring, packer, reader, manifests }));
    const lineages = new Lineages(blob);
    const all = new Set((await manifests.list()).map(({ scope }) => scope));
    all.delete(platformScope);
    if (account !== null && !all.has(account)) throw new ChunkError('missing', `account ${account} has stored nothing`);
    // What is stored is kept from the first moment on.
    const { failure } = await collector.collect();
    if (failure !== null) throw new ChunkError('missing', `roots of chunks: ${failure}`);
    const rotated: RotatedSalt[] = [];
    try {
      const resealing = new Resealing({ keyring, manifests, chunks, reader, attachments: [logKind] });
      for (const scope of account === null ? all : [account]) {
        await keyring.rotateSalt(scope);
        const files = await resealing.resealAll(scope, async (before, after) => {
          await store.rename(scope, before, after);
          await lineages.rename(scope, before, after);
        });
        rotated.push({ account: scope, files });
      }
    } finally {
      await collector.close();
    }
    return rotated;
  } finally {
    await blob.close();
  }
}
