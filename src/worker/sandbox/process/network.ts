import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Writable } from 'node:stream';
import { DriverError } from '../driver.js';
import { findProgram, nativeProgram } from '../programs.js';

/** Ready in about 5 ms; a helper that hangs must not hold a boot. */
const readyMsMax = 10_000;
const errorCharsMax = 2000;
/** Descriptors of the helper. */
const readyFd = 3;
const exitFd = 4;
const restFd = 5;

/** Name server inside the sandbox: slirp4netns answers there and asks the machine's own. */
export const nameServer = '10.0.2.3';

/** slirp4netns where it can work, else why there is no outbound network. */
export function networkProgram(): { readonly path: string | null; readonly detail: string } {
  const path = findProgram('slirp4netns');
  if (path === null) return { path, detail: 'none: slirp4netns is missing (apt-get install slirp4netns)' };
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch {
    return { path: null, detail: 'none: /dev/net/tun cannot be opened (run as root, or give this user access to it)' };
  }
  return { path, detail: 'slirp4netns without reach to the machine itself' };
}

/** The network that slirp4netns makes up inside: what it does not serve itself leads nowhere. */
const ownNetwork = '10.0.2.';

/**
 * Addresses of this machine as it is now, which sandboxes must not reach although slirp4netns, connecting from here,
 * can. `reachable`: those where the platform itself is told to be reached (`0.0.0.0` and `::`: all of them).
 */
export function fencedAddresses(reachable: readonly string[], interfaces = networkInterfaces()): readonly string[] {
  if (reachable.includes('0.0.0.0') || reachable.includes('::')) return [];
  const own = Object.values(interfaces).flatMap((entries) => entries ?? []);
  return own
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .filter((address) => !reachable.includes(address) && !address.startsWith(ownNetwork));
}

/**
 * Outbound network of one box: user-space TCP/IP (slirp4netns) in the box's network namespace. It cannot reach the
 * machine itself, nothing outside can reach in, and boxes do not see each other: each has its own.
 *
 * Its process is made before there is a box, and waits: starting one takes a platform of some size several milliseconds
 * of its main thread, which a boot has better use for.
 */
export class Network {
  private readonly ended: Promise<void>;
  private errors = '';

  private constructor(
    private readonly launcher: string,
    private readonly slirp: string,
    private readonly reachable: readonly string[],
    private readonly helper: ChildProcess,
  ) {
    this.ended = new Promise((resolve) => {
      helper.once('close', () => resolve());
      helper.on('error', (error) => {
        this.say(error.message);
        if (helper.pid === undefined) resolve(); // Not even started: there is no close.
      });
    });
    for (const stream of helper.stdio) stream?.on('error', () => {});
    helper.stderr?.setEncoding('utf8').on('data', (text: string) => this.say(text));
  }

  /** A process that waits for its box. `reachable` as for `fencedAddresses`. */
  static prepare(launcher: string, slirp: string, reachable: readonly string[] = []): Network {
    const helper = spawn(launcher, ['--owner', String(process.pid), '--core', '0', '--rest-fd', String(restFd)], {
      env: {},
      cwd: '/',
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    return new Network(launcher, slirp, reachable, helper);
  }

  get usable(): boolean {
    return this.helper.exitCode === null && this.helper.signalCode === null && this.helper.pid !== undefined;
  }

  /** Once. `pid`: a process in the box. Rejects with DriverError and leaves nothing behind then. */
  async start(pid: number): Promise<void> {
    const space = `/proc/${pid}/ns/net`;
    const fence = nativeProgram('fence');
    if (fence === null) throw new DriverError('the native parts are not built: node setup/native.mjs');
    const command = [
      // slirp4netns unmounts everything to lock itself in; through shared mounts that would reach ours. Not before it is
      // needed: a copy of the mounts keeps what is mounted now from going away.
      ...[this.launcher, '--mounts', 'private', '--'],
      ...[fence, space, ...fencedAddresses(this.reachable), '--'],
      ...[this.slirp, '--configure', '--mtu=65520'],
      ...['--disable-host-loopback', '--enable-sandbox', '--enable-seccomp'],
      ...[`--ready-fd=${readyFd}`, `--exit-fd=${exitFd}`],
      // By path: given a process, it would also join its user namespace, which bubblewrap changes on the way.
      ...['--netns-type=path', space, 'tap0'],
    ];
    const failure = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => resolve(`not ready after ${readyMsMax / 1000} s`), readyMsMax);
      const over = (result: string | null) => {
        clearTimeout(timer);
        resolve(result);
      };
      this.helper.stdio[readyFd]?.once('data', () => over(null));
      this.ended.then(() => over('it ended'));
      const rest = (this.helper.stdio as readonly unknown[])[restFd] as Writable;
      rest.end(command.map((text) => `${text}\0`).join(''));
    });
    if (failure === null) return;
    await this.stop();
    throw new DriverError(`slirp4netns: ${failure} ${this.errors.trim()}`);
  }

  async stop(): Promise<void> {
    this.helper.kill('SIGKILL');
    await this.ended;
  }

  private say(text: string): void {
    this.errors = (this.errors + text).slice(-errorCharsMax);
  }
}
