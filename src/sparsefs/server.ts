import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TierCounters } from '../chunks/latency.js';
import type { TierMetrics } from '../chunks/tier.js';
import { kib } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import type { ControlAnswer, ControlMessage, ControlRequest } from './control.js';
import { FuseDevice } from './device.js';
import type { SparseFile } from './files.js';
import { type FaultReader, FileSystem, readMsMax } from './filesystem.js';
import { Lookahead } from './lookahead.js';
import { PageMap } from './pagemap.js';
import { AccessLog } from './pageset.js';
import { Prefetching } from './prefetching.js';
import { encodeInvalidateEntry, encodeInvalidateInode } from './protocol.js';
import type { Access, SparseFsMetrics } from './sparsefs.js';
import { StoringThread } from './storing.js';

/** Linux's own default, which no file system is allowed to go beyond without asking for it in sysfs. */
const streamReadAheadBytes = 128 * kib;

/** What the server needs besides its mounts. */
export interface ChunkPlane {
  readonly reader: FaultReader;
  /** By tier. */
  metrics(): Readonly<Record<string, TierMetrics>>;
  /** Takes a change that the owner sends (`SparseFsClient.adjust`); throws DriverError when it cannot. */
  adjust?(change: unknown): void;
}

export interface ServerOptions {
  readonly directory: string;
  readonly plane: ChunkPlane;
  /** Of a read; default `readMsMax`. */
  readonly readMsMax?: number;
  readonly onFailure: (error: unknown) => void;
}

interface Mount {
  readonly device: FuseDevice;
  readonly files: FileSystem;
}

/** Both mounts and what can be asked of them. Runs in the serving process, which never touches the mounts by path. */
export class SparseFsServer {
  private readonly reads = new TierCounters();
  private readonly storing: StoringThread;
  private readonly prefetching: Prefetching;
  private readonly lookahead: Lookahead;
  private mounts!: Readonly<Record<Access, Mount>>;

  private constructor(private readonly options: ServerOptions) {
    this.storing = new StoringThread(options.onFailure);
    this.prefetching = new Prefetching(options.plane.reader, this.storing);
    this.lookahead = new Lookahead(this.storing);
  }

  /** Rejects with DriverError; what is mounted by then goes with the process. */
  static async open(options: ServerOptions): Promise<SparseFsServer> {
    const server = new SparseFsServer(options);
    server.mounts = {
      pages: await server.mount('pages', 0),
      stream: await server.mount('stream', streamReadAheadBytes),
    };
    return server;
  }

  /** Resolves with the reason when one of the mounts has ended. */
  get ended(): Promise<string> {
    return Promise.race([this.mounts.pages.device.ended, this.mounts.stream.device.ended]);
  }

  private async mount(access: Access, readAheadBytes: number): Promise<Mount> {
    const { plane, onFailure } = this.options;
    const directory = join(this.options.directory, access);
    await mkdir(directory, { recursive: true });
    const device = await FuseDevice.mount(directory);
    const files: FileSystem = new FileSystem(device, {
      reader: plane.reader,
      reads: this.reads,
      readAheadBytes,
      readMsMax: this.options.readMsMax ?? readMsMax,
      onFailure,
      // Drive images have the kernel's own read-ahead.
      onZeros: access === 'pages' ? (file, first, count) => this.lookahead.read(mount, file, first, count) : null,
    });
    const mount = { device, files };
    device.serve(files);
    await files.ready;
    return mount;
  }

  private find(name: string): { mount: Mount; file: SparseFile } {
    for (const mount of Object.values(this.mounts)) {
      const file = mount.files.files.named(name);
      if (file !== undefined) return { mount, file };
    }
    throw new DriverError(`no file is called ${name}`);
  }

