import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../src/adapters/projectroot.js';
import { makeInitrd } from '../../../src/image/initrd.js';
import { takeKernel } from '../../../src/image/kernel.js';
import { downloadPackages, resolveMeta } from '../../../src/image/packages.js';
import type { Machine } from '../../../src/vmm/vmm.js';

/** A boot takes 3 s of emulation on a quiet machine. */
const answerMsMax = 120_000;

export interface TestGuest {
  readonly kernelPath: string;
  readonly initrdPath: string;
}

/** Debian's cloud kernel: a folder with `kernel`, `modules/` and their order. Rejects when it cannot be had. */
export async function cloudKernel(): Promise<string> {
  const cache = join(projectRoot, '.cache', 'vmmtest');
  const kernel = await resolveMeta('linux-image-cloud-amd64').catch((error: unknown) => error as Error);
  if (kernel instanceof Error) {
    // Without a network the one from last time is as good.
    const [old] = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('linux-image-')) : [];
    if (old === undefined) throw kernel;
    return join(cache, old);
  }
  const kernelFolder = join(cache, kernel.file.replace(/\.deb$/, ''));
  if (existsSync(kernelFolder)) return kernelFolder;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, 'unfinished-'));
  const packages = join(unfinished, 'packages');
  await downloadPackages([kernel], packages, () => {});
  await takeKernel(join(packages, kernel.file), unfinished);
  rmSync(packages, { recursive: true });
  chmodSync(unfinished, 0o755); // For tests that others than root run here.
  try {
    renameSync(unfinished, kernelFolder);
  } catch (error) {
    if (!existsSync(kernelFolder)) throw error;
    rmSync(unfinished, { recursive: true }); // Another test was quicker.
  }
  return kernelFolder;
}

/** The cloud kernel with the program of `guest.c` as its only one. Rejects when the kernel cannot be had. */
export async function makeTestGuest(folder: string): Promise<TestGuest> {
  const kernelFolder = await cloudKernel();
  const program = join(folder, 'guest');
  const source = join(projectRoot, 'test', 'contract', 'vmm', 'guest.c');
  const compiled = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-s', '-o', program, source], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(compiled.status, 0, compiled.stderr);
  const initrdPath = join(folder, 'initrd');
  writeFileSync(initrdPath, await makeInitrd(kernelFolder, readFileSync(program)));
  return { kernelPath: join(kernelFolder, 'kernel'), initrdPath };
}

/** What is said over a machine's channel: a line each way. */
export class Conversation {
  private text = '';
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly lines: string[] = [];

  constructor(private readonly machine: Machine) {
    machine.channel.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
      for (let end = this.text.indexOf('\n'); end >= 0; end = this.text.indexOf('\n')) {
        const line = this.text.slice(0, end);
        this.text = this.text.slice(end + 1);
        const next = this.waiting.shift();
        if (next) next(line);
        else this.lines.push(line);
      }
    });
  }

  /** Lines that nobody has waited for. */
  get unread(): number {
    return this.lines.length;
  }

  say(line: string): void {
    this.machine.channel.write(`${line}\n`);
  }

  next(): Promise<string> {
    const [line] = this.lines.splice(0, 1);
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer; console: ${this.machine.console()}`)), answerMsMax);
      const take = (text: string) => {
        clearTimeout(timer);
        resolve(text);
      };
      this.waiting.push(take);
      this.machine.exited.then(({ reason }) => {
        clearTimeout(timer);
        reject(new Error(`the machine ended: ${reason}; console: ${this.machine.console()}`));
      });
    });
  }

  ask(line: string): Promise<string> {
    const answer = this.next();
    this.say(line);
    return answer;
  }
}
