import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { nativeProgram } from '../programs.js';
import { GuestLink } from './guestlink.js';

/** A port of this machine's loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** For tests: the virtual machines' agent, the very program, beside this process instead of in a machine. */
export class TestAgent {
  private constructor(
    readonly child: ChildProcess,
    readonly port: Duplex,
    /** Where its Runtime API listens. */
    readonly apiPort: number,
  ) {}

  static async start(program = nativeProgram('vmagent')): Promise<TestAgent> {
    if (program === null) throw new Error('the agent is not built: node setup/native.mjs');
    const apiPort = await freePort();
    const child = spawn(program, ['--link', '3', String(apiPort)], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: {},
    });
    return new TestAgent(child, child.stdio[3] as unknown as Duplex, apiPort);
  }

  /** A link to it that works. */
  async link(): Promise<GuestLink> {
    const link = new GuestLink(this.port);
    await link.ready;
    return link;
  }

  /** How it ended, after `port` was closed or when it ends by itself. */
  get ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null) {
      return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
    }
    return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  async stop(): Promise<void> {
    this.port.destroy();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.ended;
    clearTimeout(timer);
  }
}
