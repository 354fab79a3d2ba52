import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { storeHeadBytes } from './protocol.js';
import type { StoreJob, StoreResult } from './storing.js';

// The thread of StoringThread: one write(2) a message. What the kernel does not take (the inode is gone, the mount
// ended, memory is short) is not counted: the page is read when somebody needs it.
parentPort?.on('message', ({ descriptor, buffer, lengths }: StoreJob) => {
  const bytes = new Uint8Array(buffer);
  let at = 0;
  let taken = 0;
  for (const length of lengths) {
    try {
      writeSync(descriptor, bytes, at, length);
      taken += length - storeHeadBytes;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBADF') throw error;
    }
    at += length;
  }
  const result: StoreResult = { buffer, taken };
  parentPort?.postMessage(result, [buffer]);
});
