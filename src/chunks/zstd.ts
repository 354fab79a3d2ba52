import zlib from 'node:zlib';
import { init, compress as wasmCompress, decompress as wasmDecompress } from '@bokuweb/zstd-wasm';

/** Zstandard (RFC 8878). Both implementations read what the other wrote. */
export interface Zstd {
  /** `node` or `wasm`: for diagnostics. */
  readonly implementation: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws when `bytes` is no frame, or one of more than `bytesMax` (at least 1) bytes. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

/** zstd's own default: 33.5 MB of guest memory to 9.4 MB in 85 ms; level 1 saves little time, 9 takes five times it. */
const level = 3;

/** What Node has from 22.15 and 23.8 on; the type package describes Node 20. */
interface ZstdOfNode {
  zstdCompressSync(bytes: Uint8Array, options: object): Buffer;
  zstdDecompressSync(bytes: Uint8Array, options: object): Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

export function nodeZstd(): Zstd | null {
  const node = zlib as unknown as ZstdOfNode;
  if (typeof node.zstdCompressSync !== 'function') return null;
  const options = { params: { [node.constants.ZSTD_c_compressionLevel]: level } };
  return {
    implementation: 'node',
    compress: (bytes) => node.zstdCompressSync(bytes, options),
    decompress: (bytes, bytesMax) => whole(bytes, node.zstdDecompressSync(bytes, { maxOutputLength: bytesMax })),
  };
}

export async function wasmZstd(): Promise<Zstd> {
  await init();
  return {
    implementation: 'wasm',
    compress: (bytes) => wasmCompress(bytes, level),
    decompress: (bytes, bytesMax) => {
      // It allocates what the frame's header promises.
      if (promisedBytes(bytes) > bytesMax) throw new Error(`a frame of more than ${bytesMax} bytes`);
      return whole(bytes, wasmDecompress(bytes));
    },
  };
}

/** Node 22 takes the end of its input for the end of the frame. */
function whole(frame: Uint8Array, contents: Uint8Array): Uint8Array {
  if (contents.length !== promisedBytes(frame)) throw new Error('a frame that ends too early');
  return contents;
}

/** Content size in a frame's header (RFC 8878, 3.1.1.1). Throws when the frame does not say it. */
function promisedBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) throw new Error('not a zstd frame');
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor >> 5) & 1;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const at = 5 + (singleSegment === 1 ? 0 : 1) + dictionaryBytes;
  switch (descriptor >> 6) {
    case 0:
      if (singleSegment === 1) return view.getUint8(at);
      throw new Error('a frame that does not tell its size');
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

export const zstd: Zstd = nodeZstd() ?? (await wasmZstd());
