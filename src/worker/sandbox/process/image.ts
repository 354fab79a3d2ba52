import { spawn } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../driver.js';
import type { Mounts } from './mounts.js';

/** Formatting the largest size (10,240 MiB) takes well under a second on any disk: it only writes what is not zero. */
const formatMsMax = 30_000;
const blockBytes = 4096;
/** Templates kept as files, one per size in use; each takes a few hundred KiB of disk. */
const templatesMax = 16;

/** Makes empty ext4 images as sparse files: formatted once per size, then copied where they have data. */
export class Images {
  private readonly templates = new Map<number, Promise<string>>();
  private made = 0;

  /** `directory`: for the templates. */
  constructor(
    private readonly mkfs: string,
    private readonly mounts: Mounts,
    private readonly directory: string,
  ) {}

  /** Writes an image of `mib` MiB to the new file `path`. */
  async write(path: string, mib: number): Promise<void> {
    let template = this.templates.get(mib);
    if (!template) {
      this.forgetOldest();
      this.made += 1;
      template = this.format(join(this.directory, `template-${this.made}`), mib);
      this.templates.set(mib, template);
      template.catch(() => this.templates.delete(mib));
    }
    await this.mounts.copy(await template, path);
  }

  private forgetOldest(): void {
    const oldest = this.templates.entries().next().value;
    if (this.templates.size < templatesMax || !oldest) return;
    this.templates.delete(oldest[0]);
    // Only a name goes: a copy in progress has the file open, one asked for later fails and is asked for again.
    oldest[1].then((path) => rm(path, { force: true })).catch(() => {});
  }

  private async format(path: string, mib: number): Promise<string> {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.truncate(mib * 1024 * 1024);
    } finally {
      await file.close();
    }
    await this.mkfs4(path);
    return path;
  }

  private mkfs4(path: string): Promise<void> {
    // No journal: scratch data needs no recovery. Lazy tables: a kernel thread zeroes them, here they are zero.
    const options = ['-q', '-F', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard,root_owner=0:0', '-m', '0'];
    return new Promise((resolve, reject) => {
      const child = spawn(this.mkfs, [...options, '-b', String(blockBytes), path], {
        env: {},
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: formatMsMax,
        killSignal: 'SIGKILL',
      });
      let errors = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        errors = (errors + text).slice(-1000);
      });
      child.once('error', (error) => reject(new DriverError(`mkfs.ext4: ${error.message}`)));
      child.once('close', (code) => {
        if (code === 0) resolve();
        else reject(new DriverError(`mkfs.ext4 failed: ${errors.trim() || `status ${code}`}`));
      });
    });
  }
}
