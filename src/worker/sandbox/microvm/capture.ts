import { open } from 'node:fs/promises';
import { pageBytes } from '../../../chunks/layout.js';
import type { PageSource } from '../../../chunks/source.js';
import { secondMs } from '../../../kernel/units.js';
import type { CapturedMachine } from '../../../snapshot/store.js';
import { withinMs } from '../deadline.js';
import { extentsOf } from './extents.js';
import { alive, type Running } from './running.js';
import { scratchDriveBytes } from './scratch.js';

/** A guest stops its programs and writes out `/tmp` in milliseconds; emulated and on a busy machine in seconds. */
const quiesceMsMax = 30 * secondMs;

/**
 * Stops programs and machine and takes what a restore needs. The machine stays paused: its memory is read while it is
 * stored. `scratchPath`: the drive whose contents belong to the snapshot, or null.
 */
export async function captureRunning({ machine, link }: Running, scratchPath: string | null): Promise<CapturedMachine> {
  await alive(machine, withinMs(quiesceMsMax, 'the guest did not come to rest', link.quiesce()));
  await machine.pause();
  const { state, pages, read } = await machine.capture();
  return {
    memory: { pages, read },
    device: state,
    link: Buffer.from(JSON.stringify(link.suspend())),
    scratch: scratchPath === null ? null : { source: await driveSource(scratchPath), bytes: scratchDriveBytes },
  };
}

/** The pages of a sparse drive file that hold something, read as they are asked for. */
async function driveSource(path: string): Promise<PageSource> {
  const extents = await extentsOf(path);
  const pages = extents.flatMap(({ offset, bytes }) =>
    Array.from({ length: Math.ceil(bytes / pageBytes) }, (_, index) => offset / pageBytes + index),
  );
  return {
    pages: Uint32Array.from(pages),
    read: async (first, count) => {
      const file = await open(path, 'r');
      try {
        const { buffer } = await file.read(Buffer.alloc(count * pageBytes), 0, count * pageBytes, first * pageBytes);
        return buffer;
      } finally {
        await file.close();
      }
    },
  };
}
