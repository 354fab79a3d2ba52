import type { Converged } from './converge.js';
import type { Scope } from './intrinsics.js';
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
import { physicalName } from './naming.js';
import { foreignArns } from './resources/handlers.js';

export interface ScopeFacts {
  readonly stack: string;
  readonly account: string;
  readonly region: string;
  /** Values of the template's parameters, as given on the command line. */
  readonly given: Readonly<Record<string, string>>;
}

/** Set by `cdk bootstrap` and only checked by its own tool. */
const ignoredParameters = new Set(['BootstrapVersion']);

/** Values of all parameters: given, or their defaults. Throws DeployError that names all that are missing or wrong. */
export function parameterValues(template: Template, facts: ScopeFacts): Map<string, Value> {
  const values = new Map<string, Value>([
    ['AWS::AccountId', facts.account],
    ['AWS::Region', facts.region],
    ['AWS::Partition', 'aws'],
    ['AWS::StackName', facts.stack],
    ['AWS::StackId', `arn:aws:cloudformation:${facts.region}:${facts.account}:stack/${facts.stack}/hearth`],
    ['AWS::URLSuffix', 'amazonaws.com'],
    ['AWS::NotificationARNs', []],
  ]);
  const problems: string[] = [];
  for (const [name, value] of Object.entries(template.parameters)) {
    const definition = propertiesOf(value, `Parameters.${name}`);
    const text = facts.given[name] ?? definition.Default;
    const type = String(definition.Type ?? 'String');
    if (facts.given[name] === undefined && (type.startsWith('AWS::SSM::') || text === undefined)) {
      if (ignoredParameters.has(name)) continue;
      problems.push(`${name} has no value: --param ${name}=VALUE`);
      continue;
    }
    const allowed = listOf(definition.AllowedValues, name).map(String);
    if (allowed.length > 0 && !allowed.includes(String(text))) {
      problems.push(`${name} must be one of ${allowed.join(', ')}, not ${String(text)}`);
    }
    const list = type === 'CommaDelimitedList' || type.startsWith('List<');
    values.set(name, list && typeof text === 'string' ? text.split(',').map((item) => item.trim()) : (text as Value));
  }
  const unused = Object.keys(facts.given).filter((name) => template.parameters[name] === undefined);
  if (unused.length > 0 && !template.takesOthers) problems.push(`the template has no parameter ${unused.join(', ')}`);
  if (problems.length > 0) throw new DeployError('Parameters', problems.join('; '));
  return values;
}

/** Names of one deployment: parameters, and resources as far as they are converged. */
export class StackScope implements Scope {
  readonly parameters: ReadonlyMap<string, Value>;
  readonly mappings: Properties;
  readonly conditions: Properties;
  readonly converged = new Map<string, Converged>();
  readonly #template: Template;
  readonly #facts: ScopeFacts;

  constructor(template: Template, facts: ScopeFacts) {
    this.#template = template;
    this.#facts = facts;
    this.parameters = parameterValues(template, facts);
    this.mappings = template.mappings;
    this.conditions = template.conditions;
  }

  has(logicalId: string): boolean {
    return this.#template.resources.has(logicalId);
  }

  ref(logicalId: string): string {
    return this.converged.get(logicalId)?.ref ?? this.#foreignName(logicalId);
  }

  attribute(logicalId: string, name: string): string {
    const done = this.converged.get(logicalId);
    if (done !== undefined) {
      const value = done.attributes[name];
      if (value === undefined) throw new DeployError(`Resources.${logicalId}`, `has no attribute ${name} here`);
      return value;
    }
    const { region, account } = this.#facts;
    const arn = foreignArns[this.#template.resources.get(logicalId)?.type ?? ''];
    if (name === 'Arn' && arn !== undefined) return arn(region, account, this.#foreignName(logicalId));
    if (name.endsWith('Name')) return this.#foreignName(logicalId);
    return `(${logicalId}.${name}: not deployed by Hearth)`;
  }

  /** Its own name property (`QueueName`), or one made from the stack's. */
  #foreignName(logicalId: string): string {
    const resource = this.#template.resources.get(logicalId);
    const kind = resource?.type.split('::').at(-1) ?? '';
    const own = resource?.properties[`${kind}Name`] ?? resource?.properties.Name;
    if (own === undefined || isProperties(own)) return physicalName(this.#facts.stack, logicalId);
    return textOf(own, logicalId);
  }
}
