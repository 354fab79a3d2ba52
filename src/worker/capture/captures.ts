import type { SandboxId } from '../../kernel/ids.js';
import type { FunctionSpec } from '../../wire/functionspec.js';
import { findExtensions } from '../extensions/programs.js';
import { LiveSandbox } from '../livesandbox.js';
import type { CaptureEnd } from '../messages.js';
import { extended } from '../premises.js';
import type { Surroundings } from '../surroundings.js';

/** Captures at a time: an init may take all cores, and minutes. */
export const capturesMax = 2;

/** The sandboxes that are made for snapshots: no part of the fleet that assignment knows. */
export class Captures {
  readonly sandboxes = new Set<LiveSandbox>();
  readonly #around: Surroundings;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #closed: (() => void) | null = null;

  constructor(around: Surroundings) {
    this.#around = { ...around, gone: (sandbox) => this.#gone(sandbox) };
  }

  /** Null: this function cannot be saved here. Never rejects; there are no more waiting than versions being published. */
  async capture(spec: FunctionSpec): Promise<CaptureEnd | null> {
    const { driver, code } = this.#around.options;
    if (driver.snapshots === null || spec.snapshot === null) return null;
    try {
      const { layersDirectory, release } = await code.acquire(spec);
      const external = findExtensions(layersDirectory).length > 0;
      release();
      if (external) return null;
    } catch (error) {
      return { kind: 'problem', message: error instanceof Error ? error.message : String(error) };
    }
    if (this.#running >= capturesMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    const end = await this.#run(spec);
    return end.kind === 'problem' && end.message === extended ? null : end;
  }

  /** Ends them all; resolves when nothing of them is left. */
  async close(): Promise<void> {
    const empty = new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
    for (const sandbox of [...this.sandboxes]) sandbox.order('abort');
    if (this.sandboxes.size === 0) return;
    await empty;
  }

  #run(spec: FunctionSpec): Promise<CaptureEnd> {
    if (this.#closed !== null) return Promise.resolve({ kind: 'aborted' });
    return new Promise((resolve) => {
      const id = this.#around.options.random.uuid() as SandboxId;
      const sandbox = new LiveSandbox(id, spec, this.#around, resolve);
      this.sandboxes.add(sandbox);
      sandbox.order('start');
    });
  }

  #gone(sandbox: LiveSandbox): void {
    this.sandboxes.delete(sandbox);
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
    if (this.sandboxes.size === 0) this.#closed?.();
  }
}
