import type { Case } from './observed.js';

const app = (names: string): Case[] => names.split(' ').map((name) => ({ handler: `app.${name}` }));

/** Under the JSON log format. */
const json = { AWS_LAMBDA_LOG_FORMAT: 'JSON' };
const jsonCases: readonly Case[] = [
  ...'logs logs_values logs_errors default_level prints context_log fails fails_chained fails_empty base_exception'
    .split(' ')
    .map((name) => ({ handler: `app.${name}`, environment: json })),
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'FATAL', 'none'].map((level) => ({
    handler: 'app.default_level',
    environment: { ...json, AWS_LAMBDA_LOG_LEVEL: level },
  })),
  { handler: 'app.default_level', environment: { AWS_LAMBDA_LOG_FORMAT: 'json' } },
  { handler: 'app.logs_errors' },
  { handler: 'missing.handler', environment: json },
  { handler: 'syntax.handler', environment: json },
  { handler: 'throws.handler', environment: json },
  { handler: 'logsload.handler', environment: json },
];
const of = (file: string, names: string): Case[] => names.split(' ').map((name) => ({ handler: `${file}.${name}` }));

export const pythonCases: readonly Case[] = [
  { handler: 'app.echo', event: { text: 'naïve ✓ 😀', list: [1, 1.5, null, { deep: true }] } },
  { handler: 'app.echo', event: 'text' },
  { handler: 'app.echo', event: null },
  { handler: 'app.size', event: { text: 'ä'.repeat(200_000) }, invocations: 3 },
  { handler: 'app.environment', environment: { CUSTOM: 'mine', TZ: 'Europe/Berlin' } },
  {
    handler: 'app.client_context',
    clientContext: '{"client":{"app_title":"title","installation_id":"i"},"custom":{"a":1},"env":{"e":"f"}}',
    identity: '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}',
  },
  { handler: 'app.client_context' },
  { handler: 'app.echo', clientContext: 'not json' },
  { handler: 'app.echo', identity: '{' },
  { handler: 'app.counter', invocations: 3 },
  { handler: 'app.logs', environment: { AWS_LAMBDA_LOG_LEVEL: 'ERROR' } },
  { handler: 'app.default_level', environment: { AWS_LAMBDA_LOG_LEVEL: 'INFO' } },
  ...app('nothing text raw_bytes nested_bytes decimals floats tuples enums bools sets objects dates bad_key circular'),
  ...app('surrogate large fails fails_deep fails_chained fails_empty fails_key recursion fails_assert wrong_arguments'),
  ...app('exit_zero exit_five os_exit base_exception prints logs default_level child shows_context context_log'),
  ...app('instance not_callable does_not_exist'),
  { handler: 'package.sub.mod.handler' },
  { handler: 'package/sub/mod.handler' },
  { handler: 'package/sub.mod.handler' },
  { handler: 'relative.handler' },
  { handler: 'syntax.handler' },
  { handler: 'missing.handler' },
  { handler: 'missing_name.handler' },
  { handler: 'throws.handler' },
  { handler: 'exits.handler' },
  { handler: 'logsload.handler' },
  { handler: 'notthere.handler' },
  { handler: 'nodot' },
  { handler: '.handler' },
  { handler: 'sys.exit' },
  { handler: 'time.sleep' },
  ...jsonCases,
];

/** Rarer ones: run with one version of Python in `npm test`, with all in `npm run test:runtimes`. */
export const rarePythonCases: readonly Case[] = [
  ...of('results', 'generator made_generator coroutine awaited subclasses enums plain_enum dataclass complex_number'),
  ...of('results', 'fraction identifier path moment deque counter defaults chained keys_and_items ranges frozen'),
  ...of('results', 'array_bytes view bad_bytes mixed_keys float_keys decimals infinite_decimal quiet_nan large_int'),
  ...of('results', 'huge_int deep_ok shared circular_map control astral ellipsis klass function Handlers.static'),
  ...of('results', 'partial async_lambda keyword_only defaults_given variadic slow_namedtuple mutates'),
  ...of('errors', 'context_kept context_hidden several_arguments unicode_text multi_line odd_text renamed unprintable'),
  ...of('errors', 'raises_class raises_text raises_nothing os_error unicode_error attribute name division'),
  ...of('errors', 'nested_function comprehension in_generator stop_iteration memory system_exit_text system_exit_none'),
  ...of('errors', 'system_exit_object generator_exit notes group with_traceback reraised executed warned long_text'),
  ...of('logging_forms', 'levels basic_config forced_config own_handler formatter_changed arguments extra'),
  ...of('logging_forms', 'trace print_forms trace_print thread disabled streams'),
  { handler: 'results.cached', event: 'hashable' },
  ...['package.handler', 'tabs.handler', 'package.broken.handler', 'package.bad.handler', 'imports_syntax.handler']
    .concat('exits_text.handler', 'base.handler', 'with-dash.handler', 'alias.handler', 'package..handler', 'app.')
    .concat('./app.echo', '/app.echo', 'package/sub/mod.py.handler', 'app.echo.more', '..app.echo', 'json.dumps')
    .map((handler) => ({ handler })),
];
