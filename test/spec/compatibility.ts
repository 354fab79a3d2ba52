import type { OperationName } from '../../src/wire/lambda/operations.js';

/**
 * What clients can expect of each operation of the Lambda API. `docs/compatibility.md` is made from this;
 * `test/system/compatibility.test.ts` calls every operation of a running platform and holds this true.
 */
export type Promised =
  | { readonly state: 'works' }
  | { readonly state: 'partial'; readonly reason: string }
  | { readonly state: 'refused'; readonly reason: string };

const works: Promised = { state: 'works' };
const partial = (reason: string): Promised => ({ state: 'partial', reason });
const refused = (reason: string): Promised => ({ state: 'refused', reason });

const zipOnly = partial('zip archives, uploaded or from an S3-compatible store; container images are refused');
const notActedOn = (what: string) => partial(`stored, validated and reported; ${what}`);
const durable = refused('durable executions are not supported');
const capacity = refused('there are no capacity providers (Lambda managed instances)');

export interface OperationGroup {
  readonly title: string;
  readonly operations: Partial<Record<OperationName, Promised>>;
}

export const operationGroups: readonly OperationGroup[] = [
  {
    title: 'Functions, versions and aliases',
    operations: {
      CreateFunction: zipOnly,
      GetFunction: works,
      GetFunctionConfiguration: works,
      ListFunctions: works,
      UpdateFunctionCode: zipOnly,
      UpdateFunctionConfiguration: partial('VPC, EFS and KMS settings have no effect or are refused'),
      DeleteFunction: works,
      PublishVersion: works,
      ListVersionsByFunction: works,
      CreateAlias: works,
      GetAlias: works,
      UpdateAlias: works,
      DeleteAlias: works,
      ListAliases: works,
      GetAccountSettings: works,
      PutRuntimeManagementConfig: notActedOn('a machine has one version of a runtime'),
      GetRuntimeManagementConfig: works,
      PutFunctionRecursionConfig: works,
      GetFunctionRecursionConfig: works,
    },
  },
  {
    title: 'Invocation',
    operations: {
      Invoke: works,
      InvokeAsync: works,
      InvokeWithResponseStream: works,
      PutFunctionEventInvokeConfig: partial('event buses and buckets are not told'),
      UpdateFunctionEventInvokeConfig: partial('event buses and buckets are not told'),
      GetFunctionEventInvokeConfig: works,
      DeleteFunctionEventInvokeConfig: works,
      ListFunctionEventInvokeConfigs: works,
    },
  },
  {
    title: 'Concurrency',
    operations: {
      PutFunctionConcurrency: works,
      GetFunctionConcurrency: works,
      DeleteFunctionConcurrency: works,
      PutProvisionedConcurrencyConfig: works,
      GetProvisionedConcurrencyConfig: works,
      ListProvisionedConcurrencyConfigs: works,
      DeleteProvisionedConcurrencyConfig: works,
    },
  },
  {
    title: 'Permissions and tags',
    operations: {
      AddPermission: works,
      RemovePermission: works,
      GetPolicy: works,
      TagResource: works,
      UntagResource: works,
      ListTags: works,
    },
  },
  {
    title: 'Function URLs',
    operations: {
      CreateFunctionUrlConfig: works,
      GetFunctionUrlConfig: works,
      UpdateFunctionUrlConfig: works,
      DeleteFunctionUrlConfig: works,
      ListFunctionUrlConfigs: works,
    },
  },
  {
    title: 'Layers',
    operations: {
      PublishLayerVersion: works,
      GetLayerVersion: works,
      GetLayerVersionByArn: works,
      ListLayerVersions: works,
      ListLayers: works,
      DeleteLayerVersion: works,
      AddLayerVersionPermission: works,
      RemoveLayerVersionPermission: works,
      GetLayerVersionPolicy: works,
    },
  },
  {
    title: 'Event source mappings',
    operations: {
      CreateEventSourceMapping: partial('all sources are validated; SQS-compatible queues are polled, others are not'),
      GetEventSourceMapping: works,
      UpdateEventSourceMapping: works,
      DeleteEventSourceMapping: works,
      ListEventSourceMappings: works,
    },
  },
  {
    title: 'Code signing',
    operations: {
      CreateCodeSigningConfig: works,
      GetCodeSigningConfig: works,
      UpdateCodeSigningConfig: works,
      DeleteCodeSigningConfig: works,
      ListCodeSigningConfigs: works,
      ListFunctionsByCodeSigningConfig: works,
      PutFunctionCodeSigningConfig: partial('signatures cannot be verified: with Enforce, code is refused'),
      GetFunctionCodeSigningConfig: works,
      DeleteFunctionCodeSigningConfig: works,
    },
  },
  {
    title: 'Rare',
    operations: {
      GetResourcePolicy: works,
      PutResourcePolicy: partial('Allow only, for one function, version or alias; no numeric, date or IP conditions'),
      DeleteResourcePolicy: works,
      ListCapacityProviders: partial('there are none'),
      CreateCapacityProvider: capacity,
      GetCapacityProvider: capacity,
      UpdateCapacityProvider: capacity,
      DeleteCapacityProvider: capacity,
      ListFunctionVersionsByCapacityProvider: capacity,
      PutFunctionScalingConfig: capacity,
      GetFunctionScalingConfig: partial('functions have none'),
      ListDurableExecutionsByFunction: partial('there are none'),
      GetDurableExecution: durable,
      GetDurableExecutionHistory: durable,
      GetDurableExecutionState: durable,
      CheckpointDurableExecution: durable,
      StopDurableExecution: durable,
      SendDurableExecutionCallbackSuccess: durable,
      SendDurableExecutionCallbackFailure: durable,
      SendDurableExecutionCallbackHeartbeat: durable,
    },
  },
];

/** Operation by operation, whatever its group. */
export const promises: ReadonlyMap<OperationName, Promised> = new Map(
  operationGroups.flatMap(({ operations }) => Object.entries(operations) as [OperationName, Promised][]),
);

const signs = { works: '✓ works', partial: '◐ partial', refused: '✗ refused' } as const;

export function compatibilityPage(others: Readonly<Record<string, readonly string[]>>): string {
  const count = (state: Promised['state']) => [...promises.values()].filter((one) => one.state === state).length;
  const tables = operationGroups.map(({ title, operations }) => {
    const rows = Object.entries(operations).map(
      ([name, promised]) => `| ${name} | ${signs[promised.state]} | ${'reason' in promised ? promised.reason : ''} |`,
    );
    return `## ${title}\n\n| operation | | |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  const services = Object.entries(others).map(([name, operations]) => `| ${name} | ${operations.join(', ')} |`);
  return `# Compatibility with the Lambda API

Made by \`npm run docs\` from \`test/spec/compatibility.ts\`; \`test/system/compatibility.test.ts\` calls every operation of a
running platform through the official SDK and holds this page true. Of the ${promises.size} operations, ${count('works')} work, ${count('partial')}
work in part, and ${count('refused')} are refused with a clear error.

${tables.join('\n')}
## Other services on the same endpoint

| service | operations |
|---|---|
${services.join('\n')}
`;
}
