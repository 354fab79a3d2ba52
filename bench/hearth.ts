import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sha256 } from '@aws-crypto/sha256-js';
import { CreateFunctionCommand, LambdaClient, type Runtime, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import yazl from 'yazl';
import { projectRoot } from '../src/adapters/projectroot.js';
import { CredentialStore } from '../src/frontend/credentials.js';
import type { LoadTarget } from './load.js';
import { cleanEnvironment, stop } from './process.js';

/** A whole platform in its own process, started as a user starts it, with a data folder of its own. */
export class Hearth {
  #child: ChildProcess | null = null;
  #endpoint = '';
  readonly folder = mkdtempSync(join(tmpdir(), 'hearth-bench-data-'));

  private constructor(private readonly args: readonly string[]) {}

  static async start(...args: string[]): Promise<Hearth> {
    const hearth = new Hearth(args);
    await hearth.start();
    return hearth;
  }

  /** Milliseconds from spawning the command to the endpoint being served. */
  async start(readyMsMax = 30_000): Promise<number> {
    const readyFile = join(this.folder, 'ready');
    rmSync(readyFile, { force: true });
    const startedMs = performance.now();
    const args = ['up', '--port', '0', '--data', this.folder, '--ready-file', readyFile, ...this.args];
    this.#child = spawn(join(projectRoot, 'bin', 'hearth'), args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: cleanEnvironment(),
    });
    while (!existsSync(readyFile) || readFileSync(readyFile, 'utf8') === '') {
      if (this.#child.exitCode !== null) throw new Error(`hearth up ended with ${this.#child.exitCode}`);
      if (performance.now() - startedMs > readyMsMax) throw new Error('hearth up was not ready in time');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.#endpoint = readFileSync(readyFile, 'utf8').trim();
    return performance.now() - startedMs;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  #credentials() {
    const store = CredentialStore.open(this.folder);
    const [credential] = store.list();
    if (credential === undefined) throw new Error('no credential');
    return { region: store.defaultRegion as string, credentials: credential };
  }

  client(): LambdaClient {
    return new LambdaClient({ endpoint: this.#endpoint, ...this.#credentials() });
  }

  /** Creates a function from files given as text and waits until it is active. */
  async create(name: string, runtime: string, handler: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
    const client = this.client();
    await client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: runtime as Runtime,
        Handler: handler,
        Role: 'arn:aws:iam::123456789012:role/bench',
        Code: { ZipFile: await zip(files) },
        MemorySize: 512,
      }),
    );
    await waitUntilFunctionActiveV2({ client, maxWaitTime: 30, minDelay: 0.02, maxDelay: 0.1 }, { FunctionName: name });
    client.destroy();
  }

  /** A signed Invoke as a load generator can repeat it: the signature holds for five minutes. */
  async invocation(name: string, body: string): Promise<LoadTarget> {
    const url = new URL(`/2015-03-31/functions/${name}/invocations`, this.#endpoint);
    const { region, credentials } = this.#credentials();
    const signer = new SignatureV4({ service: 'lambda', region, credentials, sha256: Sha256 });
    const signed = await signer.sign({
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      headers: { host: url.host, 'content-type': 'application/json' },
      body,
    });
    return { url: url.href, headers: signed.headers, body };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child !== null) await stop(this.#child, signal);
  }

  /** Stops it and removes its data folder. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function zip(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files)) archive.addBuffer(content, name, { mode: 0o100755 });
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
