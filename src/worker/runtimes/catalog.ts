import { createHash, createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { assert } from '../../kernel/assert.js';
import { hourMs } from '../../kernel/units.js';
import { type FunctionSpec, type RuntimeName, runtimeNames } from '../../wire/functionspec.js';
import { type ContainerCredentials, credentialsUri } from '../containercredentials.js';
import type { RuntimeLaunch } from '../sandbox/driver.js';
import type { RuntimeCatalog } from '../service.js';
import {
  type FoundRuntime,
  type InstallProgress,
  javaMajor,
  type RuntimeDescription,
  type RuntimeFamily,
  RuntimeUnavailable,
} from './description.js';
import { type FunctionCredentials, functionEnvironment, type SandboxDetails, startVariables } from './environment.js';
import { javaClient, javaFamily } from './java.js';
import { nodeFamily } from './node.js';
import { pythonFamily } from './python.js';
import { rubyFamily } from './ruby.js';

/** The runtimes of this machine: what is there, what can be added, and how each is started. */
export interface Runtimes extends RuntimeCatalog {
  /** Every runtime Hearth knows, in a fixed order. */
  list(): Promise<readonly RuntimeDescription[]>;
  /** Makes a runtime ready; at once when it is. Rejects with RuntimeUnavailable. */
  add(name: RuntimeName, onProgress?: (progress: InstallProgress) => void): Promise<RuntimeDescription>;
}

export interface RuntimesOptions {
  /** The platform's data folder; runtimes are installed in `runtimes/` below it. */
  readonly dataDirectory: string;
  /** Credentials for a function's own calls; none without it. */
  readonly credentials?: (spec: FunctionSpec) => FunctionCredentials | null;
  /**
   * Key of the tokens with which functions with SnapStart ask for credentials. Snapshots hold such tokens, so it has to
   * stay the same while they live. Default: one for the life of this object.
   */
  readonly tokenSecret?: Buffer;
  /** Runtimes that wait for their function are saved, and every sandbox is a clone. Default: each starts for itself. */
  readonly cloned?: boolean;
}

/** SDKs ask again before this is over; a session has ten hours left when it is given out. */
const credentialsMs = hourMs;

const providedFamily: RuntimeFamily = {
  owns: (name) => name.startsWith('provided'),
  find: async (name) => ({
    version: '1',
    detail: 'the function brings its own bootstrap, in /var/task or /opt',
    launch: { name, mounts: [], command: null, environment: {} },
  }),
  absence: async () => ({ status: 'missing', detail: '' }),
};

const families: readonly RuntimeFamily[] = [nodeFamily, pythonFamily, rubyFamily, javaFamily, providedFamily];

function familyOf(name: RuntimeName): RuntimeFamily {
  const found = families.find((family) => family.owns(name));
  assert(found !== undefined, `${name} belongs to no family`);
  return found;
}

export class MachineRuntimes implements Runtimes {
  readonly #directory: string;
  readonly #credentials: (spec: FunctionSpec) => FunctionCredentials | null;
  readonly #tokenSecret: Buffer;
  readonly #cloned: boolean;
  /** What was found; a runtime that was not is looked for again the next time. */
  readonly #found = new Map<RuntimeName, Promise<FoundRuntime | null>>();
  readonly #versions = new Map<RuntimeName, string>();
  readonly #adding = new Map<RuntimeName, Promise<void>>();

  constructor({
    dataDirectory,
    credentials = () => null,
    tokenSecret = randomBytes(32),
    cloned = false,
  }: RuntimesOptions) {
    this.#directory = join(dataDirectory, 'runtimes');
    this.#credentials = credentials;
    this.#tokenSecret = tokenSecret;
    this.#cloned = cloned;
  }

  async list(): Promise<readonly RuntimeDescription[]> {
    return Promise.all(runtimeNames.map((name) => this.#describe(name)));
  }

  async add(
    name: RuntimeName,
    onProgress: (progress: InstallProgress) => void = () => {},
  ): Promise<RuntimeDescription> {
    const before = await this.#describe(name);
    if (before.status === 'ready') return before;
    if (before.status === 'missing') throw new RuntimeUnavailable(`${name}: ${before.detail}`);
    // Two at once would fetch the same thing twice: the second one waits for the first.
    let adding = this.#adding.get(name);
    if (adding === undefined) {
      adding = familyOf(name).install!(name, this.#directory, onProgress).finally(() => this.#adding.delete(name));
      this.#adding.set(name, adding);
    }
    await adding;
    return this.#describe(name);
  }

  async launch(name: RuntimeName): Promise<RuntimeLaunch> {
    let found = await this.#find(name);
    const adding = this.#adding.get(name);
    if (found === null && adding !== undefined) {
      // On its way, for a function that was just created: its first invocation waits rather than fails.
      await adding;
      found = await this.#find(name);
    }
    if (found !== null) {
      const { launch } = found;
      // Our bootstraps prepare for it; nothing of this variable is left when code of a function runs.
      return this.#cloned ? { ...launch, environment: { ...launch.environment, HEARTH_SNAPSHOTS: '1' } } : launch;
    }
    const { status, detail } = await this.#describe(name);
    const how = status === 'installable' ? `add it with: hearth runtimes add ${name}` : detail;
    throw new RuntimeUnavailable(`runtime ${name} is not on this machine; ${how}`);
  }

  functionEnvironment(spec: FunctionSpec, sandbox: SandboxDetails): Readonly<Record<string, string>> {
    if (sandbox.initializationType !== 'snap-start') return functionEnvironment(spec, sandbox, this.#credentials(spec));
    const offered = this.containerCredentials(spec);
    const uri = credentialsUri(sandbox.runtimeApi);
    return functionEnvironment(spec, sandbox, offered === null ? null : { uri, token: offered.token });
  }

  containerCredentials(spec: FunctionSpec): ContainerCredentials | null {
    if (spec.snapshot === null || this.#credentials(spec) === null) return null;
    const token = createHmac('sha256', this.#tokenSecret)
      .update(`container credentials ${spec.pool}`)
      .digest('base64url');
    return {
      token,
      document: () => {
        const { accessKeyId, secretAccessKey, sessionToken } = this.#credentials(spec)!;
        const Expiration = new Date(Date.now() + credentialsMs).toISOString();
        const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
        return JSON.stringify({ ...keys, Expiration });
      },
    };
  }

  startVariables(spec: FunctionSpec, libraries = false): Readonly<Record<string, string>> {
    return startVariables(spec, libraries);
  }

  client(spec: FunctionSpec) {
    return javaMajor(spec.runtime) === null ? null : javaClient(spec);
  }

  /**
   * Label and ARN of the runtime version for INIT_START. The label is `nodejs:22.v23.3` for Node 22.23.3; the ARN has
   * the form of Lambda's, its last part is the SHA-256 of label and architecture: the same version, the same ARN.
   */
  version(name: RuntimeName, region: string): { readonly name: string; readonly arn: string } {
    const [, family, major] = /^([a-z]+)\.?([a-z0-9.]*?)(?:\.x)?$/.exec(name)!;
    const full = this.#versions.get(name) ?? '0';
    const label = `${family}:${major}.v${full.startsWith(`${major}.`) ? full.slice(major!.length + 1) : full}`;
    const digest = createHash('sha256').update(`${label} ${process.arch}`).digest('hex');
    return { name: label, arn: `arn:aws:lambda:${region}::runtime:${digest}` };
  }

  async #find(name: RuntimeName): Promise<FoundRuntime | null> {
    let looking = this.#found.get(name);
    if (looking === undefined) {
      looking = familyOf(name).find(name, this.#directory);
      this.#found.set(name, looking);
    }
    const found = await looking;
    if (found === null) this.#found.delete(name);
    else this.#versions.set(name, found.version);
    return found;
  }

  async #describe(name: RuntimeName): Promise<RuntimeDescription> {
    const found = await this.#find(name);
    if (found !== null) {
      const version = name.startsWith('provided') ? null : found.version;
      return { name, status: 'ready', version, detail: found.detail };
    }
    return { name, version: null, ...(await familyOf(name).absence(name)) };
  }
}
