import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { kib } from '../../../kernel/units.js';

/** As much as libuv reads at once. One for all channels: what was read is copied out before anything else is read. */
const input = Buffer.allocUnsafeSlow(64 * kib);

/**
 * The parent's end of a child's `pipe`, read into one buffer that is used again and again: node:net makes one of 64 KiB
 * for each read and cuts it, and passes what it holds through a queue, which costs 2 µs an answer. That is an option of
 * sockets (`onread`) which node:child_process has no way to give: a second socket takes over the first one's handle.
 */
export function channelSocket(pipe: Socket): Duplex {
  const inner = pipe as { _handle?: { readonly useUserBuffer?: unknown } | null };
  const handle = inner._handle;
  // Not a documented property: without it the channel works as well, but for those 2 µs.
  if (typeof handle?.useUserBuffer !== 'function') return pipe;
  /** What came before anybody listened. */
  let early: Buffer | null = pipe.read() as Buffer | null;
  inner._handle = null;
  const onread: OnReadOpts = {
    buffer: input,
    callback: (bytes) => {
      const chunk = Buffer.allocUnsafe(bytes);
      input.copy(chunk, 0, 0, bytes);
      if (early === null && socket.emit('data', chunk)) return true;
      early = early === null ? chunk : Buffer.concat([early, chunk]);
      // A listener makes it go on.
      return false;
    },
  };
  const options: SocketConstructorOpts & { readonly handle: unknown; readonly onread: OnReadOpts } = { handle, onread };
  const socket = new Socket(options);
  socket.on('newListener', (event) => {
    if (event !== 'data') return;
    process.nextTick(() => {
      const chunk = early;
      early = null;
      if (chunk !== null) socket.emit('data', chunk);
    });
  });
  return socket;
}
