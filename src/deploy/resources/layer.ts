import {
  GetLayerVersionCommand,
  type GetLayerVersionCommandOutput,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  type PublishLayerVersionCommandInput,
} from '@aws-sdk/client-lambda';
import { canonical, type Handler, orNull, type Surroundings, unknown } from '../converge.js';
import { listOf, type Properties, textOf } from '../model.js';
import { physicalName } from '../naming.js';

/** AWS::Lambda::LayerVersion: a new version only when the content or what is said about it changed. */
export const layerHandler: Handler = {
  converge: async (logicalId, properties, around) => {
    const where = `Resources.${logicalId}`;
    const name =
      properties.LayerName === undefined ? physicalName(around.stack, logicalId) : textOf(properties.LayerName, where);
    const bundle = await around.bundle(properties.Content ?? null, '', `${where}.Content`);
    const found = await newest(around, name);
    const said = {
      CompatibleRuntimes: listOf(properties.CompatibleRuntimes, where),
      CompatibleArchitectures: listOf(properties.CompatibleArchitectures, where),
      Description: properties.Description ?? '',
      LicenseInfo: properties.LicenseInfo ?? '',
    };
    const same =
      found !== null &&
      bundle !== null &&
      found.Content?.CodeSha256 === bundle.codeSha256 &&
      canonical(said) ===
        canonical({
          CompatibleRuntimes: found.CompatibleRuntimes ?? [],
          CompatibleArchitectures: found.CompatibleArchitectures ?? [],
          Description: found.Description ?? '',
          LicenseInfo: found.LicenseInfo ?? '',
        });
    let arn = same ? (found.LayerVersionArn as string) : unknown(logicalId, 'LayerVersionArn');
    if (!same && !around.planning) {
      const Content = bundle === null ? (properties.Content as Properties) : { ZipFile: bundle.zip };
      const input = { LayerName: name, ...dropEmpty(said), Content } as unknown as PublishLayerVersionCommandInput;
      arn = (await around.lambda.send(new PublishLayerVersionCommand(input))).LayerVersionArn as string;
    }
    return {
      change: same ? 'none' : found === null ? 'create' : 'update',
      details: same ? [] : ['a new version'],
      ref: arn,
      attributes: { LayerVersionArn: arn, Arn: arn },
      identity: { LayerName: name },
    };
  },
  // Functions of others may use it.
  remove: null,
};

function dropEmpty(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0)),
  );
}

async function newest(around: Surroundings, LayerName: string): Promise<GetLayerVersionCommandOutput | null> {
  const list = await orNull(around.lambda.send(new ListLayerVersionsCommand({ LayerName, MaxItems: 1 })));
  const VersionNumber = list?.LayerVersions?.[0]?.Version;
  if (VersionNumber === undefined) return null;
  return await orNull(around.lambda.send(new GetLayerVersionCommand({ LayerName, VersionNumber })));
}
