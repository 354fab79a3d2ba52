import { connect, createServer, type Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { frameType } from '../../wire/channel/frames.js';
import { encodeFrame, FrameReader } from '../channel.js';
import type {
  Box,
  BoxBinding,
  BoxExit,
  Crew,
  FunctionSnapshots,
  RuntimeLaunch,
  SandboxDriver,
  Scratch,
  SnapshotSizes,
} from '../sandbox/driver.js';

/** Two ends of an in-memory stream; writes arrive a microtask later. */
function pair(): [Duplex, Duplex] {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        queueMicrotask(() => {
          if (!other().destroyed) other().push(chunk);
        });
        done();
      },
      final(done) {
        other().push(null);
        done();
      },
    });
  const ends: Duplex[] = [];
  const left = make(() => ends[1]!);
  const right = make(() => ends[0]!);
  ends.push(left, right);
  return [left, right];
}

/** A box of the tests: no process, the test plays the runtime through `guest`. */
export class FakeBox implements Box {
  readonly id: string;
  readonly channel: Duplex;
  /** The runtime's end of the channel. */
  readonly guest: Duplex;
  readonly runtimeApi = createServer();
  runtimeApiAddress = '';
  readonly taskRoot = '/var/task';
  readonly layersRoot = '/opt';
  readonly environment = {};
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<BoxExit>;
  readonly launch: RuntimeLaunch;
  binding: BoxBinding | null = null;
  started: { command: readonly string[]; environment: Readonly<Record<string, string>> } | null = null;
  frozen = false;
  killed = false;
  /** Somebody killed it while it was frozen, and it cannot end. */
  killedFrozen = false;
  freezes = 0;
  onStart: (box: FakeBox) => void = () => {};
  #exit: (exit: BoxExit) => void = () => {};

  constructor(id: string, launch: RuntimeLaunch) {
    this.id = id;
    this.launch = launch;
    [this.channel, this.guest] = pair();
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  async bind(binding: BoxBinding): Promise<void> {
    this.binding = binding;
  }
  start(command: readonly string[], environment: Readonly<Record<string, string>>): void {
    this.started = { command, environment };
    this.onStart(this);
  }
  freeze(): void {
    this.frozen = true;
    this.freezes += 1;
  }
  thaw(): void {
    this.frozen = false;
    if (this.killedFrozen) this.exit({ signal: 'SIGKILL' });
  }
  doomed(): boolean {
    return this.frozen && this.killedFrozen;
  }
  memoryPeakMib(): number | null {
    return this.killed ? null : 36;
  }
  crew(): Promise<Crew> {
    return Promise.reject(new Error('this box has no processes'));
  }
  connect(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket)).once('error', reject);
    });
  }
  terminate(): void {}
  exit(exit: Partial<BoxExit>): void {
    this.#exit({ code: null, signal: null, outOfMemory: false, ...exit });
  }
  async kill(): Promise<void> {
    if (this.killed) return;
    this.killed = true;
    this.exit({ signal: 'SIGKILL' });
    this.channel.destroy();
    this.guest.destroy();
    if (this.runtimeApi.listening) await new Promise((resolve) => this.runtimeApi.close(resolve));
  }
  say(type: (typeof frameType)[keyof typeof frameType], body: string | Buffer = ''): void {
    this.guest.write(encodeFrame(type, Buffer.from(body)));
  }
}

/** What the test's runtime does with INIT and INVOKE. */
export interface FakeRuntime {
  onBoot?(box: FakeBox): void;
  onInit?(
    box: FakeBox,
    body: { env: Record<string, string>; handler: string; snapStart: boolean; reseed: boolean },
  ): void;
  onInvoke?(box: FakeBox, header: readonly string[], payload: Buffer): void;
  onStart?(box: FakeBox): void;
  onPause?(box: FakeBox): void;
  onRestore?(box: FakeBox, body: { reseed: boolean }): void;
  onRehearse?(box: FakeBox): void;
  /** A box in the state of a snapshot: what its runtime waits with comes again. */
  onClone?(box: FakeBox): void;
}

/** Snapshots that remember their box's runtime and nothing else: a clone is told what the box would be. */
export class FakeSnapshots implements FunctionSnapshots {
  readonly saved = new Map<string, RuntimeLaunch>();
  problem: string | null = null;
  captures = 0;
  restores = 0;
  readonly #make: (id: string, launch: RuntimeLaunch) => Promise<FakeBox>;
  readonly #runtime: FakeRuntime;

