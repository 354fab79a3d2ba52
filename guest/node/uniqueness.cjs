// What keeps two clones of one snapshot from drawing the same values: every generator of this process that lives in its
// memory gets a new seed from the kernel, whose own generator the sandbox's agent has renewed before we hear of the restore.
'use strict';

const crypto = require('node:crypto');
const { join } = require('node:path');

// How many values Node draws ahead: lib/internal/crypto/random.js, kBatchSize, and 6 KiB of 6 bytes each.
const uuidsAhead = 128;
const integersAhead = 1024;

// State of the generator behind Math.random; sfc32 by Chris Doty-Humphrey (PractRand), 128 bits, period 2^32 at least.
let a = 0;
let b = 0;
let c = 0;
let counter = 1;
let owned = false;
let addon = null;

function next() {
  const sum = (a + b + counter) | 0;
  counter = (counter + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = (((c << 21) | (c >>> 11)) + sum) | 0;
  return sum >>> 0;
}

/** 53 random bits, as V8 gives 52 or 53. */
function draw() {
  return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
}

function seedMathRandom() {
  [a, b, c] = crypto.randomFillSync(new Int32Array(3));
  counter = 1;
  // Mixes the seed into all of the state, as PractRand does.
  for (let i = 0; i < 15; i += 1) next();
}

/**
 * V8's generator behind Math.random cannot be seeded again by anybody, so it is replaced, before code of the function
 * could keep the old one. Its name, length and text (`[native code]`) are a built-in's.
 */
function ownMathRandom() {
  if (owned) return;
  owned = true;
  seedMathRandom();
  // Bound only for its text.
  const random = draw.bind(null);
  Object.defineProperty(random, 'name', { value: 'random', configurable: true });
  Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true });
}

function loadAddon() {
  if (addon !== null) return;
  const module = { exports: {} };
  process.dlopen(module, join(__dirname, 'reseed.node'));
  addon = module.exports;
}

/** Values that were drawn ahead from the generator as it was are used up; what comes then is new. */
function drain() {
  for (let i = 0; i < uuidsAhead; i += 1) crypto.randomUUID();
  for (let i = 0; i < integersAhead; i += 1) crypto.randomInt(2);
}

/** New seeds for everything. Throws when OpenSSL's generators cannot be reached: nobody may go on then. */
function reseed() {
  loadAddon();
  addon();
  drain();
  if (owned) seedMathRandom();
}

module.exports = { ownMathRandom, reseed };
