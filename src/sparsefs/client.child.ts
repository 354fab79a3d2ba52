import { type ChunkRef, pageBytes } from '../chunks/layout.js';
import { serveOwner } from './server.js';
import { behaviour, slowMs, testPage } from './testchunks.js';

// The server of client.test.ts: real mounts over chunks that are made up.
const plain = new Map<string, Buffer>();

function contents(chunk: ChunkRef): Buffer {
  let bytes = plain.get(chunk.name);
  if (bytes === undefined) {
    const index = chunk.key.readUInt32LE(4);
    bytes = Buffer.concat(Array.from({ length: chunk.bytes / pageBytes }, (_, slot) => testPage(index, slot)));
    plain.set(chunk.name, bytes);
  }
  return bytes;
}

serveOwner(async (composition) => {
  const { readMsMax } = composition as { readMsMax?: number };
  let read = 0;
  return {
    ...(readMsMax === undefined ? {} : { readMsMax }),
    reader: {
      // Every second chunk that was read is at hand: both ways of a fault are gone.
      cached: (chunk) => (chunk.key.readUInt32LE(4) % 2 === 0 ? (plain.get(chunk.name) ?? null) : null),
      read: async (chunk, urgency) => {
        read += 1;
        const kind = chunk.key[0];
        if (kind === behaviour.missing) throw new Error('no tier has it');
        if (kind === behaviour.silent || (kind === behaviour.stuck && urgency === 'fault')) await new Promise(() => {});
        if (kind === behaviour.slow) await new Promise((resolve) => setTimeout(resolve, slowMs));
        return contents(chunk);
      },
    },
    metrics: () => ({ memory: { hits: read, misses: 0, bytes: 0, corrupt: 0, latency: [] } }),
  };
});
