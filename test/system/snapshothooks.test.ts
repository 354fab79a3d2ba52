import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, test } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { type FrameType, frameType, type InitBody } from '../../src/wire/channel/frames.js';
import { type RuntimeName, runtimeNames } from '../../src/wire/functionspec.js';
import { encodeFrame, FrameReader, writeInvoke } from '../../src/worker/channel.js';
import { languageDirectory } from '../../src/worker/runtimes/description.js';
import { findNode } from '../../src/worker/runtimes/node.js';
import { findPython } from '../../src/worker/runtimes/python.js';

// What our bootstraps do around a snapshot, process by process: no snapshot is taken here.
const task = mkdtempSync(join(tmpdir(), 'hearth-hooks-'));
after(() => rmSync(task, { recursive: true, force: true }));

writeFileSync(
  join(task, 'index.mjs'),
  `const order = [];
const note = (what) => order.push(what);
awslambda.registerBeforeSnapshot(note, 'before 1');
awslambda.registerBeforeSnapshot(async () => { await new Promise((r) => setTimeout(r, 5)); note('before 2'); });
awslambda.registerAfterRestore(note, 'after 1');
awslambda.registerAfterRestore(async () => { await null; note('after 2'); });
export const handler = async () => ({ order, listed: Object.keys(awslambda).filter((name) => name.startsWith('register')) });
export const seen = async () => ({
  symbols: Object.getOwnPropertySymbols(globalThis).map(String),
  globals: Object.getOwnPropertyNames(globalThis),
  environment: process.env,
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  argv: process.argv.slice(1), directory: process.cwd(), modules: Object.keys((await import('node:module')).default._cache),
});
export const drawn = async () => [Math.random(), Math.random.name, Math.random.length, String(Math.random).includes('[native code]')];
`,
);
writeFileSync(
  join(task, 'before.mjs'),
  "awslambda.registerBeforeSnapshot(() => { throw new TypeError('no'); });\nexport const handler = async () => 1;\n",
);
writeFileSync(
  join(task, 'after.mjs'),
  "awslambda.registerAfterRestore(async () => { throw new TypeError('no'); });\nexport const handler = async () => 1;\n",
);
writeFileSync(
  join(task, 'app.py'),
  `import random, ssl, uuid
from snapshot_restore_py import register_before_snapshot, register_after_restore
order = []
def note(what, more=""): order.append(what + more)
register_before_snapshot(note, "before", more=" 1")
register_after_restore(note, "after 1")
@register_before_snapshot
def second(): note("before 2")
@register_after_restore
def third(): note("after 2")
random.seed(7)
def handler(event, context): return {"order": order, "listed": []}
def drawn(event, context): return random.random()
def seen(event, context):
    import os, sys, logging
    return {"environment": dict(os.environ), "directory": os.getcwd(), "path": sys.path, "main": sorted(vars(sys.modules["__main__"])), "handlers": len(logging.getLogger().handlers)}
`,
);
writeFileSync(
  join(task, 'before.py'),
  'from snapshot_restore_py import register_before_snapshot\n@register_before_snapshot\ndef no(): raise TypeError("no")\ndef handler(event, context): return 1\n',
);
writeFileSync(
  join(task, 'after.py'),
  'from snapshot_restore_py import register_after_restore\n@register_after_restore\ndef no(): raise TypeError("no")\ndef handler(event, context): return 1\n',
);

/** One runtime process and the conversation with it. */
class Guest {
  /** Bodies of LOG frames. */
  readonly logs: string[] = [];
  readonly #frames: { readonly type: FrameType; readonly body: string }[] = [];
  readonly #child;
  readonly #channel: Duplex;
  #wake: () => void = () => {};
  readonly exited: Promise<number | null>;

