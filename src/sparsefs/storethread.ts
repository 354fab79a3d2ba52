import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { pageBytes } from '../chunks/layout.js';
import { storeHeadBytes, writeStoreHead } from './protocol.js';
import { batchPagesMax, type StoreJob, type StoreResult, type ZeroJob } from './storing.js';

/** A head, to be filled in, and zeros behind it. */
const zeros = Buffer.alloc(storeHeadBytes + batchPagesMax * pageBytes);

/** Bytes of the message's contents that the kernel took. */
function write(descriptor: number, bytes: Uint8Array, at: number, length: number): number {
  try {
    writeSync(descriptor, bytes, at, length);
    return length - storeHeadBytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBADF') throw error;
    return 0;
  }
}

function storeZeros({ descriptor, node, ranges }: ZeroJob): StoreResult {
  let taken = 0;
  for (const { page, count } of ranges) {
    writeStoreHead(zeros, 0, node, page * pageBytes, count * pageBytes);
    taken += write(descriptor, zeros, 0, storeHeadBytes + count * pageBytes);
  }
  return { buffer: null, taken };
}

// The thread of StoringThread: one write(2) a message. What the kernel does not take (the inode is gone, the mount
// ended, memory is short) is not counted: the page is read when somebody needs it.
parentPort?.on('message', (job: StoreJob | ZeroJob) => {
  if ('ranges' in job) {
    parentPort?.postMessage(storeZeros(job));
    return;
  }
  const { descriptor, buffer, lengths } = job;
  const bytes = new Uint8Array(buffer);
  let at = 0;
  let taken = 0;
  for (const length of lengths) {
    taken += write(descriptor, bytes, at, length);
    at += length;
  }
  const result: StoreResult = { buffer, taken };
  parentPort?.postMessage(result, [buffer]);
});
