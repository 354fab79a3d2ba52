import type { Case } from './observed.js';

const index = (names: string): Case[] => names.split(' ').map((name) => ({ handler: `index.${name}` }));
const of = (file: string, names: string): Case[] => names.split(' ').map((name) => ({ handler: `${file}.${name}` }));
const event = { text: 'naïve ✓ 😀', list: [1, null, { deep: true }] };

/** Under the JSON log format. */
const json = { AWS_LAMBDA_LOG_FORMAT: 'JSON' };
const jsonCases: readonly Case[] = [
  ...'echo logs logsValues logsErrors logsObjects raw throwAsync throwText throwCustom throwCause throwCircular circular uncaught unhandled deep.missing'
    .split(' ')
    .map((name) => ({ handler: `index.${name}`, environment: json })),
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'warn', 'none'].map((level) => ({
    handler: 'index.logs',
    environment: { ...json, AWS_LAMBDA_LOG_LEVEL: level },
  })),
  { handler: 'index.throwAsync', environment: { ...json, AWS_LAMBDA_LOG_LEVEL: 'FATAL' } },
  { handler: 'index.logs', environment: { AWS_LAMBDA_LOG_FORMAT: 'json' } },
  { handler: 'index.logs', environment: { AWS_LAMBDA_LOG_FORMAT: 'Text' } },
  { handler: 'index.logsErrors' },
  { handler: 'missing.handler', environment: json },
  { handler: 'syntax.handler', environment: json },
  { handler: 'throws.handler', environment: json },
  { handler: 'logsload.handler', environment: json },
];

/** Handlers that every version of Node runs. */
export const sharedCases: readonly Case[] = [
  { handler: 'index.echo', event },
  { handler: 'index.echo', event: 'text' },
  { handler: 'index.echo', event: null },
  { handler: 'index.size', event: { text: 'ä'.repeat(200_000) }, invocations: 3 },
  { handler: 'index.environment', environment: { CUSTOM: 'mine', TZ: 'Europe/Berlin' } },
  { handler: 'index.childEnvironment', environment: { CUSTOM: 'mine' } },
  {
    handler: 'index.context',
    clientContext: '{"client":{"app_title":"title"},"custom":{"a":1}}',
    identity: '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
  },
  { handler: 'index.echo', clientContext: 'not json' },
  { handler: 'index.counter', invocations: 3 },
  { handler: 'index.logs', environment: { AWS_LAMBDA_LOG_LEVEL: 'WARN' } },
  { handler: 'index.awslambda', environment: { AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA: '1' } },
  ...index('nothing nullish text number falsy toJson dates large func circular bigint thenable'),
  ...index('throwSync throwAsync throwText throwNumber throwNull throwUndefined throwObject throwLookalike'),
  ...index('throwCustom throwCause throwCircular rejectLater longStack'),
  ...index('logs raw child contextTypes context arguments self awslambda syncReturn streamed'),
  ...index('exitZero exitSeven uncaught unhandled unhandledText never'),
  ...index('deep.er.handler deep.notFunction deep.empty deep.missing notFunction emptyName doesNotExist'),
  { handler: 'nested/more/app.handler' },
  { handler: 'nested/app.handler' },
  { handler: 'index.handler', folder: 'typemodule' },
  { handler: 'index.where', folder: 'typemodule' },
  { handler: 'tla.handler' },
  { handler: 'tla.broken' },
  { handler: 'tla.default.inner' },
  { handler: 'tla.missing' },
  { handler: 'common.handler' },
  { handler: 'noextension.handler' },
  { handler: 'resolved.handler' },
  { handler: 'syntax.handler' },
  { handler: 'syntaxmodule.handler' },
  { handler: 'missing.handler' },
  { handler: 'missingmodule.handler' },
  { handler: 'missingfile.handler' },
  { handler: 'throws.handler' },
  { handler: 'rejects.handler' },
  { handler: 'exits.handler' },
  { handler: 'logsload.handler' },
  { handler: 'notthere.handler' },
  { handler: 'nodot' },
  { handler: '../index.handler' },
  ...jsonCases,
];

/** Handlers that stream, and what they can do wrong. */
export const streamCases: readonly Case[] = (
  'plain endOnly nothing values missing nil typed tooLate http httpEndOnly piped pipedFails throwsFirst throwsInside ' +
  'throwsSync throwsText throwsAfterEnd notAsync returns writeAfterEnd endTwice endCallback shape drains mark worksOn ' +
  'contextShape uncaughtInside loggedInside destroys'
)
  .split(' ')
  .map((name) => ({ handler: `streams.${name}`, event }));

/** Rarer ones: run with one version of Node for each client in `npm test`, with all in `npm run test:runtimes`. */
export const rareCases: readonly Case[] = [
  ...of('results', 'symbol nested buffer typed instance boxed surrogate regexp proxy revoked throwingGetter'),
  ...of('results', 'throwingToJson nothingToJson deep generator asyncGenerator promiseInPromise pendingMember'),
  ...of('results', 'rejectsMember stringified huge'),
  { handler: 'results.prototypeKey', event: JSON.parse('{"__proto__":{"polluted":1},"constructor":2}') },
  ...of('errors', 'aggregate any system dom aborted deepCause otherRealm symbol bigint func array falsy emptyText'),
  ...of('errors', 'noPrototype noMessage noStack textStack oddFields frozen extra bigProperty withToJson getter'),
  ...of('errors', 'subclass named prepared limited unicode long overflow invalidLength rethrown'),
  ...of('life', 'handledLater ownUncaught ownRejection backgroundLog exitCode abort killed'),
  ...of('life', 'exitListener throwInExit storage process timers consoles deprecated'),
  // A third one: what ends the process comes with the answer to the second.
  ...of('life', 'laterThrow laterRejection').map((wanted) => ({ ...wanted, invocations: 3 })),
  { handler: 'both/app.handler' },
  ...of('forms', 'default bound Holder.method required imported meta json missingLater esm'),
  ...of('asfunction', 'handler late instance.method'),
  ...['.', 'index.', '.handler', 'index..handler', 'nested/more/app', './index.echo', 'a.b.c', 'index/echo'].map(
    (handler) => ({ handler }),
  ),
];

/** Only before Node 24: callbacks; and what newer versions of Node read as modules by themselves. */
export const classicCases: readonly Case[] = [
  ...'later now error errorText undefinedResult twice waits doesNotWait succeed fail failNothing done doneError'
    .concat(' callbackThenPromise badResult throwAfter')
    .split(' ')
    .map((name) => ({ handler: `callback.${name}` })),
  { handler: 'streams.timerAfter' },
  { handler: 'esmascjs.handler' },
  { handler: 'nevermodule.handler' },
  { handler: 'throwstext.handler' },
  { handler: 'index.handler', folder: 'wrongpackage' },
];

/** Only since Node 24: handlers with a callback are refused. */
export const modernCases: readonly Case[] = [
  { handler: 'callback.later' },
  { handler: 'callback.succeed' },
  { handler: 'streams.misnamed' },
];
