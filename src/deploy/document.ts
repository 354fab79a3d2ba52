import { readFileSync } from 'node:fs';
import { type CollectionTag, parseDocument, type ScalarTag, type YAMLMap, type YAMLSeq } from 'yaml';
import { DeployError, isProperties, type Properties, type Value } from './model.js';

/** CloudFormation's short forms (`!Ref x`) and the long ones they stand for. */
const functions = [
  'Base64',
  'Cidr',
  'FindInMap',
  'GetAtt',
  'GetAZs',
  'If',
  'ImportValue',
  'Join',
  'Length',
  'Not',
  'And',
  'Or',
  'Equals',
  'Select',
  'Split',
  'Sub',
  'ToJsonString',
  'Transform',
  'ForEach',
] as const;

const longName = (name: string) => (name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`);

/** `!GetAtt A.B.C` is the attribute `B.C` of `A`. */
function scalarOf(name: string, text: string): Value {
  if (name !== 'GetAtt') return { [longName(name)]: text };
  const dot = text.indexOf('.');
  return { 'Fn::GetAtt': dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)] };
}

const tags: (ScalarTag | CollectionTag)[] = ['Ref', 'Condition', ...functions].flatMap((name) => [
  { tag: `!${name}`, resolve: (text: string) => scalarOf(name, text) },
  {
    tag: `!${name}`,
    collection: 'seq' as const,
    resolve: (node: YAMLMap.Parsed | YAMLSeq.Parsed) => ({ [longName(name)]: node.toJSON() }),
  },
  {
    tag: `!${name}`,
    collection: 'map' as const,
    resolve: (node: YAMLMap.Parsed | YAMLSeq.Parsed) => ({ [longName(name)]: node.toJSON() }),
  },
]);

/** Aliases of one document may expand to this many nodes: a small file must not become a large one. */
const aliasesMax = 1_000;

/** Reads YAML or JSON (which is YAML). Throws DeployError with line and column. */
export function parseText(text: string, file: string): Properties {
  const document = parseDocument(text, { customTags: tags, merge: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw new DeployError(file, problem.message);
  const value = document.toJS({ maxAliasCount: aliasesMax }) as Value;
  if (!isProperties(value)) throw new DeployError(file, 'is not a template: it holds no object');
  return value;
}

export function readDocument(file: string): Properties {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DeployError(file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : String(error));
  }
  return parseText(text, file);
}
