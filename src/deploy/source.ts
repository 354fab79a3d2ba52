import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readDocument } from './document.js';
import { DeployError, type Properties, propertiesOf, type Resource, type Template } from './model.js';
import { resourceOf, stackName } from './naming.js';
import { expandSam } from './sam.js';
import { type ServerlessOptions, serverlessTemplate } from './serverless.js';

const serverlessNames = ['serverless.yml', 'serverless.yaml', 'serverless.json'];
const templateNames = ['template.yaml', 'template.yml', 'template.json'];

/**
 * Reads what is at `path`: a SAM or CloudFormation template, a `serverless.yml`, a `cdk synth` output folder, or a
 * folder with one of them. A CDK application may have several stacks; the others have one.
 */
export function readTemplates(path: string, options: ServerlessOptions): Template[] {
  const full = resolve(path);
  if (!existsSync(full)) throw new DeployError(path, 'no such file or folder');
  if (!statSync(full).isDirectory()) {
    if (serverlessNames.includes(basename(full))) return [serverlessTemplate(full, options)];
    return [cloudFormation(full, basename(dirname(full)), () => null)];
  }
  const found = (names: readonly string[]) => names.map((name) => join(full, name)).find(existsSync);
  const template = found(templateNames);
  if (template !== undefined) return [cloudFormation(template, basename(full), () => null)];
  const serverless = found(serverlessNames);
  if (serverless !== undefined) return [serverlessTemplate(serverless, options)];
  const manifest = found(['manifest.json', join('cdk.out', 'manifest.json')]);
  if (manifest !== undefined) return cdkTemplates(manifest);
  const wanted = [...templateNames, ...serverlessNames.slice(0, 1), 'cdk.out (run `cdk synth` first)'];
  throw new DeployError(path, `holds none of ${wanted.join(', ')}`);
}

function cloudFormation(file: string, name: string, asset: (key: string) => string | null): Template {
  return templateOf(readDocument(file), { name: stackName(name), folder: dirname(file), file, asset });
}

export interface TemplateOrigin {
  readonly name: string;
  readonly folder: string;
  readonly file: string;
  readonly asset: (key: string) => string | null;
}

/** A parsed document as a template, SAM's resources expanded. */
export function templateOf(document: Properties, origin: TemplateOrigin): Template {
  const sections = (name: string) => propertiesOf(document[name], name);
  const resources = new Map<string, Resource>();
  for (const [id, value] of Object.entries(sections('Resources')))
    resources.set(id, resourceOf(id, value as Properties));
  if (resources.size === 0) throw new DeployError(origin.file, 'has no Resources');
  const transforms = ([] as unknown[]).concat(document.Transform ?? []);
  const sam = transforms.some((one) => typeof one === 'string' && one.startsWith('AWS::Serverless'));
  const { conditions, resources: all } = sam
    ? expandSam({ resources, globals: sections('Globals'), conditions: sections('Conditions') })
    : { conditions: sections('Conditions'), resources };
  return {
    name: origin.name,
    folder: origin.folder,
    parameters: sections('Parameters'),
    takesOthers: false,
    mappings: sections('Mappings'),
    conditions,
    resources: all,
    outputs: sections('Outputs'),
    files: [origin.file],
    asset: origin.asset,
  };
}

/** Stacks of a cloud assembly (https://docs.aws.amazon.com/cdk/v2/guide/deploy.html), with where their assets lie. */
function cdkTemplates(manifestFile: string): Template[] {
  const folder = dirname(manifestFile);
  const artifacts = propertiesOf(readDocument(manifestFile).artifacts, manifestFile);
  const templates: Template[] = [];
  for (const [name, value] of Object.entries(artifacts)) {
    const artifact = value as Properties;
    if (artifact.type !== 'aws:cloudformation:stack') continue;
    const properties = propertiesOf(artifact.properties, name);
    const file = join(folder, String(properties.templateFile));
    const own = properties.stackName;
    templates.push(cloudFormation(file, typeof own === 'string' ? own : name, cdkAssets(folder, name)));
  }
  if (templates.length === 0) throw new DeployError(manifestFile, 'has no stacks');
  return templates;
}

function cdkAssets(folder: string, stack: string): (key: string) => string | null {
  const file = join(folder, `${stack}.assets.json`);
  const paths = new Map<string, string>();
  if (existsSync(file)) {
    for (const asset of Object.values(propertiesOf(readDocument(file).files, file)) as Properties[]) {
      const source = String((asset.source as Properties | undefined)?.path);
      for (const destination of Object.values(propertiesOf(asset.destinations, file)) as Properties[]) {
        paths.set(String(destination.objectKey), join(folder, source));
      }
    }
  }
  return (key) => paths.get(key) ?? null;
}
