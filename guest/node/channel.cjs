// The sandbox channel (src/wire/channel/README.md) as the runtime sees it: one stream socket, descriptor 3.
//
// Reading goes through the event loop (handlers need it alive) into one buffer that is used again and again. Writing
// is synchronous: what a function logged must have left the process before an endless loop, a crash or a kill can
// swallow it, and a response of one `write` costs a third of a trip through a stream.
'use strict';

const { closeSync, fstatSync, writeSync } = require('node:fs');
const { Socket } = require('node:net');

const descriptor = channelDescriptor();
const frame = {
  ...{ hello: 1, init: 2, initDone: 3, initError: 4, invoke: 5, response: 6, error: 7, log: 8, lastError: 9 },
  ...{ pause: 10, paused: 11, restore: 12, restoreDone: 13, restoreError: 14, rehearse: 15, rehearsed: 16 },
};
const logKind = { stdout: 0, stderr: 1, event: 2 };
const headerBytes = 5;
// u8 kind and f64 time
const logHeaderBytes = headerBytes + 9;
// Larger frames get a buffer of their own; 64 KiB is what one read of a stream socket brings at most in libuv.
const scratchBytes = 64 * 1024;
const scratch = Buffer.allocUnsafeSlow(scratchBytes);
// A full socket buffer (208 KiB by default) is emptied by the worker within some tens of microseconds.
const retryMs = 0.05;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Behind a wrapper script, which may have closed or reused descriptor 3, there is a copy (guest/agent/supervisor.h). */
function channelDescriptor() {
  const [usual, copy] = [3, 200];
  try {
    if (!fstatSync(usual).isSocket()) return copy;
    if (process.env.AWS_LAMBDA_EXEC_WRAPPER) closeSync(copy);
  } catch (error) {
    if (error.syscall === 'fstat') return copy;
  }
  return usual;
}

/** Nothing is written meanwhile. */
let silent = false;

function silence(on) {
  silent = on;
}

/** Writes all of it, waiting where the socket is full. A worker that is gone ends the process: nobody owns it. */
function writeAll(buffer, length) {
  let offset = silent ? length : 0;
  while (offset < length) {
    try {
      offset += writeSync(descriptor, buffer, offset, length - offset);
    } catch (error) {
      if (error.code === 'EAGAIN') Atomics.wait(sleeper, 0, 0, retryMs);
      else process.reallyExit(1);
    }
  }
}

function room(bytes) {
  return bytes <= scratchBytes ? scratch : Buffer.allocUnsafe(bytes);
}

/** Sends a frame whose body is text; does all but that where it shall not be heard. */
function sendText(type, text, heard = true) {
  // A UTF-16 unit is at most 3 bytes of UTF-8: only texts near the limit are measured.
  const short = text.length * 3 + headerBytes <= scratchBytes;
  const buffer = short ? scratch : room(Buffer.byteLength(text) + headerBytes);
  const bytes = buffer.utf8Write(text, headerBytes);
  buffer.writeUInt32LE(bytes + 1, 0);
  buffer[4] = type;
  if (heard) writeAll(buffer, bytes + headerBytes);
}

/** Sends a frame whose body is bytes. */
function sendBytes(type, body) {
  const buffer = room(body.length + headerBytes);
  buffer.writeUInt32LE(body.length + 1, 0);
  buffer[4] = type;
  buffer.set(body, headerBytes);
  writeAll(buffer, body.length + headerBytes);
}

/** Sends text (string) or raw output (Uint8Array) as a LOG frame. */
function sendLog(kind, content, nowMs) {
  const text = typeof content === 'string';
  const bytesMax = logHeaderBytes + (text ? content.length * 3 : content.length);
  const buffer = bytesMax <= scratchBytes ? scratch : room(logHeaderBytes + Buffer.byteLength(content));
  let bytes = content.length;
  if (text) bytes = buffer.utf8Write(content, logHeaderBytes);
  else buffer.set(content, logHeaderBytes);
  buffer.writeUInt32LE(bytes + 10, 0);
  buffer[4] = frame.log;
  buffer[5] = kind;
  buffer.writeDoubleLE(nowMs, 6);
  writeAll(buffer, bytes + logHeaderBytes);
}

/**
 * Starts reading. `onFrame(type, buffer, start, end)` gets each frame's body; the buffer is only valid during the call.
 * Returns the socket, so that its owner can say whether waiting for a frame keeps the process alive.
 */
function open(onFrame) {
  const input = Buffer.allocUnsafeSlow(scratchBytes);
  // Bytes of a frame that is not complete yet, or null.
  let partial = null;
  let partialBytes = 0;

  /** Consumes whole frames of `buffer`; returns where the incomplete one begins. */
  function consume(buffer, end) {
    let start = 0;
    while (end - start >= headerBytes) {
      const next = start + 4 + buffer.readUInt32LE(start);
      if (next > end) break;
      onFrame(buffer[start + 4], buffer, start + headerBytes, next);
      start = next;
    }
    return start;
  }

  function keep(buffer, start, end) {
    const have = end - start;
    const wanted = have >= 4 ? Math.max(buffer.readUInt32LE(start) + 4, headerBytes) : headerBytes;
    partial = Buffer.allocUnsafe(Math.max(wanted, have));
    buffer.copy(partial, 0, start, end);
    partialBytes = have;
  }

  function onRead(bytes) {
    let at = 0;
    while (partial !== null && at < bytes) {
      const taken = input.copy(partial, partialBytes, at, bytes);
      at += taken;
      partialBytes += taken;
      if (partialBytes < partial.length) return true;
      const whole = partial;
      partial = null;
      // Only the length was missing: now the frame's size is known.
      if (whole.readUInt32LE(0) + 4 > whole.length) keep(whole, 0, whole.length);
      else consume(whole, whole.length);
    }
    if (at === bytes) return true;
    const rest = at === 0 ? input : input.subarray(at, bytes);
    const length = bytes - at;
    const start = consume(rest, length);
    if (start < length) keep(rest, start, length);
    return true;
  }

  const socket = new Socket({ fd: descriptor, writable: false, onread: { buffer: input, callback: onRead } });
  socket.on('end', () => process.reallyExit(0));
  socket.on('error', () => process.reallyExit(1));
  // Given a descriptor, a socket starts reading only when told to.
  socket.read(0);
  return socket;
}

module.exports = { frame, logKind, open, sendBytes, sendLog, sendText, silence };
