import {
  CreateAliasCommand,
  DeleteAliasCommand,
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  GetProvisionedConcurrencyConfigCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda';
import { type Converged, differences, type Handler, orNull, type Surroundings, unknown } from '../converge.js';
import { DeployError, listOf, type Properties, propertiesOf, textOf } from '../model.js';
import { settled } from './function.js';

/** Provisioned sandboxes are waited for so long: two inits of 130 s, for one that does not succeed, and boots. */
const provisionedMsMax = 300_000;
const askMs = 100;

/** The name in what a template gives for a function: name, partial ARN or ARN, perhaps with a qualifier. */
export function functionNameOf(text: string): string {
  const parts = text.split(':');
  const at = parts.indexOf('function');
  return at < 0 ? (parts[0] as string) : (parts[at + 1] as string);
}

/** AWS::Lambda::Version: publishing what is published already gives the version that there is. */
export const versionHandler: Handler = {
  converge: convergeVersion,
  // An alias may still point to it, and a later deployment may go back to it.
  remove: null,
};

async function convergeVersion(logicalId: string, properties: Properties, around: Surroundings): Promise<Converged> {
  const where = `Resources.${logicalId}`;
  const name = functionNameOf(textOf(properties.FunctionName, `${where}.FunctionName`));
  const arn = `arn:aws:lambda:${around.region}:${around.account}:function:${name}`;
  const newest = await newestVersion(around, name);
  const converged = (change: 'create' | 'none', version: string) => ({
    change,
    details: change === 'none' ? [] : [`version ${version}`],
    ref: `${arn}:${version}`,
    attributes: { Version: version, FunctionArn: `${arn}:${version}` },
    identity: { FunctionName: name, Qualifier: version },
  });
  if (around.planning) {
    const { upToDate, version } = newest ?? { upToDate: false, version: '' };
    return upToDate && !around.changed.has(name)
      ? converged('none', version)
      : converged('create', unknown(logicalId, 'Version'));
  }
  const { Version } = await around.lambda.send(
    new PublishVersionCommand({
      FunctionName: name,
      ...(properties.Description === undefined ? {} : { Description: textOf(properties.Description, where) }),
    }),
  );
  await settled(around.lambda, name, Version);
  if (properties.ProvisionedConcurrencyConfig !== undefined) {
    await provision(
      around,
      logicalId,
      name,
      Version as string,
      propertiesOf(properties.ProvisionedConcurrencyConfig, where),
    );
  }
  return converged(newest?.version === Version ? 'none' : 'create', Version as string);
}

/** The version published last, and whether its code and configuration are those of $LATEST now. */
async function newestVersion(
  around: Surroundings,
  name: string,
): Promise<{ readonly version: string; readonly upToDate: boolean } | null> {
  const latest = await orNull(around.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name })));
  if (latest === null) return null;
  let newest = 0;
  let marker: string | undefined;
  do {
    const page = await around.lambda.send(
      new ListVersionsByFunctionCommand({ FunctionName: name, ...(marker === undefined ? {} : { Marker: marker }) }),
    );
    for (const { Version } of page.Versions ?? []) newest = Math.max(newest, Number(Version) || 0);
    marker = page.NextMarker;
  } while (marker !== undefined && marker !== '');
  if (newest === 0) return null;
  const published = await around.lambda.send(
    new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: String(newest) }),
  );
  const fixed = ['CodeSha256', 'Handler', 'Runtime', 'Role', 'MemorySize', 'Timeout', 'Environment', 'Layers'] as const;
  const pick = (from: typeof published) => Object.fromEntries(fixed.map((key) => [key, from[key]]));
  return { version: String(newest), upToDate: differences(pick(published), pick(latest)).length === 0 };
}

/** AWS::Lambda::Alias. */
export const aliasHandler: Handler = {
  converge: convergeAlias,
  remove: async ({ FunctionName, Name }, { lambda }) => {
    await orNull(lambda.send(new DeleteAliasCommand({ FunctionName, Name })));
  },
};

