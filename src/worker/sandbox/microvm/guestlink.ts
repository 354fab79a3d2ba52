import { constants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { mib, secondMs } from '../../../kernel/units.js';
import { withinMs } from '../deadline.js';
import { type BoxExit, type BoxSocket, type Crew, DriverError } from '../driver.js';
import { startMessage } from '../startmessage.js';
import { GuestServer } from './guestserver.js';
import { linkAttach, linkReport, linkRequest, linkVersion } from './linkframes.js';
import { LinkSwitch, type SwitchState } from './linkswitch.js';

/** What is asked of a guest takes milliseconds; one that needs longer under emulation on a busy machine still answers. */
const answerMsMax = 20 * secondMs;
const entropyBytesMin = 32;
const entropyBytesMax = 512;

/** Of two names of one number the first counts: SIGABRT, not SIGIOT. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** Everything about the link that is not in the guest's memory; as JSON. */
export interface LinkState {
  readonly version: number;
  readonly link: SwitchState;
  readonly peakBytes: number;
}

/** Drives to mount; `memoryMib`: limit of what runs in the guest, MiB. */
export interface Attachment {
  readonly runtime?: boolean;
  readonly code?: boolean;
  readonly layers?: boolean;
  readonly scratch?: boolean;
  readonly memoryMib?: number;
}

/** What makes a restored guest different from every other. */
export interface Renewal {
  /** 32 to 512 bytes for the kernel's random generators. */
  readonly entropy: Uint8Array;
  /** Wall clock, epoch milliseconds. */
  readonly clockMs: number;
  /** At most 64 characters. */
  readonly hostName: string;
}

/**
 * The worker's end of the link to a virtual machine's agent: gives a box its streams, and asks the agent for the rest.
 * All methods may be called after the machine's end; they then do nothing or reject with DriverError.
 */
export class GuestLink {
  readonly channel: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly runtimeApi = new GuestServer();
  /** How the runtime ended, or SIGKILL when the machine did; with a crew only the latter. */
  readonly exited: Promise<BoxExit>;
  /** Resolves when the agent serves; rejects with DriverError when the machine ends before. */
  readonly ready: Promise<void>;
  /** Resolves with the reason when there is no link any more. */
  readonly ended: Promise<string>;
  readonly #switch: LinkSwitch;
  readonly #answers: { request: number; tell: (failure: string | null) => void }[] = [];
  #peakBytes = 0;
  #limitMib = Number.POSITIVE_INFINITY;
  #crew: GuestCrew | null = null;
  #over: string | null = null;
  #exit: (exit: BoxExit) => void = () => {};
  #settleReady: (failure: string | null) => void = () => {};
  #end: (reason: string) => void = () => {};

  /** `channel`: the machine's port (`Machine.channel`). With a state: the link of a machine restored from then. */
  constructor(channel: Duplex, state: LinkState | null = null) {
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = (failure) => (failure === null ? resolve() : reject(new DriverError(failure)));
    });
    this.ready.catch(() => {});
    this.#peakBytes = state?.peakBytes ?? 0;
    this.#switch = new LinkSwitch(
      channel,
      {
        onReport: (type, body) => this.#report(type, body),
        onConnection: (socket) => this.runtimeApi.receive(socket),
        onEnd: (reason) => this.#ended(reason),
      },
      state?.link ?? null,
    );
    if (state !== null) this.#settleReady(null);
    this.channel = this.#switch.channel;
    this.stdout = this.#switch.stdout;
    this.stderr = this.#switch.stderr;
  }

  /** Mounts drives and sets the memory limit. Rejects with DriverError: what failed, in the guest's words. */
  async attach(what: Attachment): Promise<void> {
    const { runtime = false, code = false, layers = false, scratch = false, memoryMib } = what;
    const bits =
      (runtime ? linkAttach.runtime : 0) |
      (code ? linkAttach.code : 0) |
      (layers ? linkAttach.layers : 0) |
      (scratch ? linkAttach.scratch : 0) |
      (memoryMib === undefined ? 0 : linkAttach.limit);
    const body = Buffer.alloc(8);
    body.writeUInt32LE(bits, 0);
    body.writeUInt32LE(memoryMib ?? 0, 4);
    if (memoryMib !== undefined) this.#limitMib = memoryMib;
    await this.#ask(linkRequest.attach, body);
  }

  /** Starts the runtime, with exactly this environment; in `/var/task` once code is attached. */
  start(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    { keepsChannel }: { readonly keepsChannel: boolean },
  ): void {
    this.#switch.request(linkRequest.start, startMessage(command, environment, { keepsChannel }));
  }

  /** From now on only the machine's end ends the box. */
  crew(): Crew {
    if (this.#over !== null) throw new DriverError(this.#over);
    this.#crew ??= new GuestCrew(this.#switch);
    return this.#crew;
  }

  /** Program 0 is the runtime. SIGKILL goes to everything that the program started, too. */
  signal(program: number, name: 'SIGTERM' | 'SIGKILL'): void {
    this.#switch.request(linkRequest.signal, Buffer.from([program, constants.signals[name]]));
  }

  /** Connects to a port of the guest's loopback. Rejects with DriverError when nobody listens there. */
  async connect(port: number): Promise<BoxSocket> {
    if (this.#over !== null) throw new DriverError(this.#over);
    const socket = await withinMs(answerMsMax, 'the guest did not connect', this.#switch.connect(port));
    if (socket === null) throw new DriverError(`nobody listens on port ${port} of the sandbox`);
    return socket;
  }

  /** As the agent told it last, MiB rounded up: it does so before what the runtime answers, and when a program ends. */
  get peakMib(): number | null {
    if (this.#peakBytes === 0) return null;
    return Math.min(Math.ceil(this.#peakBytes / mib), this.#limitMib);
  }

  /**
   * Stops all programs in the guest and both directions of the link, and writes `/tmp` out: nothing is on its way any
   * more. Then the machine can be paused and saved, with `suspend`. Ends with `resume`. Rejects with DriverError.
   */
  async quiesce(): Promise<void> {
    const answer = this.#ask(linkRequest.quiesce, Buffer.alloc(0));
    this.#switch.sleep();
    await answer.catch((error) => {
      this.#switch.wake();
      throw error;
    });
  }

  /** After `quiesce`: the link's part of a snapshot. Throws DriverError when this sandbox cannot be saved now. */
  suspend(): LinkState {
    return { version: linkVersion, link: this.#switch.state(), peakBytes: this.#peakBytes };
  }

  /**
   * Ends `quiesce`. A restored machine becomes one of its own before any of its programs runs. Without a renewal the
   * machine goes on as it was. Rejects with DriverError.
   */
  resume(renewal: Renewal | null = null): Promise<void> {
    if (renewal === null) return this.#resume(0, '', Buffer.alloc(0));
    const { entropy, clockMs, hostName } = renewal;
    if (entropy.length < entropyBytesMin || entropy.length > entropyBytesMax) {
      return Promise.reject(new DriverError(`${entropy.length} bytes of entropy`));
    }
    return this.#resume(clockMs, hostName, entropy);
  }

  /** Sets the clock of a guest whose programs run. Rejects with DriverError. */
  setClock(clockMs: number): Promise<void> {
    return this.#resume(clockMs, '', Buffer.alloc(0));
  }

  async #resume(clockMs: number, hostName: string, entropy: Uint8Array): Promise<void> {
    const name = Buffer.from(hostName);
    const head = Buffer.alloc(10);
    head.writeBigUInt64LE(BigInt(Math.round(clockMs * 1000)) * 1000n, 0);
    head.writeUInt16LE(name.length, 8);
    const answer = this.#ask(linkRequest.resume, Buffer.concat([head, name, entropy]));
    // After the request in the same stream of bytes: the guest has resumed before it sees what follows.
    this.#switch.wake();
    await answer;
  }

  /** The machine is gone. */
  close(reason = 'the machine ended'): void {
    this.#switch.end(reason);
  }

  #ask(request: number, body: Uint8Array): Promise<void> {
    if (this.#over !== null) return Promise.reject(new DriverError(this.#over));
    const answer = new Promise<void>((resolve, reject) => {
      this.#answers.push({
        request,
        tell: (failure) => (failure === null ? resolve() : reject(new DriverError(failure))),
      });
    });
    this.#switch.request(request, body);
    return withinMs(answerMsMax, 'the guest did not answer', answer);
  }

  #report(type: number, body: Buffer): void {
    if (type === linkReport.hello && body.length >= 4) {
      const version = body.readUInt32LE(0);
      this.#settleReady(version === linkVersion ? null : `the guest speaks version ${version} of the link`);
    } else if (type === linkReport.done && body.length >= 5) {
      const answer = this.#answers.shift();
      if (answer === undefined || answer.request !== body[0]) this.close('the guest answered what was not asked');
      else answer.tell(body.readUInt32LE(1) === 0 ? null : body.toString('utf8', 5));
    } else if (type === linkReport.exit && body.length === 7) this.#programEnded(body);
    else if (type === linkReport.peak && body.length === 8) this.#peakBytes = Number(body.readBigUInt64LE(0));
  }

  #programEnded(body: Buffer): void {
    const signal = signalNames.get(body[1]!) ?? null;
    const exit = {
      code: signal === null ? body.readInt32LE(3) : null,
      signal,
      outOfMemory: body[2] === 1 && signal === 'SIGKILL',
    };
    if (this.#crew !== null) this.#crew.onExit(body[0]!, exit);
    else if (body[0] === 0) this.#exit(exit);
  }

  #ended(reason: string): void {
    this.#over = reason;
    this.#settleReady(reason);
    for (const { tell } of this.#answers.splice(0)) tell(reason);
    this.#exit({ code: null, signal: 'SIGKILL', outOfMemory: false });
    this.#end(reason);
  }
}

/** External extensions of a guest. */
class GuestCrew implements Crew {
  readonly output: Readable;
  onExit: (program: number, exit: BoxExit) => void = () => {};
  readonly #switch: LinkSwitch;

  constructor(link: LinkSwitch) {
    this.#switch = link;
    this.output = link.extensions;
  }

  start(command: readonly string[], environment: Readonly<Record<string, string>>): void {
    this.#switch.request(linkRequest.start, startMessage(command, environment, { beside: true }));
  }

  signal(program: number, name: 'SIGTERM' | 'SIGKILL'): void {
    this.#switch.request(linkRequest.signal, Buffer.from([program, constants.signals[name]]));
  }
}
