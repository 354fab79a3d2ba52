import type { Readable } from 'node:stream';
import { secondMs } from '../kernel/units.js';
import { type FrameType, frameType, type RestoreBody } from '../wire/channel/frames.js';
import { encodeFrame, FrameReader } from './channel.js';
import { TelemetryFrames } from './log/telemetryframes.js';
import { RuntimeApi, type RuntimeApiEvents } from './runtimeapi/runtimeapi.js';
import type { Box, BoxExit, Crew, RuntimeLaunch } from './sandbox/driver.js';
import type { RuntimeClient } from './service.js';

/** Who owns the box now. A spare has no owner: what it says besides HELLO is dropped. */
export interface BoxOwner extends RuntimeApiEvents {
  onFrame(type: FrameType, body: Buffer): void;
  onOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  /** Once; everything the box said before has been handed on. */
  onExit(exit: BoxExit): void;
}

/** Owns a box that concerns nobody. */
export const nobody: BoxOwner = {
  onFrame() {},
  onOutput() {},
  onExit() {},
  onInitDone() {},
  onInitError() {},
  onResponse() {},
  onError() {},
  onStream: () => null,
  onRestoreDone() {},
  onRestoreError() {},
  onOther: () => false,
};

/** A closed channel is followed by the exit within this time, or the box is killed: nobody is left to talk to. */
const exitMsMax = secondMs;
/** What a runtime does before it is saved, it has done in milliseconds; without hardware virtualization in tens. */
const pauseMsMax = 10 * secondMs;
/** Playing through what a start does takes an emulated machine some 300 ms. */
const rehearseMsMax = 10 * secondMs;

/**
 * Calls back after libuv has polled the sockets and pipes once more: the first `setImmediate` ends the poll phase we
 * may be in, the second comes after the next whole one. What was in a pipe before is then read.
 */
export function afterPoll(action: () => void): void {
  setImmediate(() => setImmediate(action));
}

/** One booted box with everything that listens to it, from its boot on; its owner changes once, from nobody. */
export class BoxLink {
  readonly box: Box;
  readonly api: RuntimeApi;
  /** The box takes INIT and INVOKE over the channel; false: it uses the Runtime API. */
  readonly managed: boolean;
  /** A managed runtime that was not started yet: it has to start with its function's variables. */
  readonly held: RuntimeLaunch | null;
  /** Resolves true on HELLO (at once for what is started later), false when the box ended or broke before. */
  readonly greeted: Promise<boolean>;
  exited = false;
  /** External extensions run beside the runtime: its end is not the box's. */
  crew: Crew | null = null;
  /** Not to be frozen any more: its shutdown phase has begun. */
  leaving = false;
  #owner: BoxOwner = nobody;
  #greet: (alive: boolean) => void = () => {};
  #frozen = false;
  #killed: Promise<void> | null = null;
  /** A frame that was asked for. */
  #awaited: { readonly type: number; readonly heard: () => void } | null = null;
  #client = false;
  /** What comes was said before the snapshot: up to PAUSED, it is heard once more. */
  #echoing = false;

