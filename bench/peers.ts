import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../src/adapters/projectroot.js';
import { type Served, serve } from './process.js';

/** The newest 14 is what people install today. */
const serverlessOffline = 'serverless-offline@14';

export function bareServer(): Promise<Served> {
  return serve(process.execPath, [join(projectRoot, 'bench', 'peers', 'bare.mjs')]);
}

/** Installed on demand into `.cache/peers`; only its Lambda endpoint is used, so its peer `serverless` is not. */
export async function serverlessOfflineServer(): Promise<Served> {
  const installed = join(projectRoot, '.cache', 'peers');
  if (!existsSync(join(installed, 'node_modules', 'serverless-offline'))) {
    mkdirSync(installed, { recursive: true });
    process.stderr.write(`installing ${serverlessOffline}\n`);
    execFileSync(
      'npm',
      ['install', '--prefix', installed, '--legacy-peer-deps', '--no-audit', '--no-fund', serverlessOffline],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
        // `setup/bench.mjs` has put it aside for npm.
        env: { ...process.env, NODE_EXTRA_CA_CERTS: process.env.HEARTH_EXTRA_CA_CERTS },
      },
    );
  }
  const script = join(projectRoot, 'bench', 'peers', 'serverless-offline.mjs');
  const functionFolder = join(projectRoot, 'bench', 'functions', 'echo');
  return serve(process.execPath, [script, installed, String(await freePort()), functionFolder]);
}

export function serverlessOfflineInvocation(served: Served): string {
  return `${served.url}/2015-03-31/functions/echo/invocations`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
