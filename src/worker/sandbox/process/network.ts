import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { DriverError } from '../driver.js';
import { findProgram } from '../programs.js';

/** Ready in about 5 ms; a helper that hangs must not hold a boot. */
const readyMsMax = 10_000;
const errorCharsMax = 2000;

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
  return { path, detail: 'slirp4netns without reach to the loopback of the machine' };
}

/**
 * Outbound network of one box: user-space TCP/IP (slirp4netns) in the box's network namespace. It cannot reach the
 * machine's loopback, nothing outside can reach in, and boxes do not see each other: each has its own.
 */
export class Network {
  private readonly ended: Promise<void>;

  private constructor(private readonly helper: ChildProcess) {
    this.ended = new Promise((resolve) => helper.once('close', () => resolve()));
  }

  /** `pid`: a process in the box. Rejects with DriverError and leaves nothing behind then. */
  static async start(launcher: string, slirp: string, pid: number): Promise<Network> {
    const helper = spawn(
      launcher,
      [
        // slirp4netns unmounts everything to lock itself in; through shared mounts that would reach ours.
        ...[
          '--mounts',
          'private',
          '--owner',
          String(process.pid),
          '--core',
          '0',
          '--',
          slirp,
          '--configure',
          '--mtu=65520',
        ],
        ...['--disable-host-loopback', '--enable-sandbox', '--enable-seccomp', '--ready-fd=3', '--exit-fd=4'],
        // By path: given a process, it would also join its user namespace, which bubblewrap changes on the way.
        ...['--netns-type=path', `/proc/${pid}/ns/net`, 'tap0'],
      ],
      { env: {}, cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] },
    );
    const network = new Network(helper);
    for (const stream of helper.stdio) stream?.on('error', () => {});
    let errors = '';
    helper.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-errorCharsMax);
    });
    const failure = await new Promise<string | null>((resolve) => {
      const timer = setTimeout(() => resolve(`not ready after ${readyMsMax / 1000} s`), readyMsMax);
      helper.stdio[3]?.once('data', () => resolve(null));
      helper.once('error', (error) => resolve(error.message));
      helper.once('close', () => resolve('it ended'));
      network.ended.then(() => clearTimeout(timer));
      helper.stdio[3]?.once('data', () => clearTimeout(timer));
    });
    if (failure === null) return network;
    await network.stop();
    throw new DriverError(`slirp4netns: ${failure} ${errors.trim()}`);
  }

  async stop(): Promise<void> {
    this.helper.kill('SIGKILL');
    await this.ended;
  }
}
