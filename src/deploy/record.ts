import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from './converge.js';

export interface RecordedResource {
  readonly type: string;
  readonly identity: Identity;
}

/** What a stack has deployed, so that the next deployment finds what its template no longer has. */
export class StackRecord {
  readonly #file: string;
  readonly resources: Map<string, RecordedResource>;

  private constructor(file: string, resources: Map<string, RecordedResource>) {
    this.#file = file;
    this.resources = resources;
  }

  /** One file per account, region and stack in the platform's data folder. */
  static open(dataFolder: string, account: string, region: string, stack: string): StackRecord {
    const folder = join(dataFolder, 'stacks', account, region);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, `${stack}.json`);
    let known: [string, RecordedResource][] = [];
    try {
      known = Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, RecordedResource>);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return new StackRecord(file, new Map(known));
  }

  /** Replaces the file in one step: a crash leaves the old or the new one. */
  save(): void {
    const temporary = `${this.#file}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(Object.fromEntries(this.resources), null, 2)}\n`, { mode: 0o600 });
    renameSync(temporary, this.#file);
  }
}
