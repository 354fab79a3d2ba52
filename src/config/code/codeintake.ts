import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import type { ObjectFailure, ObjectStore } from '../../kernel/ports/objects.js';
import { fail, type Result } from '../../kernel/result.js';
import type { Input } from '../../wire/lambda/operations.js';
import type { Code } from '../messages.js';
import type { Caller } from '../queries.js';
import type { CodeStore } from './codestore.js';
import { tooLargeUnzipped } from './unzip.js';

/** Zips fetched from elsewhere at once: each is held in memory, and may be as large as code may be unzipped. */
const fetchesMax = 2;
/** Requests waiting for that. Beyond: TooManyRequestsException. */
const fetchesWaitingMax = 32;

export type CodeInput = NonNullable<Input<'CreateFunction'>['Code']>;

/** Where zips come in: in the request itself, or by bucket and key in an S3-compatible store. */
export class CodeIntake {
  readonly #codes: CodeStore;
  readonly #objects: ObjectStore | null;
  readonly #storedBytes: (caller: Caller) => number;
  readonly #waiting: (() => void)[] = [];
  #fetching = 0;

  /** `objects` null: no store is configured. `storedBytes`: zips that an account has in a region. */
  constructor(codes: CodeStore, objects: ObjectStore | null, storedBytes: (caller: Caller) => number) {
    this.#codes = codes;
    this.#objects = objects;
    this.#storedBytes = storedBytes;
  }

  /** Stores the zip for as long as `action` takes; afterwards only a stored version keeps it. */
  async with<T>(caller: Caller, source: CodeInput, action: (code: Code) => Promise<Result<T>>): Promise<Result<T>> {
    const code = await this.#admit(caller, source);
    if (!code.ok) return code;
    try {
      return await action(code.value);
    } finally {
      this.#codes.release(code.value.sha256Hex);
    }
  }

  async #admit(caller: Caller, source: CodeInput): Promise<Result<Code>> {
    const { ZipFile: zip, S3Bucket: bucket, S3Key: key, S3ObjectVersion: version } = source;
    const elsewhere = bucket ?? key ?? version ?? source.ImageUri;
    if (zip !== undefined && elsewhere !== undefined) {
      return invalid('Please do not provide other FunctionCode parameters when providing a ZipFile.');
    }
    if (source.ImageUri !== undefined) return invalid('Container images are not supported: pass a zip as ZipFile.');
    if ((source.SourceKMSKeyArn ?? '') !== '') return invalid('SourceKMSKeyArn is not supported by this installation');
    if (source.S3ObjectStorageMode === 'REFERENCE') {
      return invalid('S3ObjectStorageMode REFERENCE is not supported: code is always copied.');
    }
    if (zip !== undefined) return await this.#store(caller, zip, limits.codeZipBytesMax);
    if (elsewhere === undefined) return invalid('Please provide a source for function code.');
    if (bucket === undefined || key === undefined) {
      return invalid('Both S3Bucket and S3Key must be provided for code in S3.');
    }
    if (this.#objects === null) {
      const how = 'start it with --s3-endpoint URL (and --s3-access-key, --s3-secret-key), or pass the zip as ZipFile';
      return invalid(`Code in S3 needs an S3-compatible store, and this installation has none: ${how}.`);
    }
    return await this.#inTurn(async () => {
      const request = { bucket, key, version: version ?? null, bytesMax: limits.codeUnzippedBytesMax };
      const object = await this.#objects!.get(request);
      if (!object.ok) return fail(refusal(object.failure, `${bucket}/${key}`));
      const { buffer, byteOffset, byteLength } = object.value;
      return await this.#store(caller, Buffer.from(buffer, byteOffset, byteLength), limits.codeUnzippedBytesMax);
    });
  }

  async #store(caller: Caller, zip: Buffer, bytesMax: number): Promise<Result<Code>> {
    if (this.#storedBytes(caller) + zip.length > limits.codeStorageBytesPerRegion) {
      return fail(apiFailure('CodeStorageExceededException', 'Code storage limit exceeded.'));
    }
    return await this.#codes.admit(zip, bytesMax);
  }

  async #inTurn(action: () => Promise<Result<Code>>): Promise<Result<Code>> {
    if (this.#fetching >= fetchesMax) {
      if (this.#waiting.length >= fetchesWaitingMax) {
        return fail(apiFailure('TooManyRequestsException', 'Rate exceeded'));
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#fetching++;
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#fetching--;
      else next();
    }
  }
}

/** S3's refusal as Lambda passes it on. */
function refusal({ code, message }: ObjectFailure, place: string): ApiFailure {
  const s3 = `S3 Error Code: ${code}. S3 Error Message: ${message}`;
  switch (code) {
    case 'TooLarge':
      return tooLargeUnzipped;
    case 'Unreachable':
      return apiFailure('ServiceException', message);
    case 'AccessDenied': {
      const start = 'Your access has been denied by S3, please make sure your request credentials have permission to';
      return apiFailure('AccessDeniedException', `${start} GetObject for ${place}. ${s3}`);
    }
    default:
      return apiFailure('InvalidParameterValueException', `Error occurred while GetObject. ${s3}`);
  }
}

function invalid(message: string): Result<never> {
  return fail(apiFailure('InvalidParameterValueException', message));
}