  /** `restored`: from the function's snapshot; its runtime waits for `restore`. */
  constructor(box: Box, managed: boolean, held: RuntimeLaunch | null = null, restored = false) {
    this.box = box;
    this.managed = managed;
    this.held = held;
    this.greeted = new Promise((resolve) => {
      this.#greet = resolve;
    });
    this.api = new RuntimeApi(box.runtimeApi, !managed, {
      onInitDone: () => this.#owner.onInitDone(),
      onInitError: (type, payload) => this.#owner.onInitError(type, payload),
      onResponse: (id, payload, bytes) => this.#owner.onResponse(id, payload, bytes),
      onError: (id, type, payload, bytes) => this.#owner.onError(id, type, payload, bytes),
      onStream: (id, contentType, flow) => this.#owner.onStream(id, contentType, flow),
      onRestoreDone: () => this.#owner.onRestoreDone(),
      onRestoreError: (type, payload) => this.#owner.onRestoreError(type, payload),
      onOther: (request, connection) => this.#owner.onOther(request, connection),
    });
    this.#echoing = restored;
    if (restored) this.api.expectRestore();
    this.#listen(box.stdout, 'stdout');
    this.#listen(box.stderr, 'stderr');
    box.channel.on('error', () => box.channel.destroy());
    if (managed) this.#read();
    if (!managed || held !== null || restored) this.#greet(true);
    box.exited.then((exit) => afterPoll(() => this.#end(exit)));
  }

  get alive(): boolean {
    return !this.exited && this.#killed === null;
  }

  own(owner: BoxOwner): void {
    this.#owner = owner;
  }

  /** From now on the box's words concern nobody. */
  disown(): void {
    this.#owner = nobody;
  }

  /** Starts a held runtime, through the function's wrapper if it has one; the channel is the runtime's from then on. */
  startHeld(environment: Readonly<Record<string, string>>, wrapper = ''): void {
    if (this.held === null) return;
    const command = wrapper === '' ? this.held.command! : [wrapper, ...this.held.command!];
    this.box.start(command, { ...this.held.environment, ...environment }, true);
  }

  /** Starts an official runtime client, which takes invocations over the Runtime API and logs over the channel. */
  startClient(client: RuntimeClient, environment: Readonly<Record<string, string>>, wrapper = ''): void {
    const command = wrapper === '' ? client.command : [wrapper, ...client.command];
    this.box.start(command, { ...environment, ...client.environment }, true);
    this.hearClient();
  }

  /** Takes the log of an official runtime client that runs. */
  hearClient(): void {
    this.#client = true;
    const frames = new TelemetryFrames((body) => this.#owner.onFrame(frameType.log, body));
    this.box.channel.on('data', (chunk: Buffer) => {
      if (this.alive && !frames.push(chunk)) this.break();
    });
  }

  /** Resolves when the runtime says nothing more until it is restored; rejects when it does not come to that. */
  async pause(): Promise<void> {
    if (!this.managed) {
      // Nobody reads it. It ends what a saved channel tells once more: what came since something was written to it.
      if (this.#client) this.box.channel.write(Buffer.of(0));
      return;
    }
    if (!(await this.#asked(frameType.pause, pauseMsMax)))
      throw new Error('the runtime does not stand still for its snapshot');
  }

  /**
   * A runtime that waits plays through what comes next, so that it is quick then: for where that matters (`rehearses` of
   * the driver). False: it did not say that it has.
   */
  async rehearse(): Promise<boolean> {
    return !this.managed || (await this.#asked(frameType.rehearse, rehearseMsMax));
  }

  /** Sends a frame whose answer has the next number. False: the box ended, or does not answer. */
  async #asked(type: FrameType, msMax: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<boolean>((resolve) => {
      this.#awaited = { type: type + 1, heard: () => resolve(true) };
      timer = setTimeout(() => resolve(false), msMax);
      void this.box.exited.then(() => resolve(false));
    });
    this.box.channel.write(encodeFrame(type, Buffer.alloc(0)));
    const done = await answered;
    clearTimeout(timer);
    this.#awaited = null;
    return done;
  }

  /** Tells a restored runtime that it runs again; its owner hears how that went. */
  restore(body: RestoreBody): void {
    if (this.managed) this.box.channel.write(encodeFrame(frameType.restore, Buffer.from(JSON.stringify(body))));
    else this.api.release();
  }

  /** An invocation is over. */
  invoked(): void {
    this.api.end();
    this.box.settled?.();
  }

  freeze(): void {
    if (this.#frozen || this.leaving || !this.alive) return;
    this.#frozen = true;
    this.box.freeze();
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    this.box.thaw();
  }

  /** Something of it was killed while it was frozen, and ends when it is thawed. */
  get doomed(): boolean {
    return this.#frozen && this.alive && this.box.doomed?.() === true;
  }

  /** Idempotent; resolves when nothing of the box is left. A driver that cannot clear it away is not waited for. */
  kill(): Promise<void> {
    this.#killed ??= this.#kill();
    return this.#killed;
  }

  async #kill(): Promise<void> {
    this.#greet(false);
    this.api.detach();
    try {
      await this.box.kill();
    } catch {
      // The driver's janitor retries; the sandbox is over either way.
    }
  }

  #read(): void {
    const { channel } = this.box;
    const reader = new FrameReader((type, body) => {
      if (type === frameType.hello) this.#greet(true);
      else if (type === frameType.paused || type === frameType.rehearsed) {
        this.#echoing = false;
        if (this.#awaited?.type === type) this.#awaited.heard();
      } else if (!this.#echoing || type !== frameType.log) this.#owner.onFrame(type, body);
    });
    channel.on('data', (chunk: Buffer) => {
      if (!this.alive) return;
      try {
        reader.push(chunk);
      } catch {
        this.break();
      }
    });
    channel.on('close', () => {
      if (this.exited || this.#killed !== null) return;
      const { crew } = this;
      const timer = setTimeout(() => (crew === null ? this.break() : crew.signal(0, 'SIGKILL')), exitMsMax);
      void this.box.exited.then(() => clearTimeout(timer));
    });
  }

  /** The box does not keep to the protocol: it ends as if killed. */
  break(): void {
    this.#end({ code: null, signal: 'SIGKILL', outOfMemory: false });
    void this.kill();
  }

  #listen(pipe: Readable, stream: 'stdout' | 'stderr'): void {
    pipe.on('data', (bytes: Buffer) => this.#owner.onOutput(stream, bytes));
    pipe.on('error', () => pipe.destroy());
  }

  #end(exit: BoxExit): void {
    if (this.exited) return;
    this.exited = true;
    this.#greet(false);
    this.api.settle();
    if (this.#owner === nobody) void this.kill();
    this.#owner.onExit(exit);
  }
}
