import { chmodSync, closeSync, copyFileSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../../kernel/assert.js';
import {
  type Box,
  DriverError,
  type Protection,
  type RuntimeLaunch,
  type SandboxDriver,
  type Scratch,
} from '../driver.js';
import { insideMountNamespace, inUserNamespace } from '../namespace.js';
import { findProgram, nativeProgram } from '../programs.js';
import { mountPoint } from './base.js';
import { type BootPlace, bootBox } from './boot.js';
import { Cgroups } from './cgroups.js';
import { Connector } from './connector.js';
import { Images } from './image.js';
import { Janitor, sweep } from './janitor.js';
import { Mounts } from './mounts.js';
import { networkProgram } from './network.js';
import { newOwnerName } from './owner.js';
import type { ProcessBox } from './processbox.js';
import { protectionsOf } from './protections.js';
import { defaultMib, Scratches } from './scratch.js';
import { type FilterArch, seccompProgram } from './seccomp.js';
import { makeEtc } from './skeleton.js';
import { Slots } from './slots.js';

/** Boxes of one driver alive at once. */
const boxesMax = 4096;

export interface ProcessDriverOptions {
  /** Folder on a real disk for the images of `/tmp`. Default: the machine's folder for temporary files. */
  readonly stateDirectory?: string;
  /** Addresses of this machine that sandboxes may reach: those where the platform is told to listen. Default: none. */
  readonly reachable?: readonly string[];
}

/** Sandboxes made of Linux namespaces: bubblewrap, a seccomp filter, cgroups, slirp4netns. Grade `namespaces`. */
export class ProcessDriver implements SandboxDriver {
  readonly grade = 'namespaces';
  readonly spareMemoryMibMax = Number.POSITIVE_INFINITY;
  readonly sparesPerAccount = false;
  readonly rehearses = false;
  readonly boxOwnMib = 0;
  readonly snapshots = null;
  private readonly boxes = new Map<string, Promise<ProcessBox>>();
  private readonly files = new Map<string, Promise<string>>();
  private closing: Promise<void> | null = null;

  private constructor(
    private readonly place: BootPlace,
    private readonly cgroups: Cgroups,
    private readonly slots: Slots,
    private readonly scratches: Scratches,
    private readonly janitor: Janitor,
    private readonly network: ReturnType<typeof networkProgram>,
    private readonly privileged: boolean,
  ) {}

  /** Rejects with DriverError, which says what this machine lacks. */
  static async open(options: ProcessDriverOptions = {}): Promise<ProcessDriver> {
    const programs = requirePrograms();
    const network = networkProgram();
    const ownerName = newOwnerName();
    const stateDirectory = options.stateDirectory ?? tmpdir();
    mkdirSync(stateDirectory, { recursive: true });
    sweep(stateDirectory);
    const own = join(stateDirectory, ownerName);
    const base = mountPoint([stateDirectory]);
    const cgroups = Cgroups.open(ownerName);
    const janitor = Janitor.start(cgroups.groups, [own]);
    const mounts = Mounts.start(programs.mounthelper);
    try {
      mkdirSync(own, { mode: 0o700 });
      await mounts.shared(base);
      for (const folder of ['sb', 'rt']) mkdirSync(join(base, folder));
      copyFileSync(programs.agent, join(base, 'agent'));
      chmodSync(join(base, 'agent'), 0o755);
      makeEtc(base);
      writeFileSync(join(base, 'filter'), seccompProgram(process.arch as FilterArch));
      const images = programs.mkfs !== null ? new Images(programs.mkfs, mounts, own) : null;
      const scratches = new Scratches(mounts, images, base, own);
      await (await scratches.create(defaultMib)).dispose();
      const slots = new Slots(
        programs.launcher,
        network.path,
        options.reachable ?? [],
        base,
        mounts,
        cgroups,
        programs.privileged,
      );
      const connector = new Connector();
      const place = {
        base,
        mounts,
        connector,
        bwrap: programs.bwrap,
      };
      const driver = new ProcessDriver(place, cgroups, slots, scratches, janitor, network, programs.privileged);
      slots.refill();
      return driver;
    } catch (error) {
      await mounts.umount(base).catch(() => {});
      await mounts.close();
      await janitor.finish();
      throw error;
    }
  }

  protections(): readonly Protection[] {
    return protectionsOf(this.cgroups, this.scratches.loopFailure, this.network, this.privileged);
  }

  async boot(request: { readonly boxId: string; readonly runtime: RuntimeLaunch }): Promise<Box> {
    const { boxId, runtime } = request;
    assert(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(boxId), `a box id names folders: ${boxId}`);
    assert(!this.boxes.has(boxId), `box ${boxId} exists`);
    if (this.closing) throw new DriverError('the driver is closed');
    if (this.boxes.size >= boxesMax) throw new DriverError(`${boxesMax} sandboxes exist: no more in one worker`);
    const box = this.bootNow(boxId, runtime);
    this.boxes.set(boxId, box);
    box.catch(() => this.boxes.delete(boxId));
    return box;
  }

  createScratch(mib: number): Promise<Scratch> {
    if (this.closing) return Promise.reject(new DriverError('the driver is closed'));
    return this.scratches.create(mib);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    await Promise.allSettled([...this.boxes.values()].map((box) => box.then((booted) => booted.kill())));
    await this.slots.close();
    await this.scratches.close();
    const { mounts, base, connector } = this.place;
    connector.close();
    await mounts.umount(base).catch(() => {});
    await mounts.close();
    await this.janitor.finish();
  }

  private async bootNow(boxId: string, runtime: RuntimeLaunch): Promise<ProcessBox> {
    const files = await this.show(runtime);
    if (this.closing) throw new DriverError('the driver is closed');
    const slot = await this.slots.take();
    try {
      const released = () => this.boxes.delete(boxId);
      return await bootBox(this.place, { boxId, runtime, files, slot, released });
    } finally {
      this.slots.refillLater();
    }
  }

  /** Makes the runtime's files reachable for an unprivileged bubblewrap: bound below our base, once per path. */
  private async show(runtime: RuntimeLaunch): Promise<ReadonlyMap<string, string>> {
    const shown = new Map<string, string>();
    for (const { hostPath } of runtime.mounts) {
      let path = this.files.get(hostPath);
      if (!path) {
        path = this.bindFiles(hostPath, join(this.place.base, 'rt', String(this.files.size)));
        this.files.set(hostPath, path);
        path.catch(() => this.files.delete(hostPath));
      }
      shown.set(hostPath, await path);
    }
    return shown;
  }

  private async bindFiles(hostPath: string, target: string): Promise<string> {
    const info = statSync(hostPath, { throwIfNoEntry: false });
    if (!info) throw new DriverError(`the runtime's files are missing: ${hostPath}`);
    if (info.isDirectory()) mkdirSync(target, { recursive: true });
    else closeSync(openSync(target, 'a'));
    await this.place.mounts.bind(hostPath, target);
    return target;
  }
}

function requirePrograms() {
  if (process.platform !== 'linux') throw new DriverError('namespaces exist on Linux only');
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    throw new DriverError(`no seccomp filter for ${process.arch}`);
  const bwrap = findProgram('bwrap');
  if (bwrap === null) throw new DriverError('bubblewrap is missing: apt-get install bubblewrap');
  const launcher = nativeProgram('launcher');
  const mounthelper = nativeProgram('mounthelper');
  const agent = nativeProgram('agent');
  if (launcher === null || mounthelper === null || agent === null) {
    throw new DriverError('the native parts are not built: node setup/native.mjs (needs gcc and libc6-dev)');
  }
  if (!insideMountNamespace()) {
    throw new DriverError('not in a mount namespace of our own: start through the command of mountNamespaceCommand');
  }
  // Root of the machine, not of the user namespace we made: more than one user can be mapped.
  const privileged = process.getuid?.() === 0 && !inUserNamespace();
  return {
    bwrap,
    launcher,
    mounthelper,
    agent,
    privileged,
    mkfs: privileged ? findProgram('mkfs.ext4') : null,
  };
}
