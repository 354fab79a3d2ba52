import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseText } from './document.js';
import { DeployError, isProperties, type Properties, type Value } from './model.js';

export interface VariableSources {
  /** The whole document, for `self:`. */
  readonly document: Properties;
  readonly folder: string;
  /** `--stage` and other options, for `opt:`. */
  readonly options: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stage: string;
  readonly region: string;
  readonly account: string;
  /** Files read by `file(…)`. */
  readonly files: string[];
}

/** References may lead to references; a circle ends here. */
const depthMax = 32;

/**
 * Variables of the Serverless Framework (https://www.serverless.com/framework/docs/providers/aws/guide/variables):
 * `${self:…}`, `${opt:…}`, `${env:…}`, `${param:…}`, `${sls:…}`, `${aws:…}` and `${file(…):…}`, with fallbacks behind
 * commas. `${AWS::Region}` and the like are CloudFormation's and stay.
 */
export class Variables {
  readonly #sources: VariableSources;

  constructor(sources: VariableSources) {
    this.#sources = sources;
  }

  resolve(value: Value | undefined, where: string, depth = 0): Value | undefined {
    if (typeof value === 'string') return this.#text(value, where, depth);
    if (Array.isArray(value)) {
      return value.map((item, index) => this.resolve(item, `${where}[${index}]`, depth) ?? null);
    }
    if (!isProperties(value)) return value;
    const resolved: Record<string, Value | undefined> = {};
    for (const [name, member] of Object.entries(value))
      resolved[name] = this.resolve(member, `${where}.${name}`, depth);
    return resolved;
  }

  #text(text: string, where: string, depth: number): Value | undefined {
    if (depth > depthMax) throw new DeployError(where, 'its variables refer to each other in a circle');
    // Innermost first: ${self:custom.${sls:stage}.name}.
    const inner = /\$\{((?!AWS::)[a-zA-Z][^${}]*)\}/.exec(text);
    if (inner === null) return text;
    const expression = inner[1] as string;
    // A bare name is CloudFormation's (Fn::Sub), not a variable.
    if (!/[:(]/.test(expression)) {
      const end = inner.index + inner[0].length;
      const rest = this.#text(text.slice(end), where, depth);
      return `${text.slice(0, end)}${String(rest ?? '')}`;
    }
    const value = this.#expression(expression, where, depth);
    if (inner[0] === text) return value;
    if (typeof value === 'object' && value !== null) throw new DeployError(where, `${inner[0]} is not text`);
    return this.#text(
      text.replace(inner[0], () => String(value ?? '')),
      where,
      depth + 1,
    );
  }

  #expression(expression: string, where: string, depth: number): Value | undefined {
    const choices = splitChoices(expression);
    for (const choice of choices) {
      const literal = /^(?:'([^']*)'|"([^"]*)"|(-?\d+(?:\.\d+)?)|(true|false|null))$/.exec(choice);
      if (literal !== null) {
        if (literal[3] !== undefined) return Number(literal[3]);
        if (literal[4] !== undefined) return literal[4] === 'null' ? null : literal[4] === 'true';
        return literal[1] ?? literal[2] ?? '';
      }
      const value = this.#source(choice, where, depth);
      if (value !== undefined && value !== null) return value;
    }
    throw new DeployError(where, `\${${expression}} has no value`);
  }

  #source(text: string, where: string, depth: number): Value | undefined {
    const file = /^file\(([^)]+)\)(?::(.+))?$/.exec(text);
    if (file !== null) return this.#file((file[1] as string).trim(), file[2], where, depth);
    const colon = text.indexOf(':');
    const [kind, name] = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
    const { options, environment, parameters, stage, region, account, document } = this.#sources;
    switch (kind) {
      case 'self':
        return this.resolve(memberOf(document, name), where, depth + 1);
      case 'opt':
        return name === 'stage' ? (options.stage ?? undefined) : name === 'region' ? options.region : options[name];
      case 'env':
        return environment[name];
      case 'param':
        return parameters[name];
      case 'sls':
        return name === 'stage' ? stage : name === 'instanceId' ? 'hearth' : undefined;
      case 'aws':
        return name === 'region' ? region : name === 'accountId' ? account : undefined;
      default:
        throw new DeployError(where, `variables of the kind \${${kind}:…} cannot be resolved here`);
    }
  }

  #file(path: string, member: string | undefined, where: string, depth: number): Value | undefined {
    const full = join(this.#sources.folder, path);
    let text: string;
    try {
      text = readFileSync(full, 'utf8');
    } catch {
      return undefined;
    }
    this.#sources.files.push(full);
    if (!/\.(ya?ml|json)$/.test(path)) {
      if (/\.[cm]?[jt]s$/.test(path)) throw new DeployError(where, `${path}: code is not run to find a value`);
      return text;
    }
    const value = parseText(text, full);
    return this.resolve(member === undefined ? value : memberOf(value, member), where, depth + 1);
  }
}

function memberOf(value: Value, path: string): Value | undefined {
  if (path === '') return value;
  let found: Value | undefined = value;
  for (const name of path.split('.')) {
    if (Array.isArray(found)) found = found[Number(name)] as Value | undefined;
    else if (isProperties(found)) found = found[name];
    else return undefined;
  }
  return found;
}

/** At commas, but not at those inside quotes or parentheses. */
function splitChoices(expression: string): string[] {
  const choices = expression.match(/(?:'[^']*'|"[^"]*"|\([^)]*\)|[^,])+/g) ?? [];
  return choices.map((choice) => choice.trim());
}
