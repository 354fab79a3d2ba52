import { DeployError, isProperties, type Resource, type Value } from './model.js';

/** Logical ids that `value` names by Ref, Fn::GetAtt or Fn::Sub. */
function mentions(value: Value | undefined, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const item of value) mentions(item, found);
    return;
  }
  if (!isProperties(value)) return;
  for (const [name, argument] of Object.entries(value)) {
    if (name === 'Ref' && typeof argument === 'string') found.add(argument);
    else if (name === 'Fn::GetAtt') {
      const [first] = Array.isArray(argument) ? argument : String(argument).split('.');
      if (typeof first === 'string') found.add(first);
    } else if (name === 'Fn::Sub') {
      const text = Array.isArray(argument) ? argument[0] : argument;
      for (const [, inner = ''] of String(text).matchAll(/\$\{([^!}][^}]*)\}/g)) {
        found.add(inner.trim().split('.')[0] as string);
      }
    }
    mentions(argument, found);
  }
}

/** Logical ids so that each comes after those it needs; otherwise as in the template. Throws DeployError on a circle. */
export function deployOrder(resources: ReadonlyMap<string, Resource>): string[] {
  const order: string[] = [];
  const state = new Map<string, 'visiting' | 'done'>();
  const visit = (id: string, path: readonly string[]) => {
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'visiting') {
      throw new DeployError('Resources', `these need each other: ${[...path.slice(path.indexOf(id)), id].join(' → ')}`);
    }
    state.set(id, 'visiting');
    const resource = resources.get(id) as Resource;
    const needed = new Set(resource.dependsOn);
    mentions(resource.properties, needed);
    for (const other of needed) if (resources.has(other) && other !== id) visit(other, [...path, id]);
    state.set(id, 'done');
    order.push(id);
  };
  for (const id of resources.keys()) visit(id, []);
  return order;
}
