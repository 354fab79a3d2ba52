import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert } from '../../../kernel/assert.js';
import {
  type Box,
  DriverError,
  type Protection,
  type RuntimeLaunch,
  type SandboxDriver,
  type Scratch,
} from '../driver.js';
import { diesWithUs } from '../ownedcommand.js';
import { Janitor } from '../process/janitor.js';
import { newOwnerName } from '../process/owner.js';
import { DirectoryScratch } from './directoryscratch.js';
import { hostPaths } from './hostpaths.js';
import { NoneBox, runtimeApiServer } from './nonebox.js';

const boxesMax = 4096;

/** Plain child processes of the platform's own user: for trusted code where the machine gives no namespaces. */
export class NoneDriver implements SandboxDriver {
  readonly grade = 'none';
  readonly spareMemoryMibMax = Number.POSITIVE_INFINITY;
  readonly sparesPerAccount = false;
  readonly rehearses = false;
  readonly boxOwnMib = 0;
  readonly snapshots = null;
  private readonly boxes = new Map<string, NoneBox>();
  private closing: Promise<void> | null = null;

  private constructor(
    private readonly directory: string,
    private readonly janitor: Janitor,
    private readonly prefix: readonly string[],
  ) {}

  static async open(options: { readonly stateDirectory?: string } = {}): Promise<NoneDriver> {
    const state = options.stateDirectory ?? tmpdir();
    mkdirSync(state, { recursive: true });
    const directory = join(state, newOwnerName());
    mkdirSync(directory, { mode: 0o700 });
    return new NoneDriver(directory, Janitor.start([], [directory]), diesWithUs());
  }

  protections(): readonly Protection[] {
    const missing = (name: string, detail: string): Protection => ({ name, inForce: false, detail });
    const why = 'isolation grade none: functions run as the platform itself';
    return [
      missing('namespaces', why),
      missing('seccomp filter', why),
      missing('memory limit', why),
      missing('CPU share', why),
      missing('process limit', why),
      missing('/tmp of the configured size', 'TMPDIR names a folder per sandbox; /tmp is the machine’s'),
      { name: 'clean environment', inForce: true, detail: 'only what the function is given' },
      { name: 'freeze between invocations', inForce: true, detail: 'stop signal to the process group' },
    ];
  }

  async boot(request: { readonly boxId: string; readonly runtime: RuntimeLaunch }): Promise<Box> {
    const { boxId, runtime } = request;
    assert(!this.boxes.has(boxId), `box ${boxId} exists`);
    if (this.closing) throw new DriverError('the driver is closed');
    if (this.boxes.size >= boxesMax) throw new DriverError(`${boxesMax} sandboxes exist: no more in one worker`);
    const translate = (text: string) => hostPaths(text, runtime.mounts);
    const environment = Object.fromEntries(
      Object.entries(runtime.environment).map(([name, value]) => [name, translate(value)]),
    );
    const server = await runtimeApiServer();
    const box = new NoneBox({
      id: boxId,
      runtimeApi: server,
      prefix: this.prefix,
      translate,
      released: () => this.boxes.delete(boxId),
    });
    this.boxes.set(boxId, box);
    if (runtime.command !== null) {
      const problem = await box.spawn(runtime.command.map(translate), environment, this.directory);
      if (problem !== null) {
        await box.kill();
        throw new DriverError(`cannot start ${runtime.command[0]}: ${problem}`);
      }
    }
    return box;
  }

  async createScratch(mib: number): Promise<Scratch> {
    if (this.closing) throw new DriverError('the driver is closed');
    return new DirectoryScratch(mib, mkdtempSync(join(this.directory, 'tmp-')));
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      await Promise.allSettled([...this.boxes.values()].map((box) => box.kill()));
      await this.janitor.finish();
    })();
    return this.closing;
  }
}
