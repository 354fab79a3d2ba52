// What a function prints: console methods become framed events (one log event each, newlines included), what is
// written to process.stdout and process.stderr goes out raw. Child processes write to the real descriptors.
'use strict';

const { format } = require('node:util');
const { logKind, sendLog } = require('./channel.cjs');

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** The function logs JSON. Taken when its environment is known: what it does to its variables later changes nothing. */
let json = false;

/** Text of one event. */
function textEvent(timestamp, requestId, level, message, parameters) {
  const text = parameters.length === 0 && typeof message === 'string' ? message : format(message, ...parameters);
  return `${timestamp}\t${requestId}\t${level}\t${text}`;
}

/**
 * Replaces the console methods, in the format and from the level on that the environment names. `requestId()` names the
 * invocation in progress; `modern`: as the client of Node 24 does it.
 */
function patchConsole(requestId, environment, modern) {
  json = environment.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const event = json ? require('./jsonlog.cjs').jsonEvent.bind(null, modern) : textEvent;
  const lowest = Math.max(levels.indexOf(environment.AWS_LAMBDA_LOG_LEVEL?.toLowerCase()), 0);
  levels.forEach((name, index) => {
    const label = name.toUpperCase();
    console[name] =
      index < lowest
        ? () => {}
        : (message, ...parameters) => {
            const now = new Date();
            sendLog(logKind.event, event(now.toISOString(), requestId(), label, message, parameters), now.getTime());
          };
  });
  console.log = console.info;
}

/** Logs an error of the function's: JSON has the error itself, text what `describe` makes of it behind the title. */
function logFailure(title, error, describe) {
  if (json) console.error(error);
  else console.error(title, `\t${describe(error)}`);
}

function write(kind, chunk, encoding, callback) {
  const done = typeof encoding === 'function' ? encoding : callback;
  const simple = typeof chunk === 'string' && (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding));
  if (!simple && typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return null;
  const content = simple || typeof chunk !== 'string' ? chunk : Buffer.from(chunk, encoding);
  if (content.length > 0) sendLog(kind, content, Date.now());
  if (typeof done === 'function') process.nextTick(done);
  return true;
}

/** Making a stream costs more than the rest of the boot: it happens when a function first asks for it. */
function patchStream(name, kind) {
  const { get } = Object.getOwnPropertyDescriptor(process, name);
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      const stream = get.call(process);
      const original = stream.write;
      stream.write = (chunk, encoding, callback) =>
        // Wrong types: let the stream itself say so.
        write(kind, chunk, encoding, callback) ?? original.call(stream, chunk, encoding, callback);
      Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
      return stream;
    },
  });
}

function patchStreams() {
  patchStream('stdout', logKind.stdout);
  patchStream('stderr', logKind.stderr);
}

module.exports = { logFailure, patchConsole, patchStreams };
