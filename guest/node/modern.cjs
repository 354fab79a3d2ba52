// Invocations as since Node 24: async handlers only; an error nobody caught ends the process as Node does it.
'use strict';

const { frame, sendText } = require('./channel.cjs');
const { environmentData, headerData } = require('./context.cjs');
const { errorReport, logError, runtimeFailure } = require('./errors.cjs');
const { endInvocation, stream } = require('./streaming.cjs');

const keys = {
  REQUEST_ID: Symbol.for('_AWS_LAMBDA_REQUEST_ID'),
  X_RAY_TRACE_ID: Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID'),
  TENANT_ID: Symbol.for('_AWS_LAMBDA_TENANT_ID'),
};

/** What libraries ask for the current invocation (`globalThis.awslambda.InvokeStore`). */
class InvokeStoreSingle {
  static PROTECTED_KEYS = keys;
  currentContext;
  isProtectedKey(key) {
    return Object.values(keys).includes(key);
  }
  getRequestId() {
    return this.get(keys.REQUEST_ID) ?? '-';
  }
  getXRayTraceId() {
    return this.get(keys.X_RAY_TRACE_ID);
  }
  getTenantId() {
    return this.get(keys.TENANT_ID);
  }
  getContext() {
    return this.currentContext;
  }
  hasContext() {
    return this.currentContext !== undefined;
  }
  get(key) {
    return this.currentContext?.[key];
  }
  set(key, value) {
    if (this.isProtectedKey(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    this.currentContext ??= {};
    this.currentContext[key] = value;
  }
  run(context, work) {
    this.currentContext = context;
    return work();
  }
}

function stringify(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch {
    throw runtimeFailure('JSONStringifyError', 'Unable to stringify response body', true);
  }
  // A function or a symbol has no JSON; the official client's native part says it so.
  if (text === undefined) throw new TypeError('Wrong arguments');
  return text;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

class BufferedInvokeProcessor {
  /** `waiting(on)` and `streams(requestId)` as in `classic.cjs`. */
  constructor(handler, waiting, streams, store) {
    this.handler = handler;
    this.waiting = waiting;
    this.streams = streams;
    this.store = store;
    this.environment = environmentData(true);
    this.send = sendText;
  }

  answer(type, text) {
    this.send(type, text);
    this.waiting(true);
  }

  async fail(error) {
    await turn();
    logError('Invoke Error', error, true);
    this.answer(frame.error, JSON.stringify(errorReport(error, true)));
  }

  async processInvoke(context, event) {
    try {
      const result = await this.handler(event, context);
      await turn();
      this.answer(frame.response, stringify(result));
    } catch (error) {
      await this.fail(error);
    }
  }

  /** An event or context that cannot be read ends the process, as an error outside of the handler does. */
  async handleOnce({ header, body }) {
    this.waiting(false);
    const context = Object.assign(headerData(header, true), this.environment);
    const event = JSON.parse(body);
    await this.store.run(this.storeContext(header), () => this.processInvoke(context, event));
  }

  storeContext(header) {
    return { [keys.REQUEST_ID]: header.requestId, [keys.X_RAY_TRACE_ID]: header.trace };
  }
}

/** Traces of the function name the class, so it is called as in Lambda's client. */
class StreamingInvokeProcessor extends BufferedInvokeProcessor {
  async processInvoke(context, event) {
    await stream(this.streams(context.awsRequestId), (view) => this.handler(event, view, context), true);
    endInvocation();
    this.waiting(true);
  }
}

module.exports = { BufferedInvokeProcessor, InvokeStoreSingle, StreamingInvokeProcessor };
