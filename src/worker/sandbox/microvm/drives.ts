import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../../chunks/layout.js';
import { runtimeDriveBytes } from '../../../image/image.js';
import type { SparseFs } from '../../../sparsefs/sparsefs.js';
import type { Scratches } from './scratch.js';
import { imageDriveBytes } from './shape.js';

/** The drive files of one machine, in the order of its shape. */
export interface MachineDrives {
  readonly paths: readonly string[];
  readonly scratchPath: string;
  /** The image, when it is known whose box this is; once, and before the guest mounts it. */
  fillCode(image: Manifest): Promise<void>;
  fillLayers(image: Manifest): Promise<void>;
  /** Removes what is the machine's alone, but for a scratch that somebody keeps. The machine is gone. */
  dispose(keepScratch: boolean): Promise<void>;
}

/** What the drives of a machine show from the start; null: it is not known yet. */
export interface DriveContents {
  /** File of the runtime's image, of `runtimeDriveBytes`; null: none, the drive is empty. */
  readonly runtimePath: string | null;
  readonly code: Manifest | null;
  readonly layers: Manifest | null;
}

/** Makes drive files. Code and layers lie in the sparse file system: they arrive as they are read. */
export class Drives {
  readonly #emptyPath: string;
  #made = 0;

  /** `age`: a file system that had to be started again finds the drives of the one before. */
  constructor(
    private readonly fs: SparseFs,
    private readonly scratches: Scratches,
    private readonly rootPath: string,
    private readonly folder: string,
    private readonly age: number,
  ) {
    this.#emptyPath = join(folder, 'empty');
    const file = openSync(this.#emptyPath, 'w', 0o600);
    ftruncateSync(file, runtimeDriveBytes);
    closeSync(file);
  }

  /** Rejects with DriverError, or with the file system's error; nothing is left then. */
  async make({ runtimePath, code, layers }: DriveContents): Promise<MachineDrives> {
    this.#made += 1;
    const names = { code: `code-${this.#made}`, layers: `layers-${this.#made}` };
    const scratchPath = join(this.folder, `scratch-${this.age}-${this.#made}`);
    const expose = (name: string, manifest: Manifest | null) =>
      this.fs.expose(name, imageDriveBytes, manifest === null ? null : onDrive(manifest), 'stream');
    const made = await Promise.allSettled([
      expose(names.code, code),
      expose(names.layers, layers),
      this.scratches.makeDrive(scratchPath),
    ]);
    const dispose = async (keepScratch: boolean) => {
      // Without a server there are no files.
      await Promise.allSettled([this.fs.withdraw(names.code), this.fs.withdraw(names.layers)]);
      if (!keepScratch) await rm(scratchPath, { force: true });
    };
    for (const one of made) {
      if (one.status === 'fulfilled') continue;
      await dispose(false);
      throw one.reason;
    }
    const [codePath, layersPath] = made.map((one) => (one as PromiseFulfilledResult<string | undefined>).value);
    return {
      paths: [this.rootPath, runtimePath ?? this.#emptyPath, codePath!, layersPath!, scratchPath],
      scratchPath,
      fillCode: (image) => this.fs.fill(names.code, image),
      fillLayers: (image) => this.fs.fill(names.layers, image),
      dispose,
    };
  }
}

/** An image at the start of its drive; behind it is nothing. */
function onDrive(image: Manifest): Manifest {
  return { ...image, bytes: imageDriveBytes };
}
