import { createHash } from 'node:crypto';
import { DeployError, isProperties, listOf, type Properties, propertiesOf, type Resource } from './model.js';

/** One entry of a template's `Resources`. */
export function resourceOf(id: string, value: Properties): Resource {
  const where = `Resources.${id}`;
  if (!isProperties(value) || typeof value.Type !== 'string') throw new DeployError(where, 'has no Type');
  return {
    type: value.Type,
    properties: propertiesOf(value.Properties, `${where}.Properties`),
    condition: typeof value.Condition === 'string' ? value.Condition : null,
    dependsOn: typeof value.DependsOn === 'string' ? [value.DependsOn] : listOf(value.DependsOn, where).map(String),
  };
}

/** Letters, digits and hyphens, beginning with a letter: what CloudFormation takes as a stack's name. */
export function stackName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9-]+/g, '-').replace(/^[^A-Za-z]+|-+$/g, '');
  return name === '' ? 'stack' : name.slice(0, 128);
}

/** Lambda's limit for the names of functions; layers and roles may be longer. */
const nameCharactersMax = 64;

/**
 * Name of a resource that the template does not name. CloudFormation adds random characters; ours is the same in every
 * run, which is what makes deploying twice change nothing.
 */
export function physicalName(stack: string, logicalId: string): string {
  const name = `${stack}-${logicalId}`;
  if (name.length <= nameCharactersMax) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, nameCharactersMax - digest.length - 1)}-${digest}`;
}
