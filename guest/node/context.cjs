// The context object's data, from an invocation's header and the function's environment.
'use strict';

const { join } = require('node:path');
const { runtimeFailure } = require('./errors.cjs');

/** `process.env` for a variable that changes with each invocation; see trace.c. */
function loadSetTrace() {
  const module = { exports: {} };
  try {
    process.dlopen(module, join(__dirname, 'trace.node'));
    return module.exports;
  } catch {
    // Not built here: then as Lambda's own runtime does it.
    return (trace) => {
      process.env._X_AMZN_TRACE_ID = trace;
    };
  }
}

const setTrace = loadSetTrace();

/** Splits the six header lines of an INVOKE frame (src/wire/channel/README.md). */
function readHeader(text) {
  const [requestId, deadline, arn, trace, clientContext, identity] = text.split('\n');
  if (trace) setTrace(trace);
  else delete process.env._X_AMZN_TRACE_ID;
  return { requestId, deadlineMs: Number(deadline), arn, trace, clientContext, identity };
}

function decode(base64, name, modern) {
  if (!base64) return undefined;
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString());
  } catch (error) {
    if (!modern) throw new Error(`Cannot parse ${name.classic} as json: ${error.toString()}`);
    throw runtimeFailure('PlatformError', `Failed to parse ${name.modern} as JSON: ${error.message}`, true);
  }
}

const clientContextName = { classic: 'ClientContext', modern: 'lambda-runtime-client-context' };
const identityName = { classic: 'CognitoIdentity', modern: 'lambda-runtime-cognito-identity' };

/** What an invocation's header tells. Throws when client context or identity are not JSON. */
function headerData(header, modern) {
  const { deadlineMs } = header;
  const data = {
    clientContext: decode(header.clientContext, clientContextName, modern),
    identity: decode(header.identity, identityName, modern),
    invokedFunctionArn: header.arn,
    awsRequestId: header.requestId,
    tenantId: undefined,
  };
  if (modern) data.xRayTraceId = header.trace;
  data.getRemainingTimeInMillis = () => deadlineMs - Date.now();
  return data;
}

/** What the environment tells; read once, when the function is loaded. */
function environmentData(modern) {
  const { env } = process;
  return {
    ...(modern ? {} : { functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION }),
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    ...(modern ? { functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION } : {}),
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

module.exports = { environmentData, headerData, readHeader };
