/** What a template holds, after its file was read: plain data, as in CloudFormation's long form. */
export type Value = null | boolean | number | string | readonly Value[] | Properties;
export interface Properties {
  readonly [name: string]: Value | undefined;
}

export interface Resource {
  /** `AWS::Lambda::Function`, for example. */
  readonly type: string;
  readonly properties: Properties;
  /** Name of the condition under which it exists, or null. */
  readonly condition: string | null;
  readonly dependsOn: readonly string[];
}

export interface Template {
  /** The stack's name unless the command says another. */
  readonly name: string;
  /** Paths of code are relative to it. */
  readonly folder: string;
  readonly parameters: Properties;
  /** Parameters of the command line may be meant for the file's own variables: unknown ones are no mistake. */
  readonly takesOthers: boolean;
  readonly mappings: Properties;
  readonly conditions: Properties;
  readonly resources: ReadonlyMap<string, Resource>;
  readonly outputs: Properties;
  /** Files whose change means deploying again, besides code. */
  readonly files: readonly string[];
  /** Local path of an asset that a template names by bucket and key (`cdk synth`), or null. */
  readonly asset: (key: string) => string | null;
}

/** The template is wrong, or asks for what cannot be known here. `where`: a path in it, or the file. */
export class DeployError extends Error {
  override readonly name = 'DeployError';
  constructor(where: string, problem: string) {
    super(where === '' ? problem : `${where}: ${problem}`);
  }
}

export function isProperties(value: Value | undefined): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value` as an object of properties; absent is empty. */
export function propertiesOf(value: Value | undefined, where: string): Properties {
  if (value === undefined || value === null) return {};
  if (!isProperties(value)) throw new DeployError(where, 'must be an object');
  return value;
}

export function textOf(value: Value | undefined, where: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new DeployError(where, value === undefined ? 'is missing' : 'must be text');
}

export function listOf(value: Value | undefined, where: string): readonly Value[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DeployError(where, 'must be a list');
  return value as readonly Value[];
}
