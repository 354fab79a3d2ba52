import type { ChildProcess } from 'node:child_process';
import { Server } from 'node:net';
import type { Readable } from 'node:stream';
import { DriverError, type RuntimeLaunch } from '../driver.js';
import type { Connector } from './connector.js';
import type { Mounts } from './mounts.js';
import { ProcessBox } from './processbox.js';
import {
  agentPath,
  makeSkeleton,
  removeSkeleton,
  type Skeleton,
  sandboxGid,
  sandboxHostname,
  sandboxUid,
} from './skeleton.js';
import { filterFd, infoFd, type Slot } from './slots.js';

/** From spawn to the agent's message takes some 10 ms; a machine that needs 10 s cannot run functions. */
const bootMsMax = 10_000;
const errorCharsMax = 2000;

/** What all boxes of a driver share. */
export interface BootPlace {
  readonly base: string;
  readonly mounts: Mounts;
  readonly connector: Connector;
  readonly bwrap: string;
}

export interface BootRequest {
  readonly boxId: string;
  readonly runtime: RuntimeLaunch;
  /** Where an unprivileged process can reach each of the runtime's host paths. */
  readonly files: ReadonlyMap<string, string>;
  readonly slot: Slot;
  readonly released: () => void;
}

/** Boots one box. Rejects with DriverError; of slot, skeleton and processes nothing is left then. */
export async function bootBox(place: BootPlace, request: BootRequest): Promise<ProcessBox> {
  const { boxId, slot, runtime, released } = request;
  const { child } = slot;
  let skeleton: Skeleton | null = null;
  try {
    const shown = makeSkeleton(place.base, slot.name, runtime, (path) => request.files.get(path)!);
    skeleton = shown;
    const [pid, runtimeApi] = await untilReady(child, slot.stderr, async () => {
      slot.run([place.bwrap, ...bwrapArguments(shown.arguments, request)]);
      const [pid, server] = await Promise.all([
        initPidFrom((child.stdio as readonly unknown[])[infoFd] as Readable),
        serverFrom(child),
      ]);
      return [pid, server] as const;
    });
    return new ProcessBox({
      id: boxId,
      slot,
      initPid: pid,
      runtimeApi,
      // Not before the agent has spoken: bubblewrap sets up the loopback, and fails where slirp4netns did it first. The
      // runtime starts meanwhile.
      network: slot.network?.start(pid) ?? null,
      skeleton,
      mounts: place.mounts,
      connector: place.connector,
      released,
    });
  } catch (error) {
    child.kill('SIGKILL');
    await slot.dispose();
    if (skeleton) removeSkeleton(skeleton);
    throw error;
  }
}

function bwrapArguments(skeleton: readonly string[], request: BootRequest): string[] {
  return [
    ...['--unshare-all', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...['--uid', String(sandboxUid), '--gid', String(sandboxGid), '--hostname', sandboxHostname],
    ...skeleton,
    // Read-only /dev: as in Lambda there is no usable /dev/shm, and no memory to write to outside /tmp.
    ...['--proc', '/proc', '--dev', '/dev', '--remount-ro', '/dev'],
    ...['--clearenv', ...Object.entries(request.runtime.environment).flatMap((entry) => ['--setenv', ...entry])],
    ...[
      '--chdir',
      '/',
      '--info-fd',
      String(infoFd),
      '--seccomp',
      String(filterFd),
      '--',
      agentPath,
      ...(request.runtime.command ?? []),
    ],
  ];
}

/** Runs `wait` against the child's end and the deadline. */
async function untilReady<T>(child: ChildProcess, stderr: Readable, wait: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let ended: (() => void) | undefined;
  const failed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DriverError(`the sandbox did not boot in ${bootMsMax / 1000} s`)), bootMsMax);
    child.once('error', (error) => reject(new DriverError(`cannot start a sandbox: ${error.message}`)));
    ended = () => {
      let text = '';
      stderr.setEncoding('utf8').on('data', (piece: string) => {
        text = (text + piece).slice(-errorCharsMax);
      });
      stderr.once('close', () => {
        const status = child.exitCode ?? child.signalCode;
        reject(new DriverError(`the sandbox did not boot: ${text.trim() || `status ${status}`}`));
      });
    };
    child.once('exit', ended);
  });
  try {
    return await Promise.race([wait(), failed]);
  } finally {
    clearTimeout(timer);
    if (ended) child.off('exit', ended);
    failed.catch(() => {});
  }
}

/** The Runtime API's listening socket, opened by the agent inside and handed over. */
function serverFrom(child: ChildProcess): Promise<Server> {
  return new Promise((resolve) => {
    child.once('message', (_text: unknown, handle: unknown) => {
      if (handle instanceof Server) resolve(handle);
    });
  });
}

/** bubblewrap writes `{"child-pid": N, …}` before it lets the child go on. */
function initPidFrom(stream: Readable): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const match = /"child-pid":\s*(\d+)\D/.exec(text);
      if (match) resolve(Number(match[1]));
    });
  });
}