  constructor(command: readonly string[]) {
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: { PATH: '/usr/bin:/bin' },
    });
    this.#channel = this.#child.stdio[3] as Duplex;
    const reader = new FrameReader((type, body) => {
      if (type === frameType.log) this.logs.push(body.toString());
      else this.#frames.push({ type, body: body.toString() });
      this.#wake();
    });
    this.#channel.on('data', (chunk: Buffer) => reader.push(chunk)).on('error', () => {});
    this.exited = new Promise((resolve) => this.#child.on('close', (code) => resolve(code)));
  }

  /** The next frame that is no log; its body. */
  async expect(type: FrameType): Promise<string> {
    while (this.#frames.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        void this.exited.then(() => resolve());
      });
      if (this.#frames.length === 0 && this.#child.exitCode !== null)
        throw new Error(`ended with ${this.#child.exitCode}`);
    }
    const frame = this.#frames.shift()!;
    assert.equal(frame.type, type, frame.body);
    return frame.body;
  }

  send(type: FrameType, body: object | string = ''): void {
    this.#channel.write(encodeFrame(type, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))));
  }

  async init(handler: string, over: Partial<InitBody> = {}): Promise<void> {
    await this.expect(frameType.hello);
    this.begin(handler, over);
  }

  begin(handler: string, over: Partial<InitBody> = {}): void {
    const env = { AWS_EXECUTION_ENV: 'test', PATH: '/usr/bin:/bin' };
    const body: InitBody = {
      env,
      handler,
      taskRoot: task,
      layersRoot: '/opt',
      inherited: false,
      snapStart: true,
      reseed: true,
      ...over,
    };
    this.send(frameType.init, body);
  }

  async invoke(): Promise<unknown> {
    const header = {
      requestId: 'r',
      deadlineMs: Date.now() + 3000,
      invokedFunctionArn: 'a',
      traceHeader: '',
      clientContext: null,
      cognitoIdentity: null,
    };
    writeInvoke(this.#channel, header, Buffer.from('{}'));
    return JSON.parse(await this.expect(frameType.response));
  }

  /** Through the snapshot that nobody takes. */
  async restore(reseed = true): Promise<void> {
    this.send(frameType.pause);
    await this.expect(frameType.paused);
    this.send(frameType.restore, { reseed });
  }

  async end(): Promise<void> {
    this.#channel.destroy();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.exited;
    clearTimeout(timer);
  }
}

async function python(): Promise<readonly string[] | null> {
  for (const name of runtimeNames.filter((runtime) => runtime.startsWith('python')).reverse()) {
    const found = await findPython(name);
    if (found === null) continue;
    const { mounts, command } = found.launch;
    const prefix = mounts.find(({ sandboxPath }) => sandboxPath === languageDirectory)?.hostPath;
    const program = prefix === undefined ? command![0]! : command![0]!.replace(languageDirectory, prefix);
    return [program, join(projectRoot, 'guest', 'python', 'bootstrap.py')];
  }
  return null;
}

async function node(name: RuntimeName): Promise<readonly string[] | null> {
  const found = await findNode(name, join(projectRoot, '.cache', 'runtimes'));
  return found === null
    ? null
    : [found.launch.mounts[0]!.hostPath, join(projectRoot, 'guest', 'node', 'bootstrap.cjs')];
}

const guests = [
  { name: 'node', file: 'index', command: [process.execPath, join(projectRoot, 'guest', 'node', 'bootstrap.cjs')] },
  { name: 'node 22', file: 'index', command: await node('nodejs22.x') },
  { name: 'node 24', file: 'index', command: await node('nodejs24.x') },
  { name: 'python', file: 'app', command: await python() },
];