async function convergeAlias(logicalId: string, properties: Properties, around: Surroundings): Promise<Converged> {
  const where = `Resources.${logicalId}`;
  const FunctionName = functionNameOf(textOf(properties.FunctionName, `${where}.FunctionName`));
  const Name = textOf(properties.Name, `${where}.Name`);
  const FunctionVersion = textOf(properties.FunctionVersion, `${where}.FunctionVersion`);
  const Description = properties.Description === undefined ? '' : textOf(properties.Description, where);
  const weights = listOf(propertiesOf(properties.RoutingConfig, where).AdditionalVersionWeights, where);
  const AdditionalVersionWeights = Object.fromEntries(
    weights.map((one) => {
      const { FunctionVersion: version, FunctionWeight: weight } = one as Properties;
      return [textOf(version, where), Number(weight)];
    }),
  );
  const found = await orNull(around.lambda.send(new GetAliasCommand({ FunctionName, Name })));
  const wanted = { FunctionVersion, Description, RoutingConfig: { AdditionalVersionWeights } };
  const current = {
    FunctionVersion: found?.FunctionVersion,
    Description: found?.Description ?? '',
    RoutingConfig: { AdditionalVersionWeights: found?.RoutingConfig?.AdditionalVersionWeights ?? {} },
  };
  const changed = found === null ? [`→ ${FunctionVersion}`] : differences(current, wanted);
  const input = { FunctionName, Name, FunctionVersion, Description, RoutingConfig: { AdditionalVersionWeights } };
  if (!around.planning && changed.length > 0) {
    if (found === null) await around.lambda.send(new CreateAliasCommand(input));
    else await around.lambda.send(new UpdateAliasCommand(input));
  }
  if (!around.planning && properties.ProvisionedConcurrencyConfig !== undefined) {
    await provision(
      around,
      logicalId,
      FunctionName,
      Name,
      propertiesOf(properties.ProvisionedConcurrencyConfig, where),
    );
  }
  const arn = `arn:aws:lambda:${around.region}:${around.account}:function:${FunctionName}:${Name}`;
  return {
    change: found === null ? 'create' : changed.length > 0 ? 'update' : 'none',
    details: changed,
    ref: arn,
    attributes: { AliasArn: arn },
    identity: { FunctionName, Name },
  };
}

async function provision(
  around: Surroundings,
  logicalId: string,
  FunctionName: string,
  Qualifier: string,
  config: Properties,
): Promise<void> {
  const executions = Number(config.ProvisionedConcurrentExecutions);
  const found = await around.lambda
    .send(new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }))
    .catch((error: Error) => {
      if (error.name === 'ProvisionedConcurrencyConfigNotFoundException') return null;
      throw error;
    });
  if (found?.RequestedProvisionedConcurrentExecutions !== executions) {
    await around.lambda.send(
      new PutProvisionedConcurrencyConfigCommand({
        FunctionName,
        Qualifier,
        ProvisionedConcurrentExecutions: executions,
      }),
    );
    around.remark(logicalId, `provisioned concurrency ${executions}`);
  }
  await provisioned(around, FunctionName, Qualifier);
}

/** Waits until the sandboxes are there. Throws when they cannot be had, with the reason the platform gives. */
async function provisioned(around: Surroundings, FunctionName: string, Qualifier: string): Promise<void> {
  const untilMs = Date.now() + provisionedMsMax;
  for (;;) {
    const now = await around.lambda.send(new GetProvisionedConcurrencyConfigCommand({ FunctionName, Qualifier }));
    if (now.Status === 'READY') return;
    const name = `${FunctionName}:${Qualifier}`;
    if (now.Status === 'FAILED') throw new DeployError(name, `provisioned concurrency: ${now.StatusReason}`);
    if (Date.now() > untilMs) {
      const { AvailableProvisionedConcurrentExecutions: available, RequestedProvisionedConcurrentExecutions: all } =
        now;
      const what = `provisioned concurrency: ${available} of ${all} after ${provisionedMsMax / 1_000} s`;
      throw new DeployError(name, what);
    }
    await new Promise((resolve) => setTimeout(resolve, askMs));
  }
}
