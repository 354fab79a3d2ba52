import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EmbeddedBlob } from '../src/adapters/embedded/blob.js';
import { RealClock } from '../src/adapters/embedded/clock.js';
import { projectRoot } from '../src/adapters/projectroot.js';
import type { SparseFsComposition } from '../src/bin/sparsefsserver.js';
import { fileKeyStore, Keyring } from '../src/chunks/keyring.js';
import { ManifestStore } from '../src/chunks/manifeststore.js';
import { Origin } from '../src/chunks/origin.js';
import { Packer } from '../src/chunks/packer.js';
import { TieredReader } from '../src/chunks/tieredreader.js';
import { guestImage } from '../src/image/guestimage.js';
import { runtimeImage } from '../src/image/runtimeimage.js';
import { defaultImageDirectory } from '../src/image/workfolder.js';
import type { Blob } from '../src/kernel/ports/blob.js';
import { mib } from '../src/kernel/units.js';
import { CodeImages } from '../src/snapshot/codeimages.js';
import { Plane } from '../src/snapshot/plane.js';
import { SnapshotStore } from '../src/snapshot/store.js';
import { SparseFsClient } from '../src/sparsefs/client.js';
import type { SparseFs } from '../src/sparsefs/sparsefs.js';
import { probeKvm } from '../src/vmm/qemu/kvmprobe.js';
import { QemuVmm } from '../src/vmm/qemu/qemuvmm.js';
import type { FunctionSpec, RuntimeName } from '../src/wire/functionspec.js';
import { makeInvocation, makeSpec, World } from '../src/worker/fake/world.js';
import { MachineRuntimes } from '../src/worker/runtimes/catalog.js';
import type { SandboxDriver } from '../src/worker/sandbox/driver.js';
import { MicroVmDriver } from '../src/worker/sandbox/microvm/microvmdriver.js';
import type { SnapshotEvents } from '../src/worker/service.js';
import { seedSnapshots } from '../test/system/snapshotseed.js';
import type { FarComposition } from './farsparsefs.js';
import { type Distance, SlowBlob } from './slowblob.js';

const nodeRuntime = `nodejs${process.versions.node.split('.')[0]}.x` as RuntimeName;
/** Their code. */
export const functions = join(projectRoot, 'bench', 'functions', 'restored');
const memoryBytesMax = 256 * mib;
const diskBytesMax = 4_096 * mib;

/** Where snapshots are: the same for all workers on it. Begins with the layers that tests have made. */
export class Ground {
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
  workers = 0;

  constructor() {
    seedSnapshots(this.folder);
    mkdirSync(this.snapshots, { recursive: true });
  }

  get snapshots(): string {
    return join(this.folder, 'snapshots');
  }

