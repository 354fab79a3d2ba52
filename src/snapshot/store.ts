import { platformScope, type Scope } from '../chunks/keyring.js';
import type { Manifest } from '../chunks/layout.js';
import type { PageSource } from '../chunks/source.js';
import { mib } from '../kernel/units.js';
import { type AccessLog, decodeLog, emptyLog, encodeLog } from './accesslog.js';
import type { Plane, StoredFile } from './plane.js';
import { isSnapshotId, type LayerKind, manifestsOf, recordName, type SnapshotRecord } from './record.js';

const folder = 'snapshots/';
/** What is attached to the manifests of memories. */
export const logKind = 'accesslog';
/** Snapshots whose manifest and state stay in memory: some 200 KiB each. */
const cachedMax = 64;

/** What a machine consisted of when it was captured. */
export interface CapturedMachine {
  readonly memory: PageSource;
  readonly device: Buffer;
  readonly link: Buffer;
  /** Pages of the scratch drive that hold something, with the drive's size; null: nothing is on it. */
  readonly scratch: { readonly source: PageSource; readonly bytes: number } | null;
}

/** A snapshot as a restore needs it. */
export interface LoadedSnapshot {
  readonly record: SnapshotRecord;
  readonly memory: Manifest;
  readonly device: Buffer;
  readonly link: Buffer;
}

type Identity = Pick<
  SnapshotRecord,
  'layer' | 'id' | 'basis' | 'account' | 'memoryMib' | 'runtime' | 'code' | 'layers' | 'createdMs'
>;

/** Snapshots: a record each (`snapshots/ACCOUNT.LAYER.ID`), their bytes in the chunk plane. */
export class SnapshotStore {
  readonly #plane: Plane;
  readonly #cache = new Map<string, Promise<LoadedSnapshot>>();

  constructor(plane: Plane) {
    this.#plane = plane;
  }

