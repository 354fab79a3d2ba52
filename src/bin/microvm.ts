import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import { RealClock } from '../adapters/embedded/clock.js';
import { S3Blob, type S3BlobOptions } from '../adapters/s3/blob.js';
import { fileKeyStore, Keyring } from '../chunks/keyring.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { TieredReader } from '../chunks/tieredreader.js';
import { guestImage } from '../image/guestimage.js';
import { ImageError, type ImageProgress } from '../image/image.js';
import { runtimeImage } from '../image/runtimeimage.js';
import { defaultImageDirectory } from '../image/workfolder.js';
import { mib } from '../kernel/units.js';
import { CodeImages } from '../snapshot/codeimages.js';
import { Plane } from '../snapshot/plane.js';
import { SnapshotStore } from '../snapshot/store.js';
import { removeStrays } from '../snapshot/strays.js';
import { SparseFsClient } from '../sparsefs/client.js';
import { probeKvm } from '../vmm/qemu/kvmprobe.js';
import { QemuVmm } from '../vmm/qemu/qemuvmm.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { MicroVmDriver } from '../worker/sandbox/microvm/microvmdriver.js';
import { Janitor } from '../worker/sandbox/process/janitor.js';
import { newOwnerName } from '../worker/sandbox/process/owner.js';
import { CollectorThread, collectedStore, MemberList, type SharedCache } from './snapshotplane.js';
import type { SparseFsChange, SparseFsComposition } from './sparsefsserver.js';

/** L1 in memory of the process that answers page faults: the working sets of some ten functions. */
export const memoryBytesMax = 256 * mib;
/** The platform's own, for manifests' chunks that it reads itself: device states and scratch. */
const ownMemoryBytesMax = 16 * mib;
/** L1 on disk: compressed, some thousand snapshots' own pages. */
const diskBytesMax = 4_096 * mib;

export interface MicroVmPlatformOptions {
  /** What has to survive: chunks, manifests, records, the key. */
  readonly snapshotFolder: string;
  /** What lives as long as the platform. */
  readonly runFolder: string;
  readonly progress: (text: string) => void;
  /** Addresses of this machine that guests may reach. Default: none. */
  readonly reachable?: readonly string[];
  /** Where chunks and manifests are instead of in the snapshot folder; no other platform uses it. Default: nowhere. */
  readonly bucket?: S3BlobOptions | null;
  /** L2. Default: none; this worker's own caches, then the origin. */
  readonly sharedCache?: SharedCache | null;
  /** False only to show what clones share otherwise. */
  readonly renews?: boolean;
}

/** What the `microvm` driver is made of, for whoever reports on it. */
export interface MicroVmParts {
  readonly driver: MicroVmDriver;
  readonly store: SnapshotStore;
  readonly images: CodeImages;
  /** Ends what the driver does not: after it. */
  close(): Promise<void>;
}

/** Composes the driver over the embedded ports. Rejects with DriverError, which says what this machine lacks. */
export async function openMicroVm(options: MicroVmPlatformOptions): Promise<MicroVmParts> {
  const { snapshotFolder, runFolder, progress } = options;
  const clock = new RealClock();
  mkdirSync(snapshotFolder, { recursive: true, mode: 0o700 });
  const image = await guestImage({ onProgress: imageProgress(progress) }).catch(asDriverError);
  const originFolder = join(snapshotFolder, 'origin');
  const { bucket = null } = options;
  const blob = bucket === null ? new EmbeddedBlob(originFolder) : new S3Blob(bucket);
  const place = bucket === null ? { folder: originFolder } : { ...bucket, endpoint: bucket.endpoint.href };
  const origin = new Origin(blob);
  const reader = new TieredReader({ memoryBytesMax: ownMemoryBytesMax, tiers: [origin] });
  const keyringPath = join(snapshotFolder, 'keyring');
  const keyring = await Keyring.open(fileKeyStore(keyringPath));
  const { chunks, manifests } = collectedStore(blob, keyring, clock);
  const packer = new Packer(chunks, reader);
  const plane = new Plane({ blob, keyring, packer, reader, manifests });
  const store = new SnapshotStore(plane);
  // What cannot be looked through now is looked through at the next start.
  await removeStrays(plane, store).catch((error: Error) => progress(`manifests that nothing names: ${error.message}`));
  // Code and what functions wrote to /tmp: gone with the platform, also when nobody starts it again after kill -9.
  const ownFolder = join(runFolder, newOwnerName());
  mkdirSync(ownFolder, { recursive: true, mode: 0o711 });
  const janitor = Janitor.start([], [ownFolder]);
  const images = new CodeImages(plane, join(ownFolder, 'images'), {
    needed: (account) => store.needed(account),
    now: () => clock.nowMs(),
  });
  const kvm = await probeKvm({ kernelPath: image.kernelPath, cacheDirectory: defaultImageDirectory() });
  const vmm = await QemuVmm.open({
    stateDirectory: runFolder,
    accelerator: kvm.usable ? 'kvm' : 'tcg',
    reachable: options.reachable ?? [],
  });
  const sharedCache = options.sharedCache ?? null;
  let fs: SparseFsClient | null = null;
  const members =
    sharedCache === null
      ? null
      : new MemberList(sharedCache, (list) => {
          const change: SparseFsChange = { members: list };
          // One that is just ending is started again with the new list.
          fs?.adjust(change).catch(() => {});
        });
  const composition = (): SparseFsComposition => ({
    memoryBytesMax,
    disk: { folder: join(snapshotFolder, 'l1'), bytesMax: diskBytesMax },
    l2: members === null ? null : { members: members.addresses, secret: sharedCache!.secret },
    origin: place,
  });
  try {
    const driver = await MicroVmDriver.open({
      vmm,
      image,
      runtimeImage: (launch) => runtimeImage(launch).catch(asDriverError),
      store,
      images,
      openFs: async () => {
        fs = await SparseFsClient.open({
          directory: join(runFolder, 'sparsefs'),
          program: fileURLToPath(new URL('./sparsefsserver.js', import.meta.url)),
          composition: composition(),
        });
        return fs;
      },
      folder: join(ownFolder, 'drives'),
      clock,
      progress,
      renews: options.renews ?? true,
    });
    // Who writes meanwhile waits for the first root, a few milliseconds.
    const collector = new CollectorThread({ origin: place, keyringPath });
    return {
      driver,
      store,
      images,
      close: async () => {
        members?.close();
        await packer.close();
        await collector.close();
        await blob.close();
        await janitor.finish();
      },
    };
  } catch (error) {
    members?.close();
    await vmm.close();
    await packer.close();
    await janitor.finish();
    throw error;
  }
}

function asDriverError(error: unknown): never {
  if (error instanceof ImageError) throw new DriverError(error.message);
  throw error;
}

/** A line a phase. */
function imageProgress(progress: (text: string) => void): (step: ImageProgress) => void {
  let last = '';
  return ({ phase }) => {
    if (phase !== last && phase !== 'done') progress(`guest image: ${phase}`);
    last = phase;
  };
}
