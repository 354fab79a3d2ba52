import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { cleanEnvironment, stop } from './childprocess.js';

const folder = join(projectRoot, '.cache', 'peers', 'moto');

/** Python with boto3 and moto, or null; then tests skip with `missingMoto`. */
export const motoPython: string | null = existsSync(join(folder, 'installed')) ? join(folder, 'bin', 'python') : null;
export const missingMoto = 'moto and boto3 are not installed: node setup/motoserver.mjs';

/** moto's server in a process of its own: SQS, S3 and more over HTTP, all state in its memory. */
export class MotoServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly endpoint: string,
  ) {}

  static async start(readyMsMax = 60_000): Promise<MotoServer> {
    if (motoPython === null) throw new Error(missingMoto);
    const port = await freePort();
    const mortal = ['--pdeathsig', 'KILL', '--', motoPython, '-m', 'moto.server'];
    const child = spawn('setpriv', [...mortal, '-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
      env: cleanEnvironment(),
    });
    const endpoint = `http://127.0.0.1:${port}`;
    const deadlineMs = performance.now() + readyMsMax;
    for (;;) {
      const answer = await fetch(`${endpoint}/moto-api/data.json`).catch(() => null);
      if (answer?.ok) return new MotoServer(child, endpoint);
      if (child.exitCode !== null) throw new Error(`moto ended with ${child.exitCode}`);
      if (performance.now() > deadlineMs) throw new Error('moto was not ready in time');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await stop(this.child, 'SIGKILL');
  }
}

async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
