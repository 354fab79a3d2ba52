import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.js';
import type { Blob } from '../../kernel/ports/blob.js';
import { minuteMs, secondMs } from '../../kernel/units.js';
import type { S3Options } from './objects.js';

export interface S3BlobOptions extends S3Options {
  readonly bucket: string;
  /** In front of every key: `` or for example `hearth/`. */
  readonly prefix: string;
}

const keyPattern = /^[a-zA-Z0-9._/-]{1,200}$/;
/** One operation with its repetitions: the largest object is some MB (a manifest), at 1 Mbit/s. */
const operationMsMax = minuteMs;
const connectMsMax = 5 * secondMs;
/** First try and two more, with the client's own backoff: what S3 asks for on 503 SlowDown. */
const attemptsMax = 3;
/** Open connections; more requests wait in the client. The SDK's own default. */
const connectionsMax = 50;

/**
 * Blob in a bucket of any S3-compatible store, through the official client. A put is durable when S3 says so, and a get
 * after it sees it (S3 is strongly consistent since 2020; so are the stores that claim compatibility with it). Rejects
 * with the client's errors when the store cannot be reached within a minute.
 */
export class S3Blob implements Blob {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #msMax: number;

  constructor(options: S3BlobOptions) {
    const { endpoint, region, credentials, extraCa, msMax } = options;
    this.#bucket = options.bucket;
    this.#prefix = options.prefix;
    this.#msMax = msMax ?? operationMsMax;
    this.#client = new S3Client({
      endpoint: endpoint.href,
      region,
      // Names of buckets as names of hosts need a DNS that other stores than Amazon's rarely have.
      forcePathStyle: true,
      maxAttempts: attemptsMax,
      // Checksums in trailers are not understood by every compatible store; what we store verifies itself.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: connectMsMax,
        httpAgent: { maxSockets: connectionsMax },
        httpsAgent: { maxSockets: connectionsMax, ...(extraCa === undefined ? {} : { ca: [...extraCa] }) },
      },
      ...(credentials === null
        ? { credentials: { accessKeyId: '', secretAccessKey: '' }, signer: { sign: async (request) => request } }
        : { credentials }),
    });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ ...this.#object(key), Body: bytes }), this.#deadline());
  }

  async get(key: string): Promise<Uint8Array | null> {
    return await this.#read(key, undefined);
  }

  async range(key: string, offset: number, length: number): Promise<Uint8Array | null> {
    if (length === 0) return (await this.size(key)) === null ? null : Buffer.alloc(0);
    return await this.#read(key, `bytes=${offset}-${offset + length - 1}`);
  }

  async size(key: string): Promise<number | null> {
    try {
      const found = await this.#client.send(new HeadObjectCommand(this.#object(key)), this.#deadline());
      return found.ContentLength ?? 0;
    } catch (error) {
      if (nameOf(error) === 'NotFound' || nameOf(error) === 'NoSuchKey') return null;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#object(key)), this.#deadline());
  }

  async list(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({
          Bucket: this.#bucket,
          Prefix: this.#prefix + listable(prefix),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        this.#deadline(),
      );
      for (const { Key } of page.Contents ?? []) {
        const key = plain(Key!.slice(this.#prefix.length));
        if (key.startsWith(prefix)) keys.push(key);
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return keys.sort();
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #read(key: string, range: string | undefined): Promise<Uint8Array | null> {
    try {
      const command = new GetObjectCommand({
        ...this.#object(key),
        ...(range === undefined ? {} : { Range: range }),
      });
      const { Body } = await this.#client.send(command, this.#deadline());
      return await Body!.transformToByteArray();
    } catch (error) {
      if (nameOf(error) === 'NoSuchKey') return null;
      // A range behind the end, or of an empty object.
      if (range !== undefined && nameOf(error) === 'InvalidRange') return Buffer.alloc(0);
      throw error;
    }
  }

  #object(key: string): { Bucket: string; Key: string } {
    assert(keyPattern.test(key), `not a blob key: ${key}`);
    return { Bucket: this.#bucket, Key: this.#prefix + stored(key) };
  }

  #deadline(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#msMax) };
  }
}

/** URL libraries resolve `.` and `..` in paths: a key's segments of dots alone are written as `%2E…`, which no key has. */
function stored(key: string): string {
  return key.replace(/(^|\/)(\.{1,2})(?=\/|$)/g, (_, slash: string, dots: string) => slash + '%2E'.repeat(dots.length));
}

function plain(key: string): string {
  return key.replaceAll('%2E', '.');
}

/** A prefix in stored form that covers every key beginning with `prefix`: without its last segment if that is dots. */
function listable(prefix: string): string {
  return stored(prefix.replace(/(^|\/)\.{1,2}$/, '$1'));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
