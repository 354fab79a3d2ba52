// Finds the handler that `file.export` names, as Lambda's own runtime for this version of Node does.
'use strict';

const { existsSync, readFileSync } = require('node:fs');
const { basename, dirname, join, resolve } = require('node:path');
const { runtimeFailure } = require('./errors.cjs');

const streamingKey = Symbol.for('aws.lambda.runtime.handler.streaming');
const highWaterMarkKey = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

/** `dir/file.a.b` → directory `dir/`, module `file`, path to the function `a.b`. */
function parse(handler, modern) {
  if (handler.includes('..')) {
    const why = 'Use absolute paths when specifying root directories in handler names.';
    throw runtimeFailure('MalformedHandlerName', `'${handler}' is not a valid handler name. ${why}`, modern);
  }
  const last = basename(handler);
  const parts = /^([^.]*)\.(.*)$/.exec(last);
  if (parts === null) throw runtimeFailure('MalformedHandlerName', 'Bad handler', modern);
  return { directory: handler.substring(0, handler.indexOf(last)), module: parts[1], path: parts[2] };
}

/** Whether the nearest package.json above makes `.js` files ES modules. */
function isModuleFolder(folder) {
  for (let at = folder; !at.endsWith('/node_modules'); at = dirname(at)) {
    const file = join(at, 'package.json');
    if (existsSync(file)) {
      try {
        const content = JSON.parse(readFileSync(file, 'utf8'));
        if (content) return content.type === 'module';
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (at === '/') return false;
  }
  return false;
}

/** Node 20 and 22: CommonJS first, unless the package says otherwise. */
async function loadClassic(root, name, userRequire) {
  const path = resolve(root, name.directory, name.module);
  const tryRequire = (extension) => (existsSync(path + extension) ? userRequire(path + extension) : undefined);
  const tryImport = async (extension) => (existsSync(path + extension) ? await import(path + extension) : undefined);
  const plain = tryRequire('');
  if (plain) return plain;
  const isModule = existsSync(`${path}.js`) && isModuleFolder(dirname(path));
  if (!isModule) {
    const loaded = tryRequire('.js');
    if (loaded) return loaded;
  }
  const loaded = (isModule && (await tryImport('.js'))) || (await tryImport('.mjs')) || tryRequire('.cjs');
  return loaded || userRequire(userRequire.resolve(name.module, { paths: [root, name.directory] }));
}

/** Node 24: everything is imported. */
async function loadModern(root, name, userRequire) {
  const directory = name.directory.replace(/\/$/, '');
  const path = resolve(root, directory, name.module);
  for (const extension of ['', '.js', '.mjs', '.cjs']) {
    if (existsSync(path + extension)) return await import(path + extension);
  }
  return userRequire(userRequire.resolve(name.module, { paths: [root, join(root, directory)] }));
}

async function load(root, name, userRequire, modern) {
  try {
    return await (modern ? loadModern : loadClassic)(root, name, userRequire);
  } catch (error) {
    if (error instanceof SyntaxError) throw runtimeFailure('UserCodeSyntaxError', error, modern);
    if (error?.code === 'MODULE_NOT_FOUND' && (!modern || error instanceof Error)) {
      throw runtimeFailure('ImportModuleError', error, modern);
    }
    throw error;
  }
}

const findClassic = (path, from) => path.split('.').reduce((nested, key) => nested?.[key], from);
const findModern = (path, from) =>
  path.split('.').reduce((nested, key) => (nested && typeof nested === 'object' ? nested[key] : undefined), from);

function find(path, loaded, modern) {
  if (!modern) return findClassic(path, loaded);
  const found = findModern(path, loaded);
  return found || !(typeof loaded === 'object' && loaded !== null && 'default' in loaded)
    ? found
    : findModern(path, loaded.default);
}

/**
 * Loads the handler function. Rejects with the error Lambda reports for it.
 * @returns {Promise<{handler: Function, streaming: boolean, highWaterMark: number | undefined}>}
 */
async function loadHandler({ root, handler, userRequire, modern }) {
  const name = parse(handler, modern);
  const found = find(name.path, await load(root, name, userRequire, modern), modern);
  if (!found) throw runtimeFailure('HandlerNotFound', `${handler} is undefined or not exported`, modern);
  if (typeof found !== 'function') throw runtimeFailure('HandlerNotFound', `${handler} is not a function`, modern);
  const mode = found[streamingKey];
  const streaming = modern ? Boolean(mode) : mode !== undefined && mode !== null && mode !== false;
  if (streaming && mode !== 'response') {
    throw runtimeFailure('MalformedStreamingHandler', 'Only response streaming is supported.', modern);
  }
  if (modern && found.length >= 3 && !streaming) {
    const message =
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to ' +
      'modify this function to use a supported handler signature to use Node.js 24 or later. For more information see ' +
      'https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';
    throw runtimeFailure('CallbackHandlerDeprecated', message, modern);
  }
  const highWaterMark = Number.parseInt(found[highWaterMarkKey], 10);
  return { handler: found, streaming, highWaterMark: Number.isNaN(highWaterMark) ? undefined : highWaterMark };
}

module.exports = { highWaterMarkKey, loadHandler, streamingKey };
