import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { S3Blob } from '../adapters/s3/blob.js';
import { DiskTier } from '../chunks/disktier.js';
import { L2Tier } from '../chunks/l2/l2tier.js';
import { OpeningThread } from '../chunks/openingthread.js';
import { Origin } from '../chunks/origin.js';
import type { ChunkTier } from '../chunks/tier.js';
import { TieredReader } from '../chunks/tieredreader.js';
import type { Blob } from '../kernel/ports/blob.js';
import { serveOwner } from '../sparsefs/server.js';

/** What the owner sends this program as its composition; addresses as text, because a URL is not cloned. */
export interface SparseFsComposition {
  /** Decoded chunks kept in memory (L1). */
  readonly memoryBytesMax: number;
  /** Ciphertexts kept on disk (L1), or null. */
  readonly disk: { readonly folder: string; readonly bytesMax: number } | null;
  readonly l2: { readonly members: readonly MemberAddress[]; readonly secret: Uint8Array } | null;
  readonly origin: FolderOrigin | S3Origin;
}

export interface MemberAddress {
  readonly id: string;
  readonly url: string;
}

/** The blob store's folder, as EmbeddedBlob takes it. */
export interface FolderOrigin {
  readonly folder: string;
}

export interface S3Origin {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  readonly extraCa?: readonly string[];
}

/** For `SparseFsClient.adjust`: another list of L2's members. */
export interface SparseFsChange {
  readonly members: readonly MemberAddress[];
}

function originBlob(origin: FolderOrigin | S3Origin): Blob {
  return 'folder' in origin
    ? new EmbeddedBlob(origin.folder)
    : new S3Blob({ ...origin, endpoint: new URL(origin.endpoint) });
}

const withUrls = (members: readonly MemberAddress[]) => members.map(({ id, url }) => ({ id, url: new URL(url) }));

// The sparse file system's server, started by SparseFsClient: the chunk tiers of this worker, behind two mounts.
serveOwner(async (message) => {
  const { memoryBytesMax, disk, l2, origin } = message as SparseFsComposition;
  const tiers: ChunkTier[] = [];
  if (disk !== null) tiers.push(new DiskTier(disk.folder, disk.bytesMax));
  const shared = l2 === null ? null : new L2Tier({ members: withUrls(l2.members), secret: Buffer.from(l2.secret) });
  if (shared !== null) tiers.push(shared);
  tiers.push(new Origin(originBlob(origin)));
  const reader = new TieredReader({
    memoryBytesMax,
    tiers,
    opening: new OpeningThread(),
    onCorrupt: (tier, name) => process.stderr.write(`chunk ${name}: wrong bytes from ${tier}\n`),
  });
  return {
    reader,
    metrics: () => reader.metrics(),
    adjust: (change) => shared?.setMembers(withUrls((change as SparseFsChange).members)),
  };
});