  constructor(make: (id: string, launch: RuntimeLaunch) => Promise<FakeBox>, runtime: FakeRuntime) {
    this.#make = make;
    this.#runtime = runtime;
  }

  async capture(box: Box, id: string): Promise<SnapshotSizes> {
    if (this.problem !== null) throw new Error(this.problem);
    this.captures += 1;
    this.saved.set(id, (box as FakeBox).launch);
    return { logicalBytes: 1, uniqueBytes: 1, storedBytes: 1 };
  }
  async has(id: string): Promise<boolean> {
    return this.saved.has(id);
  }
  async restore({ boxId, id, binding }: { boxId: string; id: string; binding: BoxBinding }): Promise<Box> {
    if (this.problem !== null) throw new Error(this.problem);
    this.restores += 1;
    const box = await this.#make(boxId, this.saved.get(id)!);
    await box.bind(binding);
    if (this.#runtime.onClone) this.#runtime.onClone(box);
    else box.say(frameType.paused);
    return box;
  }
  async drop(id: string): Promise<void> {
    this.saved.delete(id);
  }
}

export class FakeDriver implements SandboxDriver {
  readonly grade = 'none';
  readonly spareMemoryMibMax = Number.POSITIVE_INFINITY;
  readonly sparesPerAccount = false;
  rehearses = false;
  boxOwnMib = 0;
  readonly snapshots: FakeSnapshots | null;
  readonly boxes: FakeBox[] = [];
  readonly scratches: { mib: number; disposed: boolean }[] = [];
  bootProblem: string | null = null;
  scratchProblem: string | null = null;
  readonly #runtime: FakeRuntime;

  constructor(runtime: FakeRuntime = {}, saves = false) {
    this.#runtime = runtime;
    this.snapshots = saves ? new FakeSnapshots((id, launch) => this.#make(id, launch), runtime) : null;
  }

  protections() {
    return [];
  }

  async boot(request: { readonly boxId: string; readonly runtime: RuntimeLaunch }): Promise<Box> {
    if (this.bootProblem !== null) throw new Error(this.bootProblem);
    const box = await this.#make(request.boxId, request.runtime);
    if (request.runtime.command !== null) {
      if (this.#runtime.onBoot) this.#runtime.onBoot(box);
      else box.say(frameType.hello);
    }
    return box;
  }

  async #make(id: string, launch: RuntimeLaunch): Promise<FakeBox> {
    const box = new FakeBox(id, launch);
    this.boxes.push(box);
    await new Promise<void>((resolve) => box.runtimeApi.listen(0, '127.0.0.1', resolve));
    const address = box.runtimeApi.address();
    box.runtimeApiAddress = typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : '';
    const runtime = this.#runtime;
    box.onStart = (started) => runtime.onStart?.(started);
    const reader = new FrameReader((type, body) => {
      if (type === frameType.init) {
        if (runtime.onInit) runtime.onInit(box, JSON.parse(body.toString()));
        else box.say(frameType.initDone);
      } else if (type === frameType.invoke) {
        const end = 4 + body.readUInt32LE(0);
        const header = body.toString('utf8', 4, end).split('\n');
        const payload = body.subarray(end);
        if (runtime.onInvoke) runtime.onInvoke(box, header, payload);
        else box.say(frameType.response, payload);
      } else if (type === frameType.pause) {
        if (runtime.onPause) runtime.onPause(box);
        else box.say(frameType.paused);
      } else if (type === frameType.restore) {
        if (runtime.onRestore) runtime.onRestore(box, JSON.parse(body.toString()));
        else box.say(frameType.restoreDone);
      } else if (type === frameType.rehearse) {
        if (runtime.onRehearse) runtime.onRehearse(box);
        else box.say(frameType.rehearsed);
      }
    });
    box.guest.on('data', (chunk: Buffer) => reader.push(chunk));
    return box;
  }

  async createScratch(mib: number): Promise<Scratch> {
    if (this.scratchProblem !== null) throw new Error(this.scratchProblem);
    const scratch = { mib, disposed: false };
    this.scratches.push(scratch);
    return {
      mib,
      dispose: async () => {
        scratch.disposed = true;
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.boxes.map((box) => box.kill()));
  }
}
