import { mib } from '../kernel/units.js';

/** What a virtual machine starts from. Paths are on this machine, files are never changed once they are there. */
export interface GuestImage {
  /** 64 hexadecimal digits: hash of kernel, initial file system, root image and command line. */
  readonly id: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly commandLine: string;
  /** erofs, read-only drive `/dev/vda` of the guest. */
  readonly rootPath: string;
  readonly rootBytes: number;
  /** For reports: `6.1.0-56-cloud-amd64`. */
  readonly kernelVersion: string;
  /** Packages of the root file system with their versions, sorted: `bash_5.2.15-2+b13_amd64.deb`. */
  readonly packages: readonly string[];
}

/** Size of every runtime's drive: a Node or Python with everything it brings takes some 100 MB. */
export const runtimeDriveBytes = 1024 * mib;

/** A managed runtime's files as a read-only drive, `/dev/vdb` of the guest. */
export interface RuntimeImage {
  /** 64 hexadecimal digits: hash of the image. */
  readonly id: string;
  /** erofs, with `/var/lang` and `/var/runtime` in it. */
  readonly path: string;
  /** `runtimeDriveBytes`. */
  readonly bytes: number;
}

export interface ImageProgress {
  readonly phase: 'resolve' | 'download' | 'unpack' | 'compile' | 'pack' | 'done';
  /** Of the phase: 0–1, or null where it is not known. */
  readonly fraction: number | null;
}

/** The image could not be built. The message says what to do. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