for (const { name, file, command } of guests) {
  const skip = command === null && `no ${name} here`;
  const using = async (body: (guest: Guest) => Promise<void>) => {
    const guest = new Guest(command!);
    try {
      await body(guest);
    } finally {
      await guest.end();
    }
  };

  test(
    `${name}: hooks run around the snapshot, the last registered first before it, in order after it`,
    { skip, timeout: 30_000 },
    () =>
      using(async (guest) => {
        await guest.init(`${file}.handler`);
        await guest.expect(frameType.initDone);
        await guest.restore();
        await guest.expect(frameType.restoreDone);
        assert.deepEqual(await guest.invoke(), { order: ['before 2', 'before 1', 'after 1', 'after 2'], listed: [] });
      }),
  );

  test(`${name}: without a snapshot they do not`, { skip, timeout: 30_000 }, () =>
    using(async (guest) => {
      await guest.init(`${file}.handler`, { snapStart: false, reseed: false });
      await guest.expect(frameType.initDone);
      assert.deepEqual(await guest.invoke(), { order: [], listed: [] });
    }),
  );

  test(
    `${name}: what is rehearsed, before the init and after it, leaves nothing behind`,
    { skip, timeout: 30_000 },
    () =>
      using(async (rehearsed) => {
        await rehearsed.expect(frameType.hello);
        const rehearse = async () => {
          rehearsed.send(frameType.rehearse);
          assert.equal(await rehearsed.expect(frameType.rehearsed), '');
        };
        await rehearse();
        rehearsed.begin(`${file}.seen`);
        await rehearsed.expect(frameType.initDone);
        await rehearsed.restore();
        await rehearsed.expect(frameType.restoreDone);
        await rehearse();
        const seen = await rehearsed.invoke();
        await rehearse();
        assert.deepEqual(await rehearsed.invoke(), seen);
        await using(async (guest) => {
          // Finds INIT there already: it does not even say HELLO, and rehearses nothing by itself.
          guest.begin(`${file}.seen`);
          if (name === 'python') await guest.expect(frameType.hello);
          await guest.expect(frameType.initDone);
          await guest.restore();
          await guest.expect(frameType.restoreDone);
          assert.deepEqual(seen, await guest.invoke());
        });
        assert.deepEqual(rehearsed.logs, []);
      }),
  );

  test(
    `${name}: a hook that fails before the snapshot is an init error, and the process ends`,
    { skip, timeout: 30_000 },
    () =>
      using(async (guest) => {
        await guest.init('before.handler');
        const { errorType, errorMessage } = JSON.parse(await guest.expect(frameType.initError));
        assert.deepEqual([errorType, errorMessage], ['Runtime.BeforeSnapshotError', 'no']);
        assert.equal(await guest.exited, 64);
      }),
  );

  test(
    `${name}: a hook that fails after a restore is a restore error, and the process ends`,
    { skip, timeout: 30_000 },
    () =>
      using(async (guest) => {
        await guest.init('after.handler');
        await guest.expect(frameType.initDone);
        await guest.restore();
        const { errorType, errorMessage } = JSON.parse(await guest.expect(frameType.restoreError));
        assert.deepEqual([errorType, errorMessage], ['Runtime.AfterRestoreError', 'no']);
        assert.equal(await guest.exited, 65);
      }),
  );
}

test('node: Math.random is the runtime’s own where there are snapshots, and looks like the built-in', {
  timeout: 30_000,
}, async () => {
  for (const over of [{}, { snapStart: false, reseed: false }]) {
    const guest = new Guest(guests[0]!.command!);
    try {
      await guest.init('index.drawn', over);
      await guest.expect(frameType.initDone);
      const [value, ...look] = (await guest.invoke()) as [number, string, number, boolean];
      assert.ok(value >= 0 && value < 1);
      assert.deepEqual(look, ['random', 0, true]);
    } finally {
      await guest.end();
    }
  }
});

const noPython = guests.at(-1)!.command === null && 'no Python here';
test('python: a generator with a fixed seed goes on after a restore with another', {
  skip: noPython,
  timeout: 30_000,
}, async () => {
  const drawn = async (reseed: boolean) => {
    const guest = new Guest(guests.at(-1)!.command!);
    try {
      await guest.init('app.drawn', { reseed: false, snapStart: false });
      await guest.expect(frameType.initDone);
      guest.send(frameType.restore, { reseed });
      await guest.expect(frameType.restoreDone);
      return await guest.invoke();
    } finally {
      await guest.end();
    }
  };
  assert.equal(await drawn(false), await drawn(false), 'it would draw the same');
  assert.notEqual(await drawn(true), await drawn(true));
});
