/** A file of an archive; folders above it must come before it. */
export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  /** Type and permissions, as `stat` gives them: 0o100755, 0o040755. */
  readonly mode: number;
  readonly data?: Buffer;
}

export const directoryMode = 0o040755;
export const fileMode = 0o100644;
export const programMode = 0o100755;

const alignment = 4;
const trailer = 'TRAILER!!!';

/**
 * Writes a cpio archive in the `newc` format (kernel documentation, early-userspace/buffer-format): what the kernel
 * unpacks at its start. Owned by root, without times: the same entries give the same bytes.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const push = (bytes: Buffer) => {
    parts.push(bytes, Buffer.alloc((alignment - (bytes.length % alignment)) % alignment));
  };
  [...entries, { path: trailer, mode: 0 }].forEach(({ path, mode, data = Buffer.alloc(0) }: CpioEntry, index) => {
    const name = Buffer.from(`${path}\0`);
    const links = path === trailer ? 1 : mode === directoryMode ? 2 : 1;
    // Inode, mode, user, group, links, time, size, device (2), device of the file (2), bytes of the name, checksum.
    const numbers = [path === trailer ? 0 : index + 1, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
    const head = `070701${numbers.map((value) => value.toString(16).padStart(8, '0')).join('')}`;
    push(Buffer.concat([Buffer.from(head), name]));
    push(data);
  });
  return Buffer.concat(parts);
}
