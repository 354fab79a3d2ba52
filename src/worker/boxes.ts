import type { InitializationType } from '../wire/start.js';
import type { BoxLink, BoxOwner } from './boxlink.js';
import { type failureOf, noExit } from './exitmessage.js';
import { type Company, ExtensionHost } from './extensions/host.js';
import type { Initiation } from './initiation.js';
import type { SandboxLog } from './log/sandboxlog.js';
import type { MemoryPeak } from './memorypeak.js';
import type { ShutdownReason, WorkerInput } from './messages.js';
import { type BoundBox, captureBox, type Premises } from './premises.js';
import type { BoxExit } from './sandbox/driver.js';
import type { Surroundings } from './surroundings.js';

/** The sandbox that a box is for. */
export interface Resident extends BoxOwner {
  readonly spec: Initiation['spec'];
  startRuntime(): void;
  onBoxed(box: BoundBox): void;
  /** `failure`: what went wrong, where the exit does not tell. */
  onExit(exit: BoxExit, failure?: ReturnType<typeof failureOf>): void;
}

/** The boxes of one sandbox, one after the other: how they come and go, and who else is in them. */
export class Boxes {
  /** The box there is. */
  link: BoxLink | null = null;
  /** Of the box: there as soon as an extension is, which most functions have none of. */
  host: ExtensionHost | null = null;
  /** Number of the latest box. */
  boot = 0;
  /** Boots and kills follow each other, so that two boxes never share the scratch. */
  #sequence: Promise<void> = Promise.resolve();

  /** `step` tells the sandbox's machine. `initializationType` `snap-start`: they are made for the function's snapshot. */
  constructor(
    private readonly resident: Resident,
    private readonly step: (input: WorkerInput) => void,
    private readonly around: Surroundings,
    private readonly premises: Premises,
    private readonly log: SandboxLog,
    private readonly peak: MemoryPeak,
    readonly initializationType: InitializationType,
  ) {}

  start(boot: number): void {
    this.boot = boot;
    this.#sequence = this.#sequence.then(() => this.#start(boot));
  }

  capture(boot: number): void {
    this.#sequence = this.#sequence.then(async () => {
      const extended = this.host !== null;
      const problem = await captureBox(this.link!, this.resident.spec, this.around.options.driver, extended);
      this.step({ kind: 'captured', nowMs: this.#now(), boot, problem });
    });
  }

  kill(boot: number, reason: ShutdownReason): void {
    // Now, not in the sequence: a box that is up must stop running this instant, but for what its extensions get.
    const { link, host } = this;
    const farewell = host?.shutDown(reason) ?? null;
    this.host = null;
    if (link !== null) {
      this.peak.of(link.box, this.#now(), true);
      if (farewell !== null) link.own(farewell.owner);
      else {
        link.disown();
        void link.kill();
      }
    }
    this.#sequence = this.#sequence.then(async () => {
      await farewell?.over;
      host?.close();
      const last = this.link;
      this.link = null;
      this.log.capture.finish(this.around.clock.nowMs());
      if (last !== null) {
        last.disown();
        await last.kill();
      }
      this.step({ kind: 'cleared', nowMs: this.#now(), boot });
    });
  }

  /** Loads the function: by extensions, where there are some, which come first. */
  initialize(): void {
    if (this.link!.crew !== null) this.host!.launch(this.initiation());
    else this.resident.startRuntime();
  }

  initiation(): Initiation {
    const { options } = this.around;
    const { code } = this.premises;
    const { initializationType } = this;
    const { spec } = this.resident;
    return { link: this.link!, spec, options, code, logStream: this.log.stream, initializationType };
  }

  /** An extension of the runtime's process registers. `ready`: the function is initialized already. */
  admit(ready: boolean): void {
    this.host = new ExtensionHost(this.#company(this.link!, this.boot), ready);
  }

  async #start(boot: number): Promise<void> {
    const { runtimes } = this.around.options;
    const { spec } = this.resident;
    try {
      // A kill asked for meanwhile stands behind us in the sequence and finds the link.
      const onLink = (link: BoxLink) => {
        this.link = link;
        link.own(this.resident);
        // Known once the runtime was found, and that was before its box booted.
        this.log.runtimeVersion = runtimes.version(spec.runtime, spec.region);
      };
      const box = await this.premises.boot(onLink, this.initializationType !== 'snap-start');
      const { link, extensions, by } = box;
      this.resident.onBoxed(box);
      if (extensions.length > 0) this.host = new ExtensionHost(this.#company(link, boot), false, extensions);
      this.step({ kind: 'booted', nowMs: this.#now(), boot, restored: by === 'restore' });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.step({ kind: 'boot-failed', nowMs: this.#now(), boot, message });
    }
  }

  #company(link: BoxLink, boot: number): Company {
    const { resident, log } = this;
    const { clock, options } = this.around;
    return {
      spec: resident.spec,
      log,
      random: options.random,
      link,
      clock,
      startRuntime: () => resident.startRuntime(),
      onInitialized: () => this.step({ kind: 'init-done', nowMs: this.#now(), boot }),
      onInvoked: () => this.step({ kind: 'extensions-done', nowMs: this.#now(), boot }),
      onFailed: (errorType, message) => resident.onExit(noExit, { failure: { errorType, message } }),
      onRuntimeExit: (exit) => resident.onExit(exit),
    };
  }

  #now(): number {
    return this.around.clock.monotonicMs();
  }
}
