import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Mounts } from './mounts.js';

/** One end for us to read, one to give to a process. */
export interface OutputPipe {
  readonly read: Readable;
  readonly writeFd: number;
}

/**
 * A real pipe for standard output or error, as in Lambda. Node's own are sockets, which cannot be opened again:
 * `echo … > /dev/stderr` would fail in every shell script. The pipe has a name only while this function runs.
 */
export async function outputPipe(mounts: Mounts, path: string, uid: number): Promise<OutputPipe> {
  await mounts.fifo(path, uid);
  let reader: number | null = null;
  try {
    // The reader first and without waiting: opening the other end would block forever.
    reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    const read = new Socket({ fd: reader, readable: true, writable: false });
    return { read, writeFd };
  } catch (error) {
    if (reader !== null) closeSync(reader);
    throw error;
  } finally {
    unlinkSync(path);
  }
}
