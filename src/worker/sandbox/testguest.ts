import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Box, RuntimeLaunch, SandboxDriver, Scratch } from './driver.js';

/**
 * For tests: a "runtime" that evaluates what comes over the channel (an async function's body, NUL ends it) and
 * answers with JSON. `HELLO` is its first answer.
 */
const program = `
const net = require('node:net'), fs = require('node:fs'), os = require('node:os'), cp = require('node:child_process');
const http = require('node:http');
const channel = new net.Socket({ fd: 3 });
const say = (value) => channel.write(JSON.stringify(value) + '\\0');
const AsyncFunction = (async () => {}).constructor;
let text = '';
channel.setEncoding('utf8').on('data', async (piece) => {
  text += piece;
  for (let end; (end = text.indexOf('\\0')) >= 0; ) {
    const body = text.slice(0, end);
    text = text.slice(end + 1);
    try {
      say({ value: (await new AsyncFunction('net', 'fs', 'os', 'cp', 'http', body)(net, fs, os, cp, http)) ?? null });
    } catch (error) {
      say({ error: error.code || error.message });
    }
  }
});
channel.on('end', () => process.exit(0));
say({ value: 'HELLO' });
`;

/** The node that runs the tests, as a managed runtime. */
export const guestRuntime: RuntimeLaunch = {
  name: 'test',
  mounts: [{ hostPath: process.execPath, sandboxPath: '/var/lang/bin/node' }],
  command: ['/var/lang/bin/node', '-e', program],
  environment: { GUEST: 'yes' },
};

export const providedRuntime: RuntimeLaunch = { ...guestRuntime, name: 'provided', command: null, environment: {} };

/** A booted box with the test program in it. */
export class Guest {
  private text = '';
  private readonly answers: ((answer: { value?: unknown; error?: string }) => void)[] = [];
  output = '';
  /** Both outputs are read to their end. */
  readonly ended: Promise<unknown>;

  constructor(readonly box: Box) {
    box.channel.setEncoding('utf8').on('data', (piece: string) => {
      this.text += piece;
      for (let end = this.text.indexOf('\0'); end >= 0; end = this.text.indexOf('\0')) {
        this.answers.shift()?.(JSON.parse(this.text.slice(0, end)));
        this.text = this.text.slice(end + 1);
      }
    });
    this.ended = Promise.all([box.stdout, box.stderr].map((stream) => new Promise((end) => stream.once('end', end))));
    box.stdout.on('data', (piece: Buffer) => {
      this.output += piece.toString();
    });
    box.stderr.on('data', (piece: Buffer) => {
      this.output += piece.toString();
    });
  }

  static async boot(driver: SandboxDriver, boxId: string, environment: Record<string, string> = {}): Promise<Guest> {
    const runtime = { ...guestRuntime, environment: { ...guestRuntime.environment, ...environment } };
    const box = await driver.boot({ boxId, runtime });
    const guest = new Guest(box);
    await guest.answer();
    return guest;
  }

  /** Next answer; rejects when the box ends before it. */
  answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.answers.push(({ value, error }) => (error === undefined ? resolve(value) : reject(new Error(error))));
      this.box.exited.then((exit) => reject(new Error(`the box ended: ${JSON.stringify(exit)} ${this.output}`)));
    });
  }

  /** Runs the body of an async function inside. */
  run(body: string): Promise<unknown> {
    const answer = this.answer();
    this.box.channel.write(`${body}\0`);
    return answer;
  }
}

/** A folder of this test with a code tree in it. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'hearth-test-'));
  readonly code = join(this.path, 'code');
  readonly state = join(this.path, 'state');

  constructor() {
    mkdirSync(this.code);
    writeFileSync(join(this.code, 'index.txt'), 'code');
  }

  bind(guest: Guest, scratch: Scratch, memoryMib = 256): Promise<void> {
    return guest.box.bind({ codeDirectory: this.code, layersDirectory: null, scratch, memoryMib });
  }

  /** Drives of the virtual machines of a driver whose run folder is `state`. */
  drives(): string[] {
    const folders = readdirSync(this.state).map((owner) => join(this.state, owner, 'drives'));
    return folders
      .filter((folder) => existsSync(folder))
      .flatMap((folder) => readdirSync(folder))
      .filter((name) => name !== 'empty');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
