import { spawn } from 'node:child_process';
import { closeSync, openSync, read, write, writeSync, writevSync } from 'node:fs';
import { secondMs } from '../kernel/units.js';
import { DriverError } from '../worker/sandbox/driver.js';
import { findProgram } from '../worker/sandbox/programs.js';
import { decodeHeader, outHeaderBytes, type RequestHeader, requestBytesMax, writeAnswerHead } from './protocol.js';

/**
 * Requests that the kernel may hand over at once. Each blocks a thread of libuv's pool while it waits; with two, the
 * next request is taken while the last is being answered. More were no faster on two processors.
 */
export const readersPerDevice = 2;
/** mount(8) takes some milliseconds. */
const mountMsMax = 10 * secondMs;
/** An answer up to this size is copied into one buffer: cheaper than two for writev. Above, it is not copied. */
const copiedBytesMax = 8192;
/** What read(2) on the device may say and go on: interrupted, nothing there, request withdrawn meanwhile. */
const passingErrors = new Set(['EINTR', 'EAGAIN', 'ENOENT']);
/** The kernel gave up the request before the answer came: whoever asked was killed. */
const withdrawn = 'ENOENT';

/** What a write to the device can say when the file system is unmounted or its connection aborted. */
const endings = new Set(['ENODEV', 'ENOTCONN', 'ECONNABORTED']);

/** Whoever handles a device's requests. */
export interface RequestHandler {
  /** `message` is the device's own buffer: valid during the call only. */
  handle(header: RequestHeader, message: Buffer): void;
}

/** One mount of ours: /dev/fuse opened and given to mount(8), which a library without system calls cannot do itself. */
export class FuseDevice {
  private readonly small = Buffer.alloc(outHeaderBytes + copiedBytesMax);
  private closed = false;
  private end: (reason: string) => void = () => {};
  /** Resolves when the kernel has ended the connection (unmounted, aborted). */
  readonly ended = new Promise<string>((resolve) => {
    this.end = resolve;
  });

  private constructor(readonly descriptor: number) {}

  /** Mounts at `directory`. Rejects with DriverError. Requests wait in the kernel until `serve`. */
  static async mount(directory: string): Promise<FuseDevice> {
    const mount = findProgram('mount');
    if (mount === null) throw new DriverError('mount(8) is missing: install util-linux');
    let descriptor: number;
    try {
      descriptor = openSync('/dev/fuse', 'r+');
    } catch (error) {
      const { message } = error as Error;
      throw new DriverError(`cannot open /dev/fuse (load the kernel's fuse module, or give us the device): ${message}`);
    }
    // allow_other: monitors run as other users. Without default_permissions the mode is not checked: one folder for
    // whoever can reach it. Writable, because monitors open memory read-write; writing is refused request by request.
    const options =
      'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other,nosuid,nodev,noexec,noatime,subtype=hearth-sparse';
    const child = spawn(mount, ['-i', '-t', 'fuse', '-o', options, 'hearth-sparse', directory], {
      stdio: ['ignore', 'ignore', 'pipe', descriptor],
      timeout: mountMsMax,
      killSignal: 'SIGKILL',
      env: {},
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-1024);
    });
    const status = await new Promise<number | string | null>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(code ?? signal));
    });
    if (status === 0) return new FuseDevice(descriptor);
    closeSync(descriptor);
    throw new DriverError(`cannot mount a FUSE file system (${status}): ${said.trim()}`);
  }

  serve(handler: RequestHandler): void {
    for (let index = 0; index < readersPerDevice; index += 1) this.next(handler, Buffer.alloc(requestBytesMax));
  }

  private next(handler: RequestHandler, buffer: Buffer): void {
    read(this.descriptor, buffer, 0, buffer.length, null, (error, bytes) => {
      if (this.closed) return;
      if (error === null) {
        const message = buffer.subarray(0, bytes);
        const header = decodeHeader(message);
        if (header !== null) handler.handle(header, message);
      } else if (!passingErrors.has(error.code ?? '')) return this.stop(`the kernel ended the mount: ${error.message}`);
      this.next(handler, buffer);
    });
  }

  /** `parts` are the answer's contents. An answer to who no longer waits is dropped. */
  answer(uniqueLow: number, uniqueHigh: number, parts: readonly Buffer[]): void {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    if (bytes <= copiedBytesMax) {
      writeAnswerHead(this.small, bytes, 0, uniqueLow, uniqueHigh);
      let at = outHeaderBytes;
      for (const part of parts) at += part.copy(this.small, at);
      this.attempt(() => writeSync(this.descriptor, this.small, 0, at));
    } else {
      const head = Buffer.allocUnsafe(outHeaderBytes);
      writeAnswerHead(head, bytes, 0, uniqueLow, uniqueHigh);
      this.attempt(() => writevSync(this.descriptor, [head, ...parts]));
    }
  }

  /** `error`: a Linux error number. */
  refuse(uniqueLow: number, uniqueHigh: number, error: number): void {
    writeAnswerHead(this.small, 0, error, uniqueLow, uniqueHigh);
    this.attempt(() => writeSync(this.descriptor, this.small, 0, outHeaderBytes));
  }

  /**
   * Tells the kernel something unasked, from libuv's pool: it may have to wait for locks that our own answers free.
   * What it does not know (any more) is fine.
   */
  notify(message: Buffer): Promise<void> {
    return new Promise((resolve) => write(this.descriptor, message, () => resolve()));
  }

  private attempt(action: () => void): void {
    if (this.closed) return;
    try {
      action();
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (endings.has(code)) this.stop(`the kernel ended the mount: ${message}`);
      else if (code !== withdrawn && code !== 'EINTR') throw error;
    }
  }

  private stop(reason: string): void {
    this.closed = true;
    this.end(reason);
  }
}
