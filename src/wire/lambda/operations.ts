/** The one table of the Lambda API: all operations, by name. Routing, parsing, validation and types come from it. */

import { accountSettingsOperations } from './accountsettings.js';
import { aliasOperations } from './aliases.js';
import { asyncInvokeOperations } from './asyncinvoke.js';
import { capacityProviderOperations } from './capacityproviders.js';
import { codeSigningOperations } from './codesigning.js';
import { concurrencyOperations } from './concurrency.js';
import { durableExecutionOperations } from './durableexecutions.js';
import { eventSourceOperations } from './eventsources.js';
import type { FunctionConfiguration as FunctionConfigurationSchema } from './functionconfiguration.js';
import { functionOperations } from './functions.js';
import { invokeOperations } from './invoke.js';
import { layerOperations } from './layers.js';
import type { OperationSpec } from './operation.js';
import { policyOperations } from './policies.js';
import { runtimeSettingsOperations } from './runtimesettings.js';
import type { ValueOf } from './schema.js';
import { tagOperations } from './tags.js';
import { functionUrlOperations } from './urls.js';
import { versionOperations } from './versions.js';

export const operations = {
  ...functionOperations,
  ...invokeOperations,
  ...versionOperations,
  ...aliasOperations,
  ...concurrencyOperations,
  ...asyncInvokeOperations,
  ...policyOperations,
  ...layerOperations,
  ...functionUrlOperations,
  ...tagOperations,
  ...accountSettingsOperations,
  ...runtimeSettingsOperations,
  ...eventSourceOperations,
  ...codeSigningOperations,
  ...durableExecutionOperations,
  ...capacityProviderOperations,
} as const satisfies Record<string, OperationSpec>;

export type OperationName = keyof typeof operations;
/** What a client sends, parsed: members as in the API, blobs as Buffer, timestamps as Date. */
export type Input<Op extends OperationName> = ValueOf<(typeof operations)[Op]['input']>;
/** What a handler answers. Null where success has no body. */
export type Output<Op extends OperationName> = (typeof operations)[Op]['output'] extends null
  ? null
  : ValueOf<(typeof operations)[Op]['output']>;
export type FunctionConfiguration = ValueOf<typeof FunctionConfigurationSchema>;

/** Every name once, in the order of the table. */
export const operationNames = Object.keys(operations) as readonly OperationName[];
