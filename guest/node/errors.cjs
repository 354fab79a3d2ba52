// Error classes of the runtime, and how an error is reported and logged.
'use strict';

const { types } = require('node:util');
const { logFailure } = require('./output.cjs');

// The byte DEL is not allowed where Lambda puts these texts (HTTP headers).
const clean = (text) => text?.replace(/\x7F/g, '%7F');

function looksLikeError(value) {
  return Boolean(
    value?.name &&
      value.message &&
      value.stack &&
      [value.name, value.message, value.stack].every((x) => typeof x === 'string'),
  );
}

/** The error object Lambda gets: `{errorType, errorMessage, trace}`. `modern`: as the client of Node 24 does it. */
function errorReport(error, modern) {
  try {
    const native = modern ? error instanceof Error : types.isNativeError(error) || looksLikeError(error);
    if (native) {
      const trace = modern ? (clean(error.stack)?.split('\n') ?? []) : clean(error.stack).split('\n');
      return { errorType: clean(error.name), errorMessage: clean(error.message), trace };
    }
    return { errorType: typeof error, errorMessage: modern ? String(error) : error.toString(), trace: [] };
  } catch {
    const report = {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
    return modern ? { ...report, trace: [] } : report;
  }
}

function enumerable(_key, value) {
  if (!(value instanceof Error)) return value;
  const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  if (typeof value.stack === 'string') shown.stack = value.stack.split('\n');
  return shown;
}

/** Logs an error as Lambda does: title, tab, JSON with every property of the error; the JSON format has its own way. */
function logError(title, error, modern) {
  const shown = error instanceof Error ? error : new Error(modern ? String(error) : error);
  logFailure(title, shown, () => {
    try {
      return JSON.stringify(shown, enumerable);
    } catch {
      return JSON.stringify(errorReport(shown, modern));
    }
  });
}

/** A class whose instances are named `Runtime.NAME` and that prints so in traces. */
function runtimeError(name) {
  const made = { [name]: class extends Error {} }[name];
  made.prototype.name = `Runtime.${name}`;
  return made;
}

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}
UnhandledPromiseRejection.prototype.name = 'Runtime.UnhandledPromiseRejection';

const classes = Object.fromEntries(
  [
    'ImportModuleError',
    'HandlerNotFound',
    'MalformedHandlerName',
    'UserCodeSyntaxError',
    'MalformedStreamingHandler',
    'InvalidStreamingOperation',
  ].map((name) => [name, runtimeError(name)]),
);

const plainNames = ['InvalidStreamingOperation', 'MalformedStreamingHandler'];

/** The class's own name is what the JSON log format shows of an error. */
function modernClass(name) {
  const own = name.endsWith('Error') || plainNames.includes(name) ? name : `${name}Error`;
  return { [own]: class extends Error {} }[own];
}

/**
 * An error of the runtime itself. Before Node 24 the class carries the name, so traces begin with it; since then the
 * name is a property set after the trace was taken, so it is listed among the error's properties instead.
 */
function runtimeFailure(name, cause, modern) {
  if (!modern) return new classes[name](cause);
  const failure = new (modernClass(name))(String(cause));
  failure.name = `Runtime.${name}`;
  if (name === 'UserCodeSyntaxError') failure.stack = cause.stack;
  return failure;
}

module.exports = { errorReport, logError, runtimeFailure, UnhandledPromiseRejection };
