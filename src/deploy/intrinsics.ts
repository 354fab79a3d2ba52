import { DeployError, isProperties, listOf, type Properties, textOf, type Value } from './model.js';

/** What names in a template stand for. */
export interface Scope {
  readonly parameters: ReadonlyMap<string, Value>;
  readonly mappings: Properties;
  readonly conditions: Properties;
  /** Whether the template has this resource, and its condition holds. */
  has(logicalId: string): boolean;
  /** What `Ref` of a resource gives. */
  ref(logicalId: string): string;
  attribute(logicalId: string, name: string): string;
}

/** `AWS::NoValue`: the property is as if it were not there. */
const noValue = Symbol('AWS::NoValue');
type Resolved = Value | typeof noValue;

/** Resolves parameters, references, conditions and the common functions of CloudFormation. */
export class Resolver {
  readonly #scope: Scope;
  readonly #conditions = new Map<string, boolean | 'evaluating'>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** `value` without functions; undefined for `AWS::NoValue`. `where`: its path, for errors. */
  resolve(value: Value, where: string): Value | undefined {
    const resolved = this.#value(value, where);
    return resolved === noValue ? undefined : resolved;
  }

  /** Whether the condition of this name holds. */
  holds(name: string, where: string): boolean {
    const known = this.#conditions.get(name);
    if (known === 'evaluating') throw new DeployError(where, `condition ${name} depends on itself`);
    if (known !== undefined) return known;
    const definition = this.#scope.conditions[name];
    if (definition === undefined) throw new DeployError(where, `there is no condition ${name}`);
    this.#conditions.set(name, 'evaluating');
    const result = this.#truth(definition, `Conditions.${name}`);
    this.#conditions.set(name, result);
    return result;
  }

  #value(value: Value, where: string): Resolved {
    if (Array.isArray(value)) {
      return value.map((item, index) => this.#value(item, `${where}[${index}]`)).filter((item) => item !== noValue);
    }
    if (!isProperties(value)) return value;
    const names = Object.keys(value);
    const [only] = names;
    if (
      names.length === 1 &&
      only !== undefined &&
      (only === 'Ref' || only.startsWith('Fn::') || only === 'Condition')
    ) {
      const argument = value[only] as Value;
      if (only !== 'Condition') return this.#call(only, argument, where);
      if (typeof argument === 'string' && this.#scope.conditions[argument] !== undefined) {
        return this.holds(argument, where);
      }
    }
    const resolved: Record<string, Value> = {};
    for (const name of names) {
      const member = this.#value(value[name] as Value, `${where}.${name}`);
      if (member !== noValue) resolved[name] = member;
    }
    return resolved;
  }

