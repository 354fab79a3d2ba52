// Log events of the JSON format, as Lambda's own client writes them. Loaded by functions that use it.
'use strict';

const { format } = require('node:util');

const typeOf = (error) => error.constructor?.name ?? 'UnknownError';

/** Errors have no enumerable members of their own: what they are goes in front of what was put on them. */
function replacer(_key, value) {
  if (!(value instanceof Error)) return value;
  const stackTrace = typeof value.stack === 'string' ? value.stack.split('\n') : value.stack;
  return Object.assign({ errorType: typeOf(value), errorMessage: value.message, stackTrace }, value);
}

/**
 * Text of one event. One value is logged as it is, several as one formatted text; of the first error among them the
 * event gets the members. `modern`: since Node 24, an error in the place of the format does not count.
 */
function jsonEvent(modern, timestamp, requestId, level, message, parameters) {
  const event = { timestamp, level, requestId };
  if (parameters.length === 0) {
    event.message = message;
    try {
      return JSON.stringify(event, replacer);
    } catch {
      event.message = format(message);
      return JSON.stringify(event);
    }
  }
  event.message = format(message, ...parameters);
  const error = (modern ? parameters : [message, ...parameters]).find((value) => value instanceof Error);
  if (error !== undefined) {
    event.errorType = typeOf(error);
    event.errorMessage = error.message;
    event.stackTrace = typeof error.stack === 'string' ? error.stack.split('\n') : [];
  }
  return JSON.stringify(event);
}

module.exports = { jsonEvent };
