import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import type { BoxExit, Crew } from '../driver.js';
import { startMessage } from '../startmessage.js';
import type { BoxCgroup } from './boxcgroup.js';
import type { Mounts } from './mounts.js';

/** Where the agent looks for it (`guest/agent/supervisor.h`). */
const outputPath = 'var/lib/hearth/extensions';

export interface CrewPlace {
  /** The box's first process: its IPC channel is the agent's. */
  readonly child: ChildProcess;
  readonly channel: Duplex;
  readonly cgroup: BoxCgroup;
  /** The root folder of the box as we see it. */
  readonly root: string;
  /** The box's user on the machine. */
  readonly uid: number;
  readonly mounts: Mounts;
}

/** Of two names of one number the first counts: SIGABRT, not SIGIOT. */
const signalNames = new Map(
  Object.entries(osConstants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** Programs of one box, which its agent starts and supervises. */
export class ProcessCrew implements Crew {
  readonly output: Readable;
  onExit: (program: number, exit: BoxExit) => void = () => {};

  private constructor(
    private readonly place: CrewPlace,
    reader: number,
    private writer: number | null,
  ) {
    this.output = new Socket({ fd: reader, readable: true, writable: false });
    this.output.on('error', () => {}); // Its end is the box's end.
    place.child.on('message', (message: unknown) => this.hear(message));
  }

  static async make(place: CrewPlace): Promise<ProcessCrew> {
    const path = join(place.root, outputPath);
    await place.mounts.fifo(path, place.uid);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      // A pipe that nobody writes to is at its end: we hold it open until the box goes.
      return new ProcessCrew(place, reader, openSync(path, constants.O_WRONLY));
    } catch (error) {
      closeSync(reader);
      throw error;
    }
  }

  start(command: readonly string[], environment: Readonly<Record<string, string>>): void {
    this.place.channel.write(startMessage(command, environment, { beside: true }));
  }

  signal(program: number, name: 'SIGTERM' | 'SIGKILL'): void {
    if (this.place.child.connected) this.place.child.send(`signal ${program} ${osConstants.signals[name]}`, () => {});
  }

  /** The box is gone: what is in the pipe is read, then it ends. */
  close(): void {
    if (this.writer !== null) closeSync(this.writer);
    this.writer = null;
    if (this.output.readableFlowing === null) this.output.resume();
  }

  private hear(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('program' in message)) return;
    const { program, code, signal } = message as { program: number; code: number; signal: number };
    const name = signalNames.get(signal) ?? null;
    this.onExit(program, {
      code: name === null ? code : null,
      signal: name,
      outOfMemory: name === 'SIGKILL' && this.place.cgroup.oomKills() > 0,
    });
  }
}
