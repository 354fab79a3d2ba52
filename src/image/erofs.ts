import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { runCommand } from './command.js';

/**
 * Makes an image of a folder that depends on nothing but the folder's contents: no times, one identity, root owns
 * everything. Uncompressed: pages are read singly, and equal pages of two images are stored once.
 */
export async function makeErofs(image: string, directory: string): Promise<void> {
  const identity = '68656172-7468-4000-8000-000000000000';
  await runCommand(['mkfs.erofs', '-T0', '-U', identity, '-x-1', '--all-root', image, directory]);
}

/** SHA-256 of a file, hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

export async function fileBytes(path: string): Promise<number> {
  return (await stat(path)).size;
}
