// Invocations as on Node 20 and 22: promises, callbacks, context.done/succeed/fail; a handler that gives neither a
// promise nor calls back ends with null when its event loop runs empty.
'use strict';

const { frame, sendText } = require('./channel.cjs');
const { environmentData, headerData } = require('./context.cjs');
const { errorReport, logError, UnhandledPromiseRejection } = require('./errors.cjs');
const { endInvocation, stream } = require('./streaming.cjs');

const requestIdKey = Symbol.for('aws.lambda.runtime.requestId');
const beforeExitKey = Symbol.for('aws.lambda.beforeExit');
const nothing = () => {};

function stringify(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    throw new Error('Unable to stringify response body');
  }
  // A function or a symbol has no JSON; the official client's native part says it so.
  if (text === undefined) throw new TypeError('Wrong arguments');
  return text;
}

/** Wraps the ways to end one invocation: only the first call of any of them counts, unless it throws. */
function firstCall() {
  let finished = false;
  return (wrapped) => (first, second) => {
    if (finished) return;
    wrapped(first, second);
    finished = true;
  };
}

class Runtime {
  /**
   * `waiting(on)`: whether waiting for the next invocation keeps the process alive. `streams(requestId)` opens the response
   * stream of an invocation; null for handlers that do not stream.
   */
  constructor(handler, waiting, streams) {
    this.handler = handler;
    this.waiting = waiting;
    this.streams = streams;
    this.environment = environmentData(false);
    this.current = null;
    this.send = sendText;
  }

  /** Answers the invocation in progress, if it is still this one; the process then waits for the next. */
  answer(requestId, type, text) {
    if (this.current !== requestId || requestId === null) return;
    this.current = null;
    this.send(type, text);
    this.waiting(true);
  }

  postError(requestId, error) {
    logError('Invoke Error', error, false);
    this.answer(requestId, frame.error, JSON.stringify(errorReport(error, false)));
  }

  /** The callback and the context's functions of one invocation. */
  callbacks(requestId) {
    let complete = false;
    let waitsForEmptyEventLoop = true;
    const once = firstCall();
    const succeed = (result) => {
      if (complete) {
        console.error(
          'Invocation has already been reported as done. Cannot call complete more than once per invocation.',
        );
        return;
      }
      complete = true;
      this.answer(requestId, frame.response, stringify(result));
    };
    const settle = (error, result, wait) => {
      global[beforeExitKey] = nothing;
      if (error !== undefined && error !== null) this.postError(requestId, error);
      else if (wait) global[beforeExitKey] = () => setImmediate(() => succeed(result));
      else succeed(result);
    };
    global[beforeExitKey] = () => {
      complete = true;
      this.answer(requestId, frame.response, 'null');
    };
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitsForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitsForEmptyEventLoop = value;
      },
      succeed: once((result) => settle(null, result, false)),
      fail: once((error) => settle(error === undefined || error === null ? 'handled' : error, null, false)),
      done: once((error, result) => settle(error, result, false)),
    };
    return { context, callback: once((error, result) => settle(error, result, waitsForEmptyEventLoop)) };
  }

  handleOnceNonStreaming({ header, body }) {
    const { requestId } = header;
    this.current = requestId;
    global[requestIdKey] = requestId;
    this.waiting(false);
    const { context, callback } = this.callbacks(requestId);
    try {
      const event = JSON.parse(body);
      const result = this.handler(event, Object.assign(context, this.environment, headerData(header, false)), callback);
      if (result?.then && typeof result.then === 'function') {
        result.then(context.succeed, context.fail).catch(context.fail);
      }
    } catch (error) {
      callback(error);
    }
  }

  async handleOnceStreaming({ header, body }) {
    const { requestId } = header;
    this.current = requestId;
    global[requestIdKey] = requestId;
    this.waiting(false);
    const over = () => {
      if (this.current !== requestId) return;
      this.current = null;
      endInvocation();
      this.waiting(true);
    };
    global[beforeExitKey] = over;
    let waitsForEmptyEventLoop = true;
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitsForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitsForEmptyEventLoop = value;
      },
    };
    const invoke = (view) => {
      Object.assign(context, this.environment, headerData(header, false));
      return this.handler(JSON.parse(body), view, context);
    };
    await stream(this.streams(requestId), invoke, false);
    if (waitsForEmptyEventLoop) global[beforeExitKey] = () => setImmediate(over);
    else {
      global[beforeExitKey] = nothing;
      over();
    }
  }
}

/**
 * What an error nobody caught does: it is logged and reported, and the process ends. `runtime()` is null until the
 * function is loaded; until then `initFailed(report)` reports.
 */
function watchErrors(runtime, initFailed) {
  const end = (error, code) => {
    const report = JSON.stringify(errorReport(error, false));
    const running = runtime();
    if (running === null) initFailed(report);
    else running.answer(running.current, frame.lastError, report);
    process.exit(code);
  };
  process.on('uncaughtException', (error) => {
    logError('Uncaught Exception', error, false);
    end(error, 129);
  });
  process.on('unhandledRejection', (reason, promise) => {
    const error = new UnhandledPromiseRejection(reason, promise);
    logError('Unhandled Promise Rejection', error, false);
    end(error, 128);
  });
  global[beforeExitKey] = nothing;
  process.on('beforeExit', () => global[beforeExitKey]());
}

/** Returns what undoes everything that invocations from now on leave behind. */
function remember() {
  const keys = [requestIdKey, beforeExitKey];
  const before = keys.map((key) => [key, key in global, global[key]]);
  return () => {
    for (const [key, known, value] of before) {
      if (known) global[key] = value;
      else delete global[key];
    }
  };
}

module.exports = { remember, requestIdKey, Runtime, watchErrors };