  get origin(): string {
    return join(this.snapshots, 'origin');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface StageOptions {
  /** Waiting VMs of the runtime. Default: none. */
  readonly spares?: number;
  readonly sandboxesMax?: number;
  /** The origin is that far away. Default: it is this disk. */
  readonly distance?: Distance;
  /** What the driver sees instead of the sparse file system. */
  readonly through?: (fs: SparseFs) => SparseFs;
}

/** One worker whose sandboxes are virtual machines, with caches of its own, empty at first. */
export class Stage {
  private constructor(
    readonly world: World,
    readonly driver: SandboxDriver,
    readonly store: SnapshotStore | null,
    readonly images: CodeImages | null,
    private readonly ends: () => Promise<void>,
  ) {}

  static async open(ground: Ground, options: StageOptions = {}): Promise<Stage> {
    ground.workers += 1;
    const runFolder = join(ground.folder, `worker-${ground.workers}`);
    mkdirSync(runFolder);
    const { distance, through = (fs) => fs } = options;
    const near = new EmbeddedBlob(ground.origin);
    const blob: Blob = distance === undefined ? near : new SlowBlob(near, distance);
    const origin = new Origin(blob);
    const reader = new TieredReader({ memoryBytesMax: 16 * mib, tiers: [origin] });
    const packer = new Packer(origin, reader);
    const keyring = await Keyring.open(fileKeyStore(join(ground.snapshots, 'keyring')));
    const plane = new Plane({ blob, keyring, packer, reader, manifests: new ManifestStore(blob, keyring) });
    const store = new SnapshotStore(plane);
    const clock = new RealClock();
    const images = new CodeImages(plane, join(runFolder, 'images'), {
      needed: (account) => store.needed(account),
      now: () => clock.nowMs(),
    });
    const image = await guestImage();
    const kvm = await probeKvm({ kernelPath: image.kernelPath, cacheDirectory: defaultImageDirectory() });
    const vmm = await QemuVmm.open({ stateDirectory: runFolder, accelerator: kvm.usable ? 'kvm' : 'tcg' });
    const disk = { folder: join(runFolder, 'l1'), bytesMax: diskBytesMax };
    const program = distance === undefined ? '../src/bin/sparsefsserver.js' : './farsparsefs.js';
    const usual: SparseFsComposition = { memoryBytesMax, disk, l2: null, origin: { folder: ground.origin } };
    const far = { memoryBytesMax, disk, originFolder: ground.origin, distance } as FarComposition;
    const driver = await MicroVmDriver.open({
      vmm,
      image,
      runtimeImage,
      store,
      images,
      openFs: async () =>
        through(
          await SparseFsClient.open({
            directory: join(runFolder, 'sparsefs'),
            program: fileURLToPath(new URL(program, import.meta.url)),
            composition: distance === undefined ? usual : far,
          }),
        ),
      folder: join(runFolder, 'drives'),
      clock,
      progress: (text) => process.stderr.write(`${text}\n`),
    });
    return new Stage(makeWorld(driver, ground, options), driver, store, images, async () => {
      await packer.close();
      await blob.close();
      rmSync(runFolder, { recursive: true, force: true });
    });
  }

  /** A worker with another driver. */
  static over(driver: SandboxDriver, ground: Ground): Stage {
    return new Stage(makeWorld(driver, ground, {}), driver, null, null, async () => {});
  }

  /** Saves a function's snapshot. */
  async capture(spec: FunctionSpec): Promise<void> {
    const end = await this.world.worker.capture(spec);
    if (end?.kind !== 'captured') throw new Error(`${spec.functionName}: ${JSON.stringify(end)}`);
  }

  /** From nothing to the reply of the first invocation, milliseconds. */
  async coldMs(spec: FunctionSpec): Promise<number> {
    const startedMs = performance.now();
    const id = await this.world.start(spec);
    const outcome = await this.world.invoke(id, makeInvocation(spec));
    const tookMs = performance.now() - startedMs;
    if (outcome.kind !== 'success') throw new Error(`${spec.functionName}: ${JSON.stringify(outcome)}`);
    await this.world.stop(id);
    return tookMs;
  }

  async close(): Promise<void> {
    await this.world.worker.close();
    await this.driver.close();
    await this.ends();
  }
}

/** Ends the measurement: what follows would be a start from code. */
const snapshots: SnapshotEvents = {
  used() {},
  lost({ functionName }, reason) {
    process.stderr.write(`the snapshot of ${functionName} could not be restored: ${reason}\n`);
    process.exit(1);
  },
};

function makeWorld(driver: SandboxDriver, ground: Ground, { spares = 0, sandboxesMax = 64 }: StageOptions): World {
  const runtimes = new MachineRuntimes({ dataDirectory: ground.folder, cloned: driver.snapshots !== null });
  const limits = { memoryMib: 1_048_576, sandboxesMax, sparesPerRuntime: spares };
  return new World(driver, { runtimes, snapshots, ...limits }, functions);
}

/** A function of Node in `bench/functions/restored`. `snapshot`: it starts from one of that name. */
export function nodeFunction(file: string, over: Partial<FunctionSpec> = {}): FunctionSpec {
  const name = over.snapshot ?? file;
  const handler = `${file}.handler`;
  return makeSpec({ functionName: name, version: '1', runtime: nodeRuntime, handler, timeoutMs: 120_000, ...over });
}
