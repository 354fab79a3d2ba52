// Runtime of nodejs20.x, nodejs22.x and nodejs24.x: boots, says HELLO, becomes the function that INIT names, and serves
// invocations. Plain JavaScript without dependencies; behaves as Lambda's own client for the same version of Node.
'use strict';

const Module = require('node:module');
const { join } = require('node:path');
const { frame, open, sendText } = require('./channel.cjs');
const { readHeader } = require('./context.cjs');
const { logError, errorReport } = require('./errors.cjs');
const { loadHandler } = require('./handler.cjs');
const { patchConsole, patchStreams } = require('./output.cjs');
const { Client, streamingGlobals } = require('./streaming.cjs');

// Node 24 dropped callback handlers, and Lambda's client changed with it.
const modern = Number.parseInt(process.versions.node, 10) >= 24;
const era = modern ? require('./modern.cjs') : require('./classic.cjs');

const socket = open(onFrame);
let runtime = null;
let handleOnce = null;

/** Whether waiting for a frame keeps the process alive. Not while a handler runs: its empty event loop must show. */
function waiting(on) {
  if (on) socket.ref();
  else socket.unref();
}

function onFrame(type, buffer, start, end) {
  if (type === frame.invoke) {
    const bodyStart = start + 4 + buffer.readUInt32LE(start);
    const header = readHeader(buffer.utf8Slice(start + 4, bodyStart));
    const body = buffer.utf8Slice(bodyStart, end);
    // In a turn of its own, so that traces of the function end here and do not show how frames are read.
    Promise.resolve({ header, body }).then(handleOnce);
  } else if (type === frame.init) {
    init(JSON.parse(buffer.utf8Slice(start, end)));
  }
}

function setEnvironment(wanted) {
  for (const name of Object.keys(process.env)) if (!(name in wanted)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) process.env[name] = value;
}

/** `awslambda`, unless the function asked for none. */
function setGlobals(store) {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = { ...(store ? { InvokeStore: store } : {}), ...streamingGlobals };
}

/** The function's code sees a process that looks as under Lambda's own runtime. */
function hideBootstrap() {
  process.argv[1] = join(__dirname, 'index.mjs');
  process.mainModule = undefined;
  for (const file of Object.keys(require.cache)) if (file.startsWith(__dirname)) delete require.cache[file];
}

/** Of an environment that was there at the start: all but the flags that we have put before the function's own. */
function tidyOptions() {
  const options = process.env.NODE_OPTIONS ?? '';
  const own = options.replace(/--no-experimental-(require|detect)-module ?/g, '').trim();
  if (own === '') delete process.env.NODE_OPTIONS;
  else if (own !== options) process.env.NODE_OPTIONS = own;
}

async function init({ env, handler, taskRoot, inherited }) {
  waiting(false);
  if (inherited) tidyOptions();
  else setEnvironment(env);
  process.chdir(taskRoot);
  // NODE_PATH counts when a process starts; this one started before it knew the function.
  Module._initPaths();
  const store = modern ? new era.InvokeStoreSingle() : null;
  const requestId = modern ? () => store.getRequestId() : () => global[era.requestIdKey];
  patchConsole(requestId, process.env, modern);
  setGlobals(store);
  if (!modern) watch();
  // Errors of `require` name this file as the one that asked.
  const userRequire = Module.createRequire(join(__dirname, 'index.mjs'));
  hideBootstrap();
  let loaded;
  try {
    // A wrapper may have put its own handler before the function's: tracing layers do.
    const wanted = inherited ? (process.env._HANDLER ?? handler) : handler;
    loaded = await loadHandler({ root: taskRoot, handler: wanted, userRequire, modern });
  } catch (error) {
    // Before Node 24 an uncaught exception like any other; since then reported, and then nobody catches it.
    if (!modern) return process.emit('uncaughtException', error, 'unhandledRejection');
    logError('Init Error', error, true);
    sendText(frame.initError, JSON.stringify(errorReport(error, true)));
    throw error;
  }
  const client = loaded.streaming ? new Client(process.env.AWS_LAMBDA_RUNTIME_API) : null;
  const streams = (requestId) => client.open(requestId, loaded.highWaterMark, modern);
  if (modern) {
    const Processor = loaded.streaming ? era.StreamingInvokeProcessor : era.BufferedInvokeProcessor;
    runtime = new Processor(loaded.handler, waiting, streams, store);
    handleOnce = runtime.handleOnce.bind(runtime);
  } else {
    runtime = new era.Runtime(loaded.handler, waiting, streams);
    handleOnce = (loaded.streaming ? runtime.handleOnceStreaming : runtime.handleOnceNonStreaming).bind(runtime);
  }
  sendText(frame.initDone, '');
  waiting(true);
}

/** Node 20 and 22: what happens to errors nobody caught, and to an init that never ends. */
function watch() {
  const initFailed = (report) => sendText(frame.initError, report);
  era.watchErrors(() => runtime, initFailed);
  // An import that waits for nothing any more: Node's exit code for it.
  global[Symbol.for('aws.lambda.beforeExit')] = () => process.exit(13);
}

/** What a function's first moments need, done while a spare waits: the first `import()` alone costs milliseconds. */
function warm() {
  patchConsole(() => '', {}, modern);
  Module.createRequire(join(__dirname, 'index.mjs'))('node:fs');
  import('node:path');
}

patchStreams();
sendText(frame.hello, '');
warm();