  /** Rejects with DriverError when the request cannot be: an unknown name, one that is taken, a second filling. */
  async perform(request: Exclude<ControlRequest, { kind: 'open' }>): Promise<Omit<ControlAnswer, 'id'>> {
    switch (request.kind) {
      case 'expose': {
        if (Object.values(this.mounts).some(({ files }) => files.files.named(request.name) !== undefined)) {
          throw new DriverError(`a file is called ${request.name} already`);
        }
        const file = this.mounts[request.access].files.files.add(request.name, request.bytes);
        if (request.manifest !== null) this.fill(file, new PageMap(request.manifest));
        return {};
      }
      case 'fill': {
        const { mount, file } = this.find(request.name);
        if (file.filled) throw new DriverError(`${request.name} has its contents already`);
        if (request.manifest.bytes > file.bytes) throw new DriverError(`${request.name} is smaller than its contents`);
        this.fill(file, new PageMap(request.manifest));
        // Whatever the kernel keeps of it is zero pages, and those read until now.
        if (file.lookups > 0) await mount.device.notify(encodeInvalidateInode(file.node));
        file.given?.clear();
        return {};
      }
      case 'withdraw': {
        const { mount, file } = this.find(request.name);
        mount.files.files.withdraw(file);
        if (file.lookups > 0) await mount.device.notify(encodeInvalidateEntry(file.name));
        return {};
      }
      case 'record': {
        const { file } = this.find(request.name);
        file.log = new AccessLog(file.pages);
        return {};
      }
      case 'recorded': {
        const { file } = this.find(request.name);
        if (file.log === null) throw new DriverError(`${request.name} is not being recorded`);
        const pages = file.log.pages();
        file.log = null;
        return { pages };
      }
      case 'prefetch': {
        const { mount, file } = this.find(request.name);
        this.prefetching.start(mount, file, request.pages);
        return {};
      }
      case 'metrics':
        return { metrics: this.metrics() };
      case 'adjust':
        this.options.plane.adjust?.(request.change);
        return {};
      case 'ping':
        return {};
    }
  }

  private fill(file: SparseFile, map: PageMap): void {
    file.map = map;
    file.filled = true;
  }

  private metrics(): SparseFsMetrics {
    const reads = this.reads.metrics();
    return {
      tiers: this.options.plane.metrics(),
      reads,
      readBytes: reads.bytes,
      prefetchedPages: this.prefetching.pages + this.lookahead.pages,
    };
  }
}

/** Builds the chunk plane from what the owner sent along; rejects with DriverError when it cannot. */
export type Compose = (composition: unknown) => Promise<ChunkPlane & { readonly readMsMax?: number }>;

/** Halfway to "never": every VM of the worker needs this process, and each of them is larger. */
const outOfMemoryScore = '-500';

function sparedWhenMemoryIsShort(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', outOfMemoryScore);
  } catch {
    // Only root may; without, the kernel chooses by size.
  }
}

/**
 * Serves the process that started this one, until either ends. The kernel aborts the mounts' connections when this
 * process ends, however it does.
 */
export function serveOwner(compose: Compose): void {
  sparedWhenMemoryIsShort();
  let server: SparseFsServer | null = null;
  const report = (error: unknown) => {
    process.stderr.write(`sparse file system: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  // At once and whatever the threads wait for: leaving in order could wait for a page's lock.
  const end = () => process.kill(process.pid, 'SIGKILL');
  process.on('disconnect', end);
  process.on('uncaughtException', (error) => {
    report(error.stack);
    end();
  });
  const perform = async (request: ControlRequest): Promise<Omit<ControlAnswer, 'id'>> => {
    if (request.kind === 'open') {
      const { readMsMax: deadlineMs, ...plane } = await compose(request.composition).catch((error: unknown) => {
        throw new DriverError(`the chunk tiers cannot be opened: ${(error as Error).message}`);
      });
      server = await SparseFsServer.open({
        directory: request.directory,
        plane,
        onFailure: report,
        ...(deadlineMs === undefined ? {} : { readMsMax: deadlineMs }),
      });
      server.ended.then((reason) => process.send?.({ ended: reason }, undefined, {}, end), report);
      return {};
    }
    if (server === null) throw new DriverError('nothing is mounted yet');
    return server.perform(request);
  };
  process.on('message', ({ id, request }: ControlMessage) => {
    perform(request).then(
      (answer) => process.send?.({ id, ...answer }),
      (error: unknown) => {
        if (!(error instanceof DriverError)) throw error;
        process.send?.({ id, error: error.message });
      },
    );
  });
}
