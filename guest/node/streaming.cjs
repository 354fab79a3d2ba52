// Streaming handlers (`awslambda.streamifyResponse`): what they write leaves through the Runtime API at once, as Lambda's
// own client sends it. Their response stream is node:http's request, so back-pressure, `drain`, errors and properties are
// the real ones. Loaded when a function asks for it.
'use strict';

const { createConnection } = require('node:net');
const { frame, sendText } = require('./channel.cjs');
const { errorReport, logError, runtimeFailure } = require('./errors.cjs');
const { highWaterMarkKey, streamingKey } = require('./handler.cjs');

const preludeType = 'application/vnd.awslambda.http-integration-response';
const delimiterBytes = 8;
const errorTypeTrailer = 'Lambda-Runtime-Function-Error-Type';
const errorBodyTrailer = 'Lambda-Runtime-Function-Error-Body';

/** What a handler may do with its stream: the writable side and the events, nothing of HTTP. */
const methods = (
  'cork destroy end uncork write addListener emit eventNames getMaxListeners listenerCount listeners off on once ' +
  'prependListener prependOnceListener rawListeners removeAllListeners removeListener setMaxListeners setContentType'
).split(' ');
const settable = {
  classic: ['destroyed', 'writable', '_onBeforeFirstWrite'],
  modern: ['destroyed', '_onBeforeFirstWrite'],
};
const readable = {
  classic: ['writableBuffer'],
  modern: ['writable'],
  both: (
    'writableFinished writableObjectMode writableEnded writableNeedDrain writableHighWaterMark writableCorked ' +
    'writableLength'
  ).split(' '),
};

function handlersView(request, modern) {
  const era = modern ? 'modern' : 'classic';
  const view = {};
  for (const name of methods) view[name] = request[name].bind(request);
  const get = (name) => () => request[name];
  for (const name of settable[era]) {
    const set = (value) => {
      request[name] = value;
    };
    Object.defineProperty(view, name, { get: get(name), set });
  }
  for (const name of [...readable.both, ...readable[era]]) Object.defineProperty(view, name, { get: get(name) });
  return view;
}

const isBytes = {
  classic: (chunk) => Buffer.isBuffer(chunk) || chunk?.constructor === Uint8Array,
  modern: (chunk) => chunk instanceof Uint8Array,
};

/** `write` of a handler's stream: other values as JSON; a prelude, if there is one, goes before the first. */
function patchWrite(request, modern) {
  const write = request.write.bind(request);
  const bytes = modern ? isBytes.modern : isBytes.classic;
  let written = false;
  request.setContentType = (type) => {
    if (written) {
      if (!modern) throw runtimeFailure('InvalidStreamingOperation', 'Cannot set content-type, too late.', false);
      const failure = new Error('Cannot set content-type, too late.');
      failure.name = 'Runtime.InvalidStreamingOperation';
      throw failure;
    }
    request.setHeader('Content-Type', type);
  };
  request.write = (chunk, encoding, callback) => {
    // Reading its length is how a missing chunk fails.
    const plain = chunk.length !== undefined && (typeof chunk === 'string' || bytes(chunk));
    const data = plain ? chunk : JSON.stringify(chunk);
    if (!written) request._onBeforeFirstWrite?.((first) => write(first));
    const more = write(data, encoding, callback);
    written = true;
    return more;
  };
  if (!modern) {
    // Lambda's client passes on the first argument only.
    const end = request.end.bind(request);
    request.end = (first) => {
      end(first);
    };
  }
}

/** Connections to the Runtime API: one at a time, kept between invocations. */
class Client {
  constructor(address) {
    // Costs milliseconds; only functions that stream pay.
    const http = require('node:http');
    [this.hostname, this.port] = address.split(':');
    this.http = http;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** `done` resolves when the worker has taken the whole response, rejects when the connection ends before. */
  open(requestId, highWaterMark, modern) {
    const { agent, http, hostname, port } = this;
    agent.createConnection = (options, listener) => createConnection({ ...options, highWaterMark }, listener);
    const headers = {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: [errorTypeTrailer, errorBodyTrailer],
      'Content-Type': 'application/octet-stream',
      ...(modern ? { 'Transfer-Encoding': 'chunked' } : {}),
    };
    const path = `/2018-06-01/runtime/invocation/${requestId}/response`;
    const request = http.request({ agent, headers, hostname, method: 'POST', path, port });
    // A failed connection rejects both, and nobody catches the first: as with Lambda's own client, that ends the process.
    new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
    const done = new Promise((resolve, reject) => {
      request.on('response', (answer) => {
        answer.on('end', resolve).on('aborted', reject).resume();
      });
      request.on('error', (error) => {
        reject(error);
        request.destroy(error);
      });
    });
    // Whatever becomes of it, the connection's end is the last of it.
    const closed = new Promise((resolve) => request.on('close', resolve));
    patchWrite(request, modern);
    return { request, stream: handlersView(request, modern), done, closed };
  }
}

/** `awslambda` as functions see it. */
const streamingGlobals = {
  streamifyResponse(handler, options) {
    handler[streamingKey] = 'response';
    if (typeof options?.highWaterMark === 'number')
      handler[highWaterMarkKey] = Number.parseInt(options.highWaterMark, 10);
    return handler;
  },
  // biome-ignore lint/complexity/noStaticOnlyClass: functions know it as a class
  HttpResponseStream: class HttpResponseStream {
    static from(stream, prelude) {
      stream.setContentType(preludeType);
      const text = JSON.stringify(prelude);
      stream._onBeforeFirstWrite = (write) => {
        write(text);
        write(new Uint8Array(delimiterBytes));
      };
      return stream;
    }
  },
};

/** Reports an error inside a response: as trailers behind what has been written. */
function fail({ request }, error, modern) {
  logError('Invoke Error', error, modern);
  const report = errorReport(error, modern);
  request.addTrailers({
    [errorTypeTrailer]: report.errorType,
    [errorBodyTrailer]: Buffer.from(JSON.stringify(report)).toString('base64'),
  });
  request.end();
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Runs `invoke(stream)`, the handler. Resolves when it is done and its response, or the error inside, has been taken; a
 * stream that is never ended never is, and the invocation times out.
 */
async function stream(opened, invoke, modern) {
  const { stream: view, done, closed } = opened;
  // As Lambda's clients have it: before Node 24 the texts themselves are thrown.
  const failure = (message) => (modern ? new Error(message) : message);
  try {
    const result = invoke(view);
    const isPromise = typeof result?.then === 'function' && (!modern || typeof result === 'object');
    if (!isPromise) throw failure('Streaming does not support non-async handlers.');
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
    await done;
    if (!view.writableFinished) throw failure('Response stream is not finished.');
  } catch (error) {
    if (modern) await turn();
    fail(opened, error, modern);
    await Promise.race([done.catch(() => {}), closed]);
    // A connection that failed ends the process first, as a rejection that nobody caught.
    await turn();
  }
}

/** The invocation is over, also for the worker: what was to be said went through the stream. */
function endInvocation() {
  sendText(frame.response, '');
}

module.exports = { Client, endInvocation, stream, streamingGlobals };