  #call(name: string, argument: Value, where: string): Resolved {
    switch (name) {
      case 'Ref':
        return this.#reference(textOf(argument, where), where);
      case 'Fn::GetAtt': {
        const [id, ...attribute] = typeof argument === 'string' ? argument.split('.') : this.#texts(argument, where);
        return this.#attribute(id ?? '', attribute.join('.'), where);
      }
      case 'Fn::Sub':
        return this.#substitute(argument, where);
      case 'Fn::Join': {
        const [separator, parts] = listOf(argument, where);
        return this.#texts(parts as Value, where).join(textOf(separator, where));
      }
      case 'Fn::Select': {
        const [index, list] = listOf(argument, where);
        const items = listOf(this.#list(list as Value, where), where);
        const item = items[Number(this.resolve(index as Value, where))];
        if (item === undefined) throw new DeployError(where, 'Fn::Select finds nothing at this index');
        return item;
      }
      case 'Fn::Split': {
        const [separator, text] = listOf(argument, where);
        return this.#text(text as Value, where).split(textOf(separator, where));
      }
      case 'Fn::If': {
        const [condition, yes, no] = listOf(argument, where);
        return this.#value((this.holds(textOf(condition, where), where) ? yes : no) as Value, where);
      }
      case 'Fn::FindInMap': {
        const [map, top, second] = this.#texts(argument, where);
        const found = (this.#scope.mappings[map ?? ''] as Properties | undefined)?.[top ?? ''] as
          | Properties
          | undefined;
        const value = found?.[second ?? ''];
        if (value === undefined) throw new DeployError(where, `Fn::FindInMap finds no ${map}.${top}.${second}`);
        return value;
      }
      case 'Fn::Base64':
        return Buffer.from(this.#text(argument, where)).toString('base64');
      case 'Fn::Length':
        return listOf(this.#list(argument, where), where).length;
      case 'Fn::ToJsonString':
        return JSON.stringify(this.resolve(argument, where));
      case 'Fn::GetAZs':
        return ['a', 'b', 'c'].map((zone) => `${this.#reference('AWS::Region', where) as string}${zone}`);
      case 'Fn::Equals':
      case 'Fn::And':
      case 'Fn::Or':
      case 'Fn::Not':
        return this.#truth({ [name]: argument }, where);
      default:
        throw new DeployError(where, `${name} cannot be resolved here`);
    }
  }

  #truth(value: Value, where: string): boolean {
    if (typeof value === 'boolean') return value;
    if (!isProperties(value)) throw new DeployError(where, 'is not a condition');
    const [name, argument] = Object.entries(value)[0] ?? ['', null];
    const parts = () => listOf(argument as Value, where).map((part) => this.#truth(part, where));
    switch (name) {
      case 'Fn::Equals': {
        const [left, right] = listOf(argument as Value, where).map((part) => this.resolve(part, where));
        // CloudFormation compares as text: "true" equals true.
        return JSON.stringify(comparable(left)) === JSON.stringify(comparable(right));
      }
      case 'Fn::And':
        return parts().every(Boolean);
      case 'Fn::Or':
        return parts().some(Boolean);
      case 'Fn::Not':
        return !parts()[0];
      case 'Condition':
        return this.holds(textOf(argument as Value, where), where);
      default:
        throw new DeployError(where, `${name} is not a condition`);
    }
  }

  #reference(name: string, where: string): Resolved {
    if (name === 'AWS::NoValue') return noValue;
    const parameter = this.#scope.parameters.get(name);
    if (parameter !== undefined) return parameter;
    if (this.#scope.has(name)) return this.#scope.ref(name);
    throw new DeployError(where, `${name} is neither a parameter nor a resource of this template`);
  }

  #attribute(id: string, attribute: string, where: string): string {
    if (!this.#scope.has(id)) throw new DeployError(where, `there is no resource ${id}`);
    return this.#scope.attribute(id, attribute);
  }

  #substitute(argument: Value, where: string): string {
    const [text, own] = Array.isArray(argument) ? argument : [argument, {}];
    const variables = isProperties(own) ? own : {};
    return textOf(text, where).replace(/\$\{([^}]*)\}/g, (whole, inner: string) => {
      if (inner.startsWith('!')) return `\${${inner.slice(1)}}`;
      const name = inner.trim();
      if (variables[name] !== undefined) return this.#text(variables[name] as Value, where);
      const dot = name.indexOf('.');
      const value =
        dot < 0 ? this.#reference(name, where) : this.#attribute(name.slice(0, dot), name.slice(dot + 1), where);
      return typeof value === 'string' || typeof value === 'number' ? String(value) : whole;
    });
  }

  #text(value: Value, where: string): string {
    return textOf(this.resolve(value, where), where);
  }

  /** A list, or a function that gives one. A list parameter may be text with commas. */
  #list(value: Value, where: string): Value {
    const resolved = this.resolve(value, where) ?? [];
    return typeof resolved === 'string' ? resolved.split(',') : resolved;
  }

  #texts(value: Value, where: string): string[] {
    return listOf(this.#list(value, where), where).map((item) => textOf(item, where));
  }
}

function comparable(value: Value | undefined): Value {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : (value ?? null);
}
