import { parentPort, workerData } from 'node:worker_threads';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { S3Blob, type S3BlobOptions } from '../adapters/s3/blob.js';
import { fileKeyStore, Keyring } from '../chunks/keyring.js';
import { collectedStore } from './snapshotplane.js';

/** What the thread collects. */
export interface CollectorOrder {
  readonly origin: { readonly folder: string } | (Omit<S3BlobOptions, 'endpoint'> & { readonly endpoint: string });
  /** The keyring's file, which exists: for manifests that no root has listed yet. */
  readonly keyringPath: string;
}

// Collection in a thread of its own: it sorts and compares the names of everything that is stored, which may take the
// processor for longer than an invocation may wait. Ends with the first message, when the step under way is done.
const { origin, keyringPath } = workerData as CollectorOrder;
const blob =
  'folder' in origin ? new EmbeddedBlob(origin.folder) : new S3Blob({ ...origin, endpoint: new URL(origin.endpoint) });
const keyring = await Keyring.open(fileKeyStore(keyringPath));
const { collector } = collectedStore(blob, keyring, new RealClock());
parentPort!.once('message', async () => {
  await collector.close();
  await blob.close();
  parentPort!.postMessage('closed');
});
await collector.start();
