import { isAbsolute, join } from 'node:path';
import { type Bundle, inlineBundle, localBundle } from './bundle.js';
import type { Change, Converged, Surroundings } from './converge.js';
import { Resolver } from './intrinsics.js';
import {
  DeployError,
  isProperties,
  listOf,
  type Properties,
  propertiesOf,
  type Template,
  textOf,
  type Value,
} from './model.js';
import { deployOrder } from './order.js';
import type { StackRecord } from './record.js';
import { handlers, silent } from './resources/handlers.js';
import { StackScope } from './scope.js';

/** One line of a plan, or of what was done. */
export interface Step {
  readonly logicalId: string;
  readonly type: string;
  readonly change: Change | 'delete' | 'left out' | 'failed';
  readonly details: readonly string[];
}

export interface Deployment {
  readonly stack: string;
  readonly steps: readonly Step[];
  readonly remarks: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Folders and files whose change means deploying again. */
  readonly watched: readonly string[];
}

export type Clients = Pick<Surroundings, 'lambda' | 'logs' | 'account' | 'region' | 'adopting'>;

export interface DeployRequest {
  readonly template: Template;
  readonly stack: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly record: StackRecord;
  readonly planning: boolean;
  /** Hears of each step as it ends. */
  readonly onStep?: (step: Step) => void;
}

/**
 * Brings the platform to what the template says, resource by resource in the order they need each other. A resource
 * that fails is reported and so is what needs it; the others go on. Throws DeployError when the template is wrong.
 */
export async function deploy(request: DeployRequest, clients: Clients): Promise<Deployment> {
  return await new StackDeployment(request, clients).run();
}

class StackDeployment {
  readonly #request: DeployRequest;
  readonly #around: Surroundings;
  readonly #scope: StackScope;
  readonly #resolver: Resolver;
  readonly #steps: Step[] = [];
  readonly #remarks: string[] = [];
  readonly #failed = new Set<string>();
  readonly #watched: Set<string>;
  readonly #bundles = new Map<string, Promise<Bundle>>();

  constructor(request: DeployRequest, clients: Clients) {
    const { template, stack, parameters, planning } = request;
    this.#request = request;
    this.#scope = new StackScope(template, { stack, given: parameters, ...clients });
    this.#resolver = new Resolver(this.#scope);
    this.#watched = new Set(template.files);
    this.#around = {
      ...clients,
      stack,
      planning,
      changed: new Set(),
      bundle: (code, runtime, where) => this.#bundle(code, runtime, where),
      remark: (logicalId, text) => this.#remarks.push(`${logicalId}: ${text}`),
    };
  }

  async run(): Promise<Deployment> {
    const { template, record, planning, stack } = this.#request;
    for (const logicalId of deployOrder(template.resources)) await this.#resource(logicalId);
    await this.#removeOld();
    if (!planning) record.save();
    return {
      stack,
      steps: this.#steps,
      remarks: this.#remarks,
      outputs: this.#outputs(),
      watched: [...this.#watched],
    };
  }

  async #resource(logicalId: string): Promise<void> {
    const { template, record, planning } = this.#request;
    const resource = template.resources.get(logicalId)!;
    const { type } = resource;
    const where = `Resources.${logicalId}`;
    if (resource.condition !== null && !this.#resolver.holds(resource.condition, where)) return;
    const handler = handlers.get(type);
    if (handler === undefined) {
      if (!silent.has(type))
        this.#step({ logicalId, type, change: 'left out', details: ['Hearth has no such resource'] });
      return;
    }
    let done: Converged;
    try {
      const needed = this.#failedNeeds(logicalId);
      if (needed !== null) throw new DeployError(where, `needs ${needed}, which failed`);
      const properties = propertiesOf(this.#resolver.resolve(resource.properties, where), where);
      done = await handler.converge(logicalId, properties, this.#around);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#failed.add(logicalId);
      const text = error instanceof DeployError ? error.message : `${error.name}: ${error.message}`;
      this.#step({ logicalId, type, change: 'failed', details: [text] });
      return;
    }
    this.#scope.converged.set(logicalId, done);
    if (!planning) record.resources.set(logicalId, { type, identity: done.identity });
    this.#step({ logicalId, type, change: done.change, details: done.details });
  }

  #failedNeeds(logicalId: string): string | null {
    if (this.#failed.size === 0) return null;
    const text = JSON.stringify(this.#request.template.resources.get(logicalId));
    return [...this.#failed].find((id) => text.includes(`"${id}"`) || text.includes(`\${${id}`)) ?? null;
  }

  /** What an earlier template had and this one has not, the newest first. */
  async #removeOld(): Promise<void> {
    const { record, planning } = this.#request;
    const old = [...record.resources]
      .filter(([id]) => !this.#scope.converged.has(id) && !this.#failed.has(id))
      .reverse();
    for (const [logicalId, { type, identity }] of old) {
      const remove = handlers.get(type)?.remove ?? null;
      if (!planning) {
        try {
          await remove?.(identity, this.#around);
        } catch (error) {
          this.#step({ logicalId, type, change: 'failed', details: [String(error)] });
          continue;
        }
        record.resources.delete(logicalId);
      }
      if (remove !== null) this.#step({ logicalId, type, change: 'delete', details: [] });
    }
  }

  #step(step: Step): void {
    this.#steps.push(step);
    this.#request.onStep?.(step);
  }

  #outputs(): Record<string, string> {
    const outputs: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#request.template.outputs)) {
      const where = `Outputs.${name}`;
      const { Condition: condition, Value: given } = propertiesOf(value, where);
      if (typeof condition === 'string' && !this.#resolver.holds(condition, where)) continue;
      try {
        outputs[name] = textOf(this.#resolver.resolve(given as Value, where), where);
      } catch (error) {
        this.#remarks.push(String((error as Error).message));
      }
    }
    return outputs;
  }

  async #bundle(code: Value, runtime: string, where: string): Promise<Bundle | null> {
    const { template } = this.#request;
    const place = placeOf(code, where);
    if (place.kind === 'inline') return await inlineBundle(place.text, runtime);
    let { path } = place;
    if (place.kind === 's3') {
      const asset = template.asset(path);
      if (asset === null) return null;
      path = asset;
    }
    const full = isAbsolute(path) ? path : join(template.folder, path);
    this.#watched.add(full);
    const key = `${full}\n${place.patterns.join('\n')}`;
    let bundle = this.#bundles.get(key);
    if (bundle === undefined) {
      bundle = localBundle(full, where, place.patterns);
      this.#bundles.set(key, bundle);
    }
    return await bundle;
  }
}

type CodePlace =
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'local' | 's3'; readonly path: string; readonly patterns: readonly string[] };

function placeOf(code: Value, where: string): CodePlace {
  if (typeof code === 'string') return { kind: 'local', path: code, patterns: [] };
  if (isProperties(code)) {
    const { ZipFile, S3Key, Folder, Patterns } = code as Properties;
    if (typeof ZipFile === 'string') return { kind: 'inline', text: ZipFile };
    if (S3Key !== undefined) return { kind: 's3', path: textOf(S3Key, where), patterns: [] };
    if (typeof Folder === 'string')
      return { kind: 'local', path: Folder, patterns: listOf(Patterns, where).map(String) };
    if (code.ImageUri !== undefined) throw new DeployError(where, 'container images are not supported');
  }
  throw new DeployError(where, 'says nothing about where the code is');
}
