// Runtime of nodejs20.x, nodejs22.x and nodejs24.x: boots, says HELLO, becomes the function that INIT names, and serves
// invocations. Plain JavaScript without dependencies; behaves as Lambda's own client for the same version of Node.
'use strict';

const Module = require('node:module');
const { join } = require('node:path');
const { frame, open, sendText, silence } = require('./channel.cjs');
const { readHeader } = require('./context.cjs');
const { logError, errorReport } = require('./errors.cjs');
const { loadHandler } = require('./handler.cjs');
const { patchConsole, patchStreams } = require('./output.cjs');
const snapshot = require('./snapshot.cjs');
const { Client, streamingGlobals } = require('./streaming.cjs');

// Node 24 dropped callback handlers, and Lambda's client changed with it.
const modern = Number.parseInt(process.versions.node, 10) >= 24;
const era = modern ? require('./modern.cjs') : require('./classic.cjs');

const socket = open(onFrame);
let runtime = null;
let handleOnce = null;
let initiated = false;
let generators = null;
/** Resolves when the rehearsal under way is over. */
let rehearsing = null;

/** Loaded only where there are snapshots: it needs node:crypto, which costs a boot milliseconds. */
function uniqueness() {
  generators ??= require('./uniqueness.cjs');
  return generators;
}

/** Whether waiting for a frame keeps the process alive. Not while a handler runs: its empty event loop must show. */
function waiting(on) {
  if (on) socket.ref();
  else socket.unref();
}

function onFrame(type, buffer, start, end) {
  if (type === frame.invoke) {
    takeInvoke(buffer, start, end, handleOnce);
  } else if (type === frame.init) {
    initiated = true;
    const body = JSON.parse(buffer.utf8Slice(start, end));
    if (rehearsing === null) init(body);
    else rehearsing.then(() => init(body));
  } else if (type === frame.pause) {
    pause();
  } else if (type === frame.rehearse) {
    rehearseAgain();
  } else if (type === frame.restore) {
    restored(JSON.parse(buffer.utf8Slice(start, end)));
  }
}

function takeInvoke(buffer, start, end, handle) {
  const bodyStart = start + 4 + buffer.readUInt32LE(start);
  const header = readHeader(buffer.utf8Slice(start + 4, bodyStart));
  const body = buffer.utf8Slice(bodyStart, end);
  // In a turn of its own, so that traces of the function end here and do not show how frames are read.
  Promise.resolve({ header, body }).then(handle);
}

function setEnvironment(wanted) {
  for (const name of Object.keys(process.env)) if (!(name in wanted)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) process.env[name] = value;
}

/** `awslambda`, unless the function asked for none. */
function setGlobals(store) {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = { ...(store ? { InvokeStore: store } : {}), ...streamingGlobals };
  // Ours, where Lambda's Node has nothing; not listed among its own.
  Object.defineProperties(globalThis.awslambda, snapshot.registration);
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
  delete process.env.HEARTH_SNAPSHOTS;
  const own = options.replace(/--no-experimental-(require|detect)-module ?/g, '').trim();
  if (own === '') delete process.env.NODE_OPTIONS;
  else if (own !== options) process.env.NODE_OPTIONS = own;
}

/** As Lambda's Python client: the error is logged, its type is the hook's kind, and the process ends. */
function hookFailed(frameType, errorType, title, error, status) {
  logError(title, error, modern);
  sendText(frameType, JSON.stringify({ ...errorReport(error, modern), errorType }));
  process.exit(status);
}

/** Everything the runtime does after a restore is done once now, so that a clone finds it in memory, and compiled. */
async function pause() {
  uniqueness().prepare();
  await snapshot.collectGarbage();
  sendText(frame.paused, '');
}

async function restored(body, heard = true) {
  waiting(false);
  try {
    if (body.reseed) uniqueness().reseed();
    await snapshot.runAfterRestore();
  } catch (error) {
    return hookFailed(frame.restoreError, 'Runtime.AfterRestoreError', 'Restore Error', error, 65);
  }
  sendText(frame.restoreDone, '', heard);
  waiting(true);
}

async function init({ env, handler, taskRoot, inherited, snapStart, reseed: cloned }) {
  waiting(false);
  // Before any code of the function: what it draws while it loads must be its own, too.
  if (cloned || snapStart) uniqueness().ownMathRandom();
  if (cloned) uniqueness().reseed();
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
  if (snapStart) {
    try {
      await snapshot.runBeforeSnapshot();
    } catch (error) {
      return hookFailed(frame.initError, 'Runtime.BeforeSnapshotError', 'Init Error', error, 64);
    }
  }
  serve(loaded, store);
  sendText(frame.initDone, '');
  waiting(true);
}