  /** Stores a capture, in place of one of the same name. Rejects when anything of it could not be stored. */
  async save(identity: Identity, machine: CapturedMachine, parent: LoadedSnapshot | null): Promise<SnapshotRecord> {
    const { account, layer, id, memoryMib } = identity;
    const scope: Scope = account;
    const memory = await this.#plane.store({
      scope,
      source: machine.memory,
      bytes: memoryMib * mib,
      parent:
        parent === null ? null : { name: parent.record.memory, manifest: parent.memory, scope: parent.record.account },
      // Nobody builds upon a function's layer.
      bears: layer !== 'function',
    });
    const state = await this.#plane.storeBytes(scope, Buffer.concat([machine.device, machine.link]));
    const scratch =
      machine.scratch === null
        ? null
        : await this.#plane.store({ scope, ...machine.scratch, parent: null, bears: false });
    const reports = [memory.report, state.report, ...(scratch === null ? [] : [scratch.report])];
    const sum = (of: 'uniqueBytes' | 'storedBytes') => reports.reduce((total, report) => total + report[of], 0);
    const record: SnapshotRecord = {
      ...identity,
      memory: memory.name,
      state: state.name,
      deviceBytes: machine.device.length,
      linkBytes: machine.link.length,
      scratch: scratch?.name ?? null,
      sizes: { logicalBytes: memoryMib * mib, uniqueBytes: sum('uniqueBytes'), storedBytes: sum('storedBytes') },
      parent: parent?.record.id ?? null,
    };
    const before = await this.find(account, layer, id);
    const name = recordName(account, layer, id);
    await this.#plane.parts.blob.put(folder + name, Buffer.from(JSON.stringify(record)));
    this.#cache.delete(name);
    if (before !== null) await this.#forget(before);
    return record;
  }

  async find(account: string, layer: LayerKind, id: string): Promise<SnapshotRecord | null> {
    if (!isSnapshotId(id)) return null;
    const bytes = await this.#plane.parts.blob.get(folder + recordName(account, layer, id));
    return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString('utf8')) as SnapshotRecord);
  }

  /** Everything a restore of it needs but its pages. Rejects with ChunkError. */
  load(record: SnapshotRecord): Promise<LoadedSnapshot> {
    const name = recordName(record.account, record.layer, record.id);
    const known = this.#cache.get(name);
    if (known !== undefined) {
      this.#cache.delete(name);
      this.#cache.set(name, known);
      return known;
    }
    const loading = this.#load(record);
    this.#cache.set(name, loading);
    loading.catch(() => this.#cache.delete(name));
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > cachedMax && oldest !== undefined) this.#cache.delete(oldest);
    return loading;
  }

  /** Why a snapshot cannot be restored: a chunk that no tier has intact, say. Reads all of it. Null: it can. */
  async damage(record: SnapshotRecord): Promise<string | null> {
    try {
      const { memory } = await this.#load(record);
      for (const chunk of memory.chunks) await this.#plane.parts.reader.read(chunk, 'background');
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Whatever names the manifest `before` of an account names `after` from now on. While nothing else is stored. */
  async rename(account: string, before: string, after: string): Promise<void> {
    const renamed = (name: string | null) => (name === before ? after : name);
    for (const record of await this.all()) {
      if (record.account !== account || !manifestsOf(record).includes(before)) continue;
      const changed: SnapshotRecord = {
        ...record,
        memory: renamed(record.memory)!,
        state: renamed(record.state)!,
        scratch: renamed(record.scratch),
        code: renamed(record.code),
        layers: renamed(record.layers),
      };
      const name = recordName(account, record.layer, record.id);
      await this.#plane.parts.blob.put(folder + name, Buffer.from(JSON.stringify(changed)));
      this.#cache.delete(name);
    }
  }

  /** Of one account and of the platform. */
  async list(account: string): Promise<readonly SnapshotRecord[]> {
    const all = await this.all();
    return all.filter((record) => record.account === account || record.account === platformScope);
  }

  async remove(record: SnapshotRecord): Promise<void> {
    const name = recordName(record.account, record.layer, record.id);
    await this.#plane.parts.blob.delete(folder + name);
    this.#cache.delete(name);
    await this.#forget(record);
  }

  async accessLog(record: SnapshotRecord): Promise<AccessLog> {
    const { manifests } = this.#plane.parts;
    const bytes = await manifests.attachment(record.account, record.memory, logKind).catch(() => null);
    return (bytes === null ? null : decodeLog(bytes)) ?? emptyLog;
  }

  async saveAccessLog(record: SnapshotRecord, log: AccessLog): Promise<void> {
    await this.#plane.parts.manifests.attach(record.account, record.memory, logKind, encodeLog(log));
  }

  /** The manifest of a file that a record names. */
  async file(account: string, name: string): Promise<StoredFile> {
    return { name, manifest: await this.#plane.parts.manifests.get(account, name) };
  }

  /** Calls back with every stored piece of a file that a record names. */
  async readInto(
    account: string,
    name: string,
    take: (offset: number, bytes: Buffer) => void | Promise<void>,
  ): Promise<void> {
    await this.#plane.eachRun(await this.#plane.parts.manifests.get(account, name), take);
  }

  /** Of all accounts. */
  async all(): Promise<readonly SnapshotRecord[]> {
    const { blob } = this.#plane.parts;
    const found = await Promise.all((await blob.list(folder)).map((key) => blob.get(key)));
    return found.flatMap((bytes) => (bytes === null ? [] : [JSON.parse(Buffer.from(bytes).toString('utf8'))]));
  }

  async #load(record: SnapshotRecord): Promise<LoadedSnapshot> {
    const { account, deviceBytes, linkBytes } = record;
    const [memory, state] = await Promise.all([
      this.#plane.parts.manifests.get(account, record.memory),
      this.#plane.readBytes(account, record.state, deviceBytes + linkBytes),
    ]);
    return { record, memory, device: state.subarray(0, deviceBytes), link: state.subarray(deviceBytes) };
  }

  /** Names of the manifests that an account's snapshots need. */
  async needed(account: string): Promise<ReadonlySet<string>> {
    const records = await this.list(account);
    return new Set(records.filter((record) => record.account === account).flatMap(manifestsOf));
  }

  /** Manifests are named by what is in them: another record may need the same one. */
  async #forget(record: SnapshotRecord): Promise<void> {
    const needed = await this.needed(record.account);
    const { memory, state, scratch } = record;
    for (const name of new Set([memory, state, scratch])) {
      if (name !== null && !needed.has(name)) await this.#plane.parts.manifests.delete(record.account, name);
    }
  }
}
