import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sha256 } from '@aws-crypto/sha256-js';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  type Runtime,
} from '@aws-sdk/client-lambda';
import { SignatureV4 } from '@smithy/signature-v4';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { type Credential, CredentialStore } from '../../src/frontend/signature/credentials.js';
import type { WhyReport } from '../../src/observe/invocations/why.js';
import { cleanEnvironment, stop } from './childprocess.js';
import { keepSnapshots, seedSnapshots } from './snapshotseed.js';
import { zip } from './zip.js';

const role = 'arn:aws:iam::123456789012:role/test';

/** The runtime that every machine has: the Node of these tests and of the platform they start. */
export const ownNode = `nodejs${process.versions.node.split('.')[0]}.x` as Runtime;

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SignedRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Invoked {
  readonly statusCode: number | undefined;
  readonly functionError: string | undefined;
  readonly executedVersion: string | undefined;
  /** The payload's text. */
  readonly payload: string;
  /** The decoded log tail; empty when it was not asked for. */
  readonly log: string;
}

/** `HEARTH_TEST_ISOLATION=microvm` runs every test that asks for no isolation of its own with that driver. */
export function testIsolation(): readonly string[] {
  const grade = process.env.HEARTH_TEST_ISOLATION;
  return grade === undefined ? [] : ['--isolation', grade];
}

/** A whole platform in its own process, started as a user starts it, with a data folder of its own. */
export class Hearth {
  #child: ChildProcess | null = null;
  #endpoint = '';
  readonly #destroy: (() => void)[] = [];

  private constructor(
    private readonly args: readonly string[],
    readonly folder = mkdtempSync(join(tmpdir(), 'hearth-system-')),
  ) {}

  /** Clients for a platform that somebody else started, and stops. */
  static at(folder: string, endpoint: string): Hearth {
    const hearth = new Hearth([], folder);
    hearth.#endpoint = endpoint;
    return hearth;
  }

  static async start(...args: string[]): Promise<Hearth> {
    const hearth = new Hearth(args);
    await hearth.start();
    return hearth;
  }

  /** Milliseconds from spawning the command to the endpoint being served. */
  async start(readyMsMax = 60_000): Promise<number> {
    const readyFile = join(this.folder, 'ready');
    rmSync(readyFile, { force: true });
    const startedMs = performance.now();
    const isolation = this.args.includes('--isolation') ? [] : testIsolation();
    if (isolation.includes('microvm')) seedSnapshots(this.folder);
    const args = ['up', '--port', '0', '--data', this.folder, '--ready-file', readyFile, ...isolation, ...this.args];
    // It ends with this process, also when this one is killed. (exec all along: the number stays that of the platform.)
    const mortal = ['--pdeathsig', 'TERM', '--', join(projectRoot, 'bin', 'hearth')];
    this.#child = spawn('setpriv', [...mortal, ...args], {
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

  get credentials(): CredentialStore {
    return CredentialStore.open(this.folder);
  }

  get credential(): Credential {
    return this.credentials.list()[0]!;
  }

  #configuration(credential = this.credential) {
    const { accessKeyId, secretAccessKey } = credential;
    const region = this.credentials.defaultRegion as string;
    return { endpoint: this.#endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 };
  }

  lambda(credential?: Credential): LambdaClient {
    const client = new LambdaClient(this.#configuration(credential));
    this.#destroy.push(() => client.destroy());
    return client;
  }

  logs(credential?: Credential): CloudWatchLogsClient {
    const client = new CloudWatchLogsClient(this.#configuration(credential));
    this.#destroy.push(() => client.destroy());
    return client;
  }

  /** What AWS clients started as other processes need. */
  get environment(): NodeJS.ProcessEnv {
    const { region, credentials } = this.#configuration();
    return {
      PATH: process.env.PATH,
      HOME: this.folder,
      HEARTH_EXTRA_CA_CERTS: cleanEnvironment().HEARTH_EXTRA_CA_CERTS,
      HEARTH_DIST: cleanEnvironment().HEARTH_DIST,
      AWS_ENDPOINT_URL: this.#endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_PAGER: '',
    };
  }

  /** Debian's AWS CLI against this platform. */
  aws(...args: string[]): Promise<Ran> {
    return this.awsAs(this.environment, ...args);
  }

  awsAs(environment: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran> {
    const all = ['--endpoint-url', this.#endpoint, '--output', 'json', ...args];
    return run('/usr/bin/aws', all, environment, this.folder);
  }

  /** Our own CLI against this platform. */
  cli(command: string, ...args: string[]): Promise<Ran> {
    return run(join(projectRoot, 'bin', 'hearth'), [command, '--data', this.folder, ...args], this.environment);
  }

  /** What `hearth why` tells of an invocation. */
  async why(requestId: string): Promise<WhyReport> {
    const { status, stdout, stderr } = await this.cli('why', requestId, '--json');
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as WhyReport;
  }

  /** Creates a function from files given as text and waits until it is active. */
  async create(
    name: string,
    runtime: string,
    handler: string,
    files: Readonly<Record<string, Buffer | string>>,
    more: Partial<CreateFunctionCommandInput> = {},
  ): Promise<void> {
    const client = this.lambda();
    await client.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Runtime: runtime as Runtime,
        Handler: handler,
        Role: role,
        Code: { ZipFile: await zip(files) },
        MemorySize: 512,
        ...more,
      }),
    );
    // Not the SDK's waiter: it looks once a second.
    const isActive = async () => {
      const { State } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
      return State === 'Active';
    };
    await eventually(isActive, `${name} to become active`);
    client.destroy();
  }

  async invoke(name: string, payload: unknown = {}, more: Partial<InvokeCommandInput> = {}): Promise<Invoked> {
    const client = this.lambda();
    const answer = await client.send(
      new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload), LogType: 'Tail', ...more }),
    );
    client.destroy();
    return {
      statusCode: answer.StatusCode,
      functionError: answer.FunctionError,
      executedVersion: answer.ExecutedVersion,
      payload: Buffer.from(answer.Payload ?? []).toString(),
      log: Buffer.from(answer.LogResult ?? '', 'base64').toString(),
    };
  }

  /** A signed Invoke as a load generator can repeat it: the signature holds for five minutes. */
  async invocation(name: string, body: string): Promise<SignedRequest> {
    const url = new URL(`/2015-03-31/functions/${name}/invocations`, this.#endpoint);
    const { region, credentials } = this.#configuration();
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
    for (const destroy of this.#destroy) destroy();
    await this.stop();
    if (testIsolation().includes('microvm')) keepSnapshots(this.folder);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Longest run of a command line client in a test; far above what any needs. */
const runMsMax = 60_000;

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { env, cwd, timeout: runMsMax, encoding: 'utf8' }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

/** Waits for a state that another process reaches by itself; fails after the deadline, which is no speed limit. */
export async function eventually<T>(
  look: () => Promise<T | null | undefined | false>,
  what: string,
  msMax = 30_000,
): Promise<T> {
  const deadlineMs = performance.now() + msMax;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
