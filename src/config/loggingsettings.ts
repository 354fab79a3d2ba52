import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { fail, ok, type Result } from '../kernel/result.js';
import type { Input } from '../wire/lambda/operations.js';
import type { Settings } from './messages.js';

type LoggingSettings = Pick<Settings, 'logFormat' | 'logGroup' | 'applicationLogLevel' | 'systemLogLevel'>;
type LoggingInput = Input<'UpdateFunctionConfiguration'>['LoggingConfig'];

/** What the service uses where a function logs JSON and names no level (developer guide, "Log-level filtering"). */
const levelDefault = 'INFO';

/** LoggingConfig of a request over what was before: members that are absent keep it; the text format has no levels. */
export function changedLogging(before: LoggingSettings, input: LoggingInput): Result<LoggingSettings> {
  const logFormat = input?.LogFormat ?? before.logFormat;
  const logGroup = input?.LogGroup ?? before.logGroup;
  const named = input?.ApplicationLogLevel !== undefined || input?.SystemLogLevel !== undefined;
  if (logFormat === 'Text') {
    return named
      ? fail(levelsNeedJson())
      : ok({ logFormat, logGroup, applicationLogLevel: null, systemLogLevel: null });
  }
  return ok({
    logFormat,
    logGroup,
    applicationLogLevel: input?.ApplicationLogLevel ?? before.applicationLogLevel ?? levelDefault,
    systemLogLevel: input?.SystemLogLevel ?? before.systemLogLevel ?? levelDefault,
  });
}

function levelsNeedJson(): ApiFailure {
  const message =
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.';
  return apiFailure('InvalidParameterValueException', message);
}
