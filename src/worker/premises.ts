import type { FunctionSpec } from '../wire/functionspec.js';
import { BoxLink } from './boxlink.js';
import type { LaunchedProgram } from './extensions/messages.js';
import { findExtensions } from './extensions/programs.js';
import type { BoxBinding, SandboxDriver, Scratch } from './sandbox/driver.js';
import type { CodeSource } from './service.js';
import type { Surroundings } from './surroundings.js';

export type AcquiredCode = Awaited<ReturnType<CodeSource['acquire']>>;

/** A box of the function, bound to its code and scratch. */
export interface BoundBox {
  readonly link: BoxLink;
  /** External extensions, which the link has a crew for. */
  readonly extensions: readonly LaunchedProgram[];
  /** `restore`: from the function's snapshot. */
  readonly by: 'spare' | 'boot' | 'restore';
}

/** What all boxes of one sandbox share, one after the other: code and layers, and a scratch. */
export class Premises {
  readonly #spec: FunctionSpec;
  readonly #around: Surroundings;
  #code: AcquiredCode | null = null;
  #scratch: Scratch | null = null;

  constructor(spec: FunctionSpec, around: Surroundings) {
    this.#spec = spec;
    this.#around = around;
  }

  /** After the first `boot`. */
  get code(): AcquiredCode {
    return this.#code!;
  }

  /**
   * The next box: restored from the function's snapshot where it has one (and `restoring` says so), else a spare or one
   * booted now. `onLink` is called as soon as there is a box, which may fail afterwards: it has to be cleared away then.
   */
  async boot(onLink: (link: BoxLink) => void, restoring: boolean): Promise<BoundBox> {
    const spec = this.#spec;
    const { options } = this.#around;
    this.#code ??= await options.code.acquire(spec);
    const code = this.#code;
    const extensions = findExtensions(code.layersDirectory);
    if (restoring) {
      const link = await this.#restore(code);
      if (link !== null) {
        onLink(link);
        if (!link.alive) throw new Error('the box ended while it was restored');
        return { link, extensions: [], by: 'restore' };
      }
    }
    const starts = options.runtimes.startVariables(spec, code.libraries);
    const held = extensions.length > 0 || Object.keys(starts).length > 0;
    // Both to their end: what there is must be found and cleared away when there is not the other.
    const [box, scratch] = await Promise.allSettled([this.#around.box(spec, held), this.#room()]);
    if (box.status === 'rejected') throw box.reason;
    const { link, spare } = box.value;
    onLink(link);
    if (scratch.status === 'rejected') throw scratch.reason;
    if (!link.alive) throw new Error('the box ended while it waited');
    await link.box.bind(this.#binding(code, scratch.value));
    if (extensions.length > 0) link.crew = await link.box.crew();
    return { link, extensions, by: spare ? 'spare' : 'boot' };
  }

  async leave(): Promise<void> {
    this.#code?.release();
    await this.#scratch?.dispose().catch(() => {}); // Left to the driver's janitor.
  }

  async #room(): Promise<Scratch> {
    this.#scratch ??= await this.#around.options.driver.createScratch(this.#spec.ephemeralMib);
    return this.#scratch;
  }

  #binding({ codeDirectory, layersDirectory }: AcquiredCode, scratch: Scratch): BoxBinding {
    const { account, functionName, memoryMib } = this.#spec;
    return { codeDirectory, layersDirectory, scratch, memoryMib, owner: { account, functionName } };
  }

  /**
   * Null: there is no such snapshot any more, or it cannot be restored. The function then starts without, and somebody
   * is told, who makes a new one.
   */
  async #restore(code: AcquiredCode): Promise<BoxLink | null> {
    const { runtime, snapshot } = this.#spec;
    const { options } = this.#around;
    const { snapshots } = options.driver;
    if (snapshot === null || snapshots === null) return null;
    const binding = this.#binding(code, await this.#room());
    const { command } = await options.runtimes.launch(runtime);
    const client = options.runtimes.client?.(this.#spec) ?? null;
    try {
      if (!(await snapshots.has(snapshot))) throw new Error('it is gone');
      const box = await snapshots.restore({ boxId: this.#around.boxId(), id: snapshot, binding });
      options.snapshots?.used(this.#spec);
      const link = new BoxLink(box, command !== null && client === null, null, true);
      if (client !== null) link.hearClient();
      return link;
    } catch (error) {
      if (this.#around.closing()) throw error;
      options.snapshots?.lost(this.#spec, error instanceof Error ? error.message : String(error));
      return null;
    }
  }
}

/** A box with extensions is not saved: who they are and what they subscribed to is known to the worker only. */
export const extended = 'the function has extensions';

/** Saves an initialized box as the snapshot of its function. Null, or why there is none. */
export async function captureBox(
  link: BoxLink,
  { snapshot, account }: FunctionSpec,
  { snapshots }: SandboxDriver,
  extensions: boolean,
): Promise<string | null> {
  if (extensions) return extended;
  if (snapshot === null || snapshots === null) return 'snapshots cannot be taken here';
  try {
    await link.pause();
    await snapshots.capture(link.box, snapshot, account);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
