// Hooks of SnapStart. Lambda's Node has no way to register any; this one is in the spirit of its other languages'
// (snapshot_restore_py): `awslambda.registerBeforeSnapshot(hook, ...args)` and `awslambda.registerAfterRestore`, on any
// platform harmless behind `?.`. Hooks may be async. Where there is no snapshot they never run.
'use strict';

/** Emulated, a collection of some MiB takes 10 ms. */
const settleMs = 30;

const before = [];
const after = [];

function register(hooks, hook, args) {
  if (typeof hook !== 'function') throw new TypeError('A hook has to be a function');
  hooks.push({ hook, args });
  return hook;
}

/** Property descriptors of the two functions that register hooks. Each returns its hook. */
const registration = {
  registerBeforeSnapshot: { value: (hook, ...args) => register(before, hook, args) },
  registerAfterRestore: { value: (hook, ...args) => register(after, hook, args) },
};

/** In the reverse order of their registration, each once; also those that a hook registers. */
async function runBeforeSnapshot() {
  for (let last = before.pop(); last !== undefined; last = before.pop()) await last.hook(...last.args);
}

/** In the order of their registration. */
async function runAfterRestore() {
  for (const { hook, args } of after) await hook(...args);
}

let gc = null;

/**
 * Frees what was only needed to get here, just before the process is saved: a clone would have to do it in its first
 * moments. Of the young only: a full collection has consequences of its own, seconds later.
 */
async function collectGarbage() {
  if (gc === null) {
    const { setFlagsFromString } = require('node:v8');
    setFlagsFromString('--expose-gc');
    // What has been compiled stays, however long it is not used.
    setFlagsFromString('--no-flush-bytecode');
    gc = require('node:vm').runInNewContext('gc');
  }
  // What survives twice is old.
  for (let time = 0; time < 2; time += 1) gc({ type: 'minor' });
  // Its other threads finish, and the tasks they leave are done.
  await new Promise((resolve) => setTimeout(resolve, settleMs));
}

module.exports = { collectGarbage, registration, runAfterRestore, runBeforeSnapshot };
