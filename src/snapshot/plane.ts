import type { Keyring, Scope } from '../chunks/keyring.js';
import type { ChunkReader, Manifest } from '../chunks/layout.js';
import { pageBytes } from '../chunks/layout.js';
import type { ManifestStore } from '../chunks/manifeststore.js';
import type { Packer, PackReport } from '../chunks/packer.js';
import { bufferSource, type PageSource } from '../chunks/source.js';
import { assert } from '../kernel/assert.js';
import type { Blob } from '../kernel/ports/blob.js';

/** A stored file: what its manifest is called, and the manifest. */
export interface StoredFile {
  readonly name: string;
  readonly manifest: Manifest;
}

export interface PlaneParts {
  /** Where records, manifests and chunks lie. */
  readonly blob: Blob;
  readonly keyring: Keyring;
  readonly manifests: ManifestStore;
  readonly packer: Packer;
  readonly reader: ChunkReader;
}

/** Stores files as chunks and manifests, and reads small ones back. */
export class Plane {
  constructor(readonly parts: PlaneParts) {}

  /**
   * Stores a file. `parent`: one whose pages it has where the source has none, and whose contents cost nothing again.
   * `bears`: others will be packed as its children, so the hashes of its pages are kept.
   */
  async store(request: {
    readonly scope: Scope;
    readonly source: PageSource;
    readonly bytes: number;
    readonly parent: (StoredFile & { readonly scope: Scope }) | null;
    readonly bears: boolean;
  }): Promise<StoredFile & { readonly report: PackReport }> {
    const { manifests, packer, keyring } = this.parts;
    const { scope, source, bytes, parent, bears } = request;
    const index = parent === null ? null : await manifests.index(parent.scope, parent.name, parent.manifest);
    const packed = await packer.pack({
      source,
      bytes,
      salt: keyring.salt(scope),
      parent: parent === null ? null : { name: parent.name, manifest: parent.manifest, index },
    });
    const name = await manifests.put(scope, packed.manifest, bears ? packed.index : null);
    return { name, manifest: packed.manifest, report: packed.report };
  }

  /** Stores bytes; returns the manifest's name. */
  async storeBytes(scope: Scope, bytes: Buffer): Promise<StoredFile & { readonly report: PackReport }> {
    const source = bufferSource(bytes);
    return this.store({ scope, source, bytes: source.bytes, parent: null, bears: false });
  }

  /** The first `bytes` bytes of a small stored file. Rejects with ChunkError. */
  async readBytes(scope: Scope, name: string, bytes: number): Promise<Buffer> {
    const manifest = await this.parts.manifests.get(scope, name);
    assert(bytes <= manifest.bytes, 'a file is as long as its record says');
    const whole = Buffer.alloc(manifest.bytes);
    await this.eachRun(manifest, (offset, content) => void whole.set(content, offset));
    return whole.subarray(0, bytes);
  }

  /** Calls back with every stored piece of a file, one at a time. Rejects with ChunkError, or what `take` rejects with. */
  async eachRun(manifest: Manifest, take: (offset: number, bytes: Buffer) => void | Promise<void>): Promise<void> {
    const runsOf = new Map<number, { page: number; slot: number; count: number }[]>();
    for (const run of manifest.runs) {
      const known = runsOf.get(run.chunk);
      if (known === undefined) runsOf.set(run.chunk, [run]);
      else known.push(run);
    }
    for (const [chunk, runs] of runsOf) {
      const plaintext = await this.parts.reader.read(manifest.chunks[chunk]!, 'fault');
      for (const { page, slot, count } of runs) {
        await take(page * pageBytes, plaintext.subarray(slot * pageBytes, (slot + count) * pageBytes));
      }
    }
  }
}
