// Streaming handlers (`awslambda.streamifyResponse`) under a plain Invoke: the stream is collected and becomes the
// response. Loaded when a function asks for it.
'use strict';

const { Writable } = require('node:stream');
const { frame, sendBytes } = require('./channel.cjs');
const { streamingKey } = require('./handler.cjs');

const preludeType = 'application/vnd.awslambda.http-integration-response';
const delimiterBytes = 8;

class ResponseStream extends Writable {
  chunks = [];
  started = false;
  contentType = 'application/octet-stream';
  constructor() {
    super({ decodeStrings: true });
  }
  setContentType(type) {
    if (this.started) {
      const failure = new Error('Cannot set content-type, too late.');
      failure.name = 'Runtime.InvalidStreamingOperation';
      throw failure;
    }
    this.contentType = type;
  }
  write(chunk, encoding, callback) {
    const data = typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    if (!this.started) {
      this.started = true;
      this._onBeforeFirstWrite?.((first) => super.write(first));
    }
    return super.write(data, encoding, callback);
  }
  _write(chunk, _encoding, callback) {
    this.chunks.push(chunk);
    callback();
  }
}

/** `awslambda` as functions see it. */
const streamingGlobals = {
  streamifyResponse(handler) {
    handler[streamingKey] = 'response';
    return handler;
  },
  // biome-ignore lint/complexity/noStaticOnlyClass: functions know it as a class
  HttpResponseStream: class HttpResponseStream {
    static from(stream, prelude) {
      stream.setContentType(preludeType);
      stream._onBeforeFirstWrite = (write) => {
        write(JSON.stringify(prelude));
        write(new Uint8Array(delimiterBytes));
      };
      return stream;
    }
  },
};

async function invokeStreaming(runtime, body, contextData, { fail, end }) {
  const stream = new ResponseStream();
  const finished = new Promise((resolve, reject) => stream.on('finish', resolve).on('error', reject));
  finished.catch(() => {});
  try {
    const result = runtime.handler(JSON.parse(body), stream, contextData());
    if (typeof result?.then !== 'function') throw new Error('Streaming does not support non-async handlers.');
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
    await finished;
    sendBytes(frame.response, Buffer.concat(stream.chunks));
    end();
  } catch (error) {
    fail(error);
  }
}

module.exports = { invokeStreaming, streamingGlobals };
