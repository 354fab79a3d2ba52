import { rm } from 'node:fs/promises';
import type { Scratch } from '../driver.js';

/** A folder of its own, nothing more: no size limit. */
export class DirectoryScratch implements Scratch {
  constructor(
    readonly mib: number,
    readonly directory: string,
  ) {}

  dispose(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}
