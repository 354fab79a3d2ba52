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
/** Somebody may have made Node draw ahead: not before code of the function ran, or `prepare`. */
let drawsAhead = false;
/** The buffer behind crypto.randomInt, if it was found. */
let integers = null;

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

/**
 * The buffer that `crypto.randomInt` takes its values from, or null: found by looking whose bytes are read, and believed
 * when zeros in it come out again (one that is used up is filled anew first, so two values are looked at).
 */
function integerBuffer() {
  const integer = () => crypto.randomInt(2 ** 48 - 1);
  const { readUIntBE } = Buffer.prototype;
  let found = null;
  Buffer.prototype.readUIntBE = function (offset, bytes) {
    if (this.length === integersAhead * 6) found = this;
    return readUIntBE.call(this, offset, bytes);
  };
  try {
    integer();
  } finally {
    Buffer.prototype.readUIntBE = readUIntBE;
  }
  if (found === null) return null;
  const shows = () => {
    found.fill(0);
    return integer() === 0;
  };
  return shows() || shows() ? found : null;
}

/** Values that were drawn ahead are drawn anew or used up; what comes then is new. */
function renewDrawnAhead() {
  for (let i = 0; i < uuidsAhead; i += 1) crypto.randomUUID();
  if (integers !== null) crypto.randomFillSync(integers);
  else for (let i = 0; i < integersAhead; i += 1) crypto.randomInt(2);
}

/** To be called before this process is saved: all of it is in memory then, and compiled, and a clone renews itself faster. */
function prepare() {
  integers ??= integerBuffer();
  drawsAhead = true;
  reseed();
}

/** New seeds for everything. Throws when OpenSSL's generators cannot be reached: nobody may go on then. */
function reseed() {
  loadAddon();
  addon();
  if (drawsAhead) renewDrawnAhead();
  if (owned) seedMathRandom();
}

module.exports = { ownMathRandom, prepare, reseed };