/** Invocations are this handler's from now on. */
function serve(loaded, store) {
  [runtime, handleOnce] = processorOf(loaded, store, waiting);
}

/** What takes invocations for a handler, and its method that does. */
function processorOf(loaded, store, wait) {
  const client = loaded.streaming ? new Client(process.env.AWS_LAMBDA_RUNTIME_API) : null;
  const streams = (requestId) => client.open(requestId, loaded.highWaterMark, modern);
  if (modern) {
    const Processor = loaded.streaming ? era.StreamingInvokeProcessor : era.BufferedInvokeProcessor;
    const processor = new Processor(loaded.handler, wait, streams, store);
    return [processor, processor.handleOnce.bind(processor)];
  }
  const processor = new era.Runtime(loaded.handler, wait, streams);
  return [
    processor,
    (loaded.streaming ? processor.handleOnceStreaming : processor.handleOnceNonStreaming).bind(processor),
  ];
}

/** Node 20 and 22: what happens to errors nobody caught, and to an init that never ends. */
function watch() {
  const initFailed = (report) => sendText(frame.initError, report);
  era.watchErrors(() => runtime, initFailed);
  // An import that waits for nothing any more: Node's exit code for it.
  global[Symbol.for('aws.lambda.beforeExit')] = () => process.exit(13);
}

/** What a function's first moments need, done before a spare waits: the first `import()` of a file costs milliseconds. */
async function warm() {
  patchConsole(() => '', {}, modern);
  Module.createRequire(join(__dirname, 'index.mjs'))('node:fs');
  await Promise.all([import('data:text/javascript,'), require('node:fs/promises').readFile(__filename)]);
  // This process will be cloned as it is now: by its driver's word, which is no variable of the function.
  const cloned = Boolean(process.env.HEARTH_SNAPSHOTS);
  if (cloned) uniqueness().prepare();
  if (initiated) return;
  await rehearseNow(cloned);
  if (cloned) await snapshot.collectGarbage();
}

/** An INIT that comes meanwhile waits. Nobody needs it: what goes wrong is not told. */
async function rehearseNow(cloned) {
  rehearsing = rehearse(cloned).catch(() => {});
  await rehearsing;
  rehearsing = null;
}

/**
 * A function's start is played through where nobody hears it: what runs for the first time is parsed and compiled first,
 * which is a good part of a spare's first reply, and most of it where the processor is emulated.
 */
async function rehearse(cloned) {
  const userRequire = Module.createRequire(join(__dirname, 'index.mjs'));
  for (const name of ['rehearsal', 'rehearsalmodule']) {
    // The real thing is there.
    if (initiated) return;
    for (const file of Object.keys(require.cache)) if (file.startsWith(__dirname)) delete require.cache[file];
    const loaded = await loadHandler({ root: __dirname, handler: `${name}.handler`, userRequire, modern });
    await playInvocation(loaded);
  }
  silence(true);
  console.log('rehearsal');
  silence(false);
  if (cloned) await restored({ reseed: true }, false);
}

/**
 * An invocation as any other, of a handler that is ours, by a processor of its own; its answer is not sent. The function's
 * own code may run meanwhile, and finds everything as it was.
 */
async function playInvocation(loaded) {
  const { _X_AMZN_TRACE_ID: trace } = process.env;
  const recall = era.remember?.();
  const [processor, handle] = processorOf(loaded, modern ? new era.InvokeStoreSingle() : null, () => {});
  const header = Buffer.from(`rehearsal\n${Date.now()}\n\nRoot=\n\n`);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length, 0);
  const body = Buffer.concat([length, header, Buffer.from('{}')]);
  const answered = new Promise((resolve) => {
    processor.send = (type, text) => resolve(sendText(type, text, false));
  });
  takeInvoke(body, 0, body.length, handle);
  if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = trace;
  await answered;
  recall?.();
}

/** As the worker asks: a clone has all of this compiled, but the processor that it runs on has not seen it yet. */
async function rehearseAgain() {
  if (initiated) await playInvocation({ handler: async (event) => event, streaming: false });
  else {
    await rehearseNow(false);
    if (generators !== null) generators.reseed();
  }
  sendText(frame.rehearsed, '');
}

patchStreams();
// The event loop looks at the channel first: without spares the function is waiting there already.
setImmediate(async () => {
  if (!initiated) await warm();
  if (!initiated) sendText(frame.hello, '');
});
