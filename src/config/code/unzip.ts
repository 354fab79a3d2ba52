import { chmod, mkdir, open, rmdir, stat, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { type ApiFailure, apiFailure } from '../../kernel/errors.js';
import { limits } from '../../kernel/limits.js';
import { fail, ok, type Result } from '../../kernel/result.js';
import { kib } from '../../kernel/units.js';
import { ZipTree } from './ziptree.js';

const inflate = promisify<Buffer, { readonly maxOutputLength: number }, Buffer>(inflateRaw);

const typeMask = 0o170000;
const typeFile = 0o100000;
const typeFolder = 0o040000;
const typeLink = 0o120000;
/** `version made by`: the upper byte says whose file attributes these are. */
const madeByUnix = 3;
/** A link's target is read into memory. */
const linkBytesMax = 4_096;
/** Entries up to this are inflated in one piece; larger ones as streams. */
const smallBytesMax = 256 * kib;
/** As many as libuv has threads by default: more would only wait. */
const lanesMax = 4;
/** All files carry it, so that equal zips make equal trees whenever they are unpacked (2020-01-01). */
const fileTimeSeconds = 1_577_836_800;

export const badZip: ApiFailure = apiFailure(
  'InvalidParameterValueException',
  'Could not unzip uploaded file. Please check your file, then try to upload again.',
);
export const tooLargeUnzipped: ApiFailure = apiFailure(
  'InvalidParameterValueException',
  `Unzipped size must be smaller than ${limits.codeUnzippedBytesMax} bytes`,
);
export const emptyZip: ApiFailure = apiFailure(
  'InvalidParameterValueException',
  'Uploaded file must be a non-empty zip',
);

/** The zip, not the machine, is at fault. */
class Refused extends Error {
  constructor(readonly failure: ApiFailure) {
    super(failure.message);
  }
}

interface Member {
  readonly entry: Entry;
  readonly path: string;
  readonly executable: boolean;
}

/**
 * Unpacks a zip into `folder`, which exists and is empty. First the whole directory of the zip is checked, so most bad
 * zips write nothing; then the files are inflated as streams, counting what really comes out and checking CRC-32.
 * After a failure the folder holds rubbish: the caller removes it. Throws only for what is not the zip's fault.
 */
export async function unzip(zip: Buffer, folder: string): Promise<Result<{ readonly unzippedBytes: number }>> {
  try {
    const archive = await blame(fromBufferPromise(zip, { strictFileNames: true }));
    const tree = new ZipTree();
    const { files, links } = await blame(survey(archive, tree));
    for (const link of links) {
      const chunks: Buffer[] = [];
      for await (const chunk of inflated(archive, link.entry)) chunks.push(chunk);
      tree.setTarget(link.path, Buffer.concat(chunks).toString());
    }
    if (!tree.linksStayInside()) throw new Refused(badZip);
    const wide = await honoursModes(folder);
    for (const path of tree.folders()) {
      await mkdir(join(folder, path), { mode: 0o755 });
      if (!wide) await chmod(join(folder, path), 0o755);
    }
    const unzippedBytes = await unpackAll(archive, zip, files, folder, wide);
    // Last, so that nothing is ever written through a link.
    for (const { path, target } of tree.links()) await symlink(target, join(folder, path));
    return ok({ unzippedBytes });
  } catch (error) {
    if (error instanceof Refused) return fail(error.failure);
    throw error;
  }
}

async function survey(
  archive: ZipFile,
  tree: ZipTree,
): Promise<{ readonly files: readonly Member[]; readonly links: readonly Member[] }> {
  const files: Member[] = [];
  const links: Member[] = [];
  let declaredBytes = 0;
  for await (const entry of archive.eachEntry()) {
    if (entry.isEncrypted() || !entry.canDecodeFileData()) throw new Refused(badZip);
    const unixMode = entry.versionMadeBy >> 8 === madeByUnix ? entry.externalFileAttributes >>> 16 : 0;
    const type = unixMode & typeMask;
    const folder = entry.fileName.endsWith('/') || type === typeFolder;
    const link = type === typeLink;
    if ((folder && link) || (type !== 0 && type !== typeFile && !folder && !link)) throw new Refused(badZip);
    if (link && entry.uncompressedSize > linkBytesMax) throw new Refused(badZip);
    const path = tree.add(
      entry.fileName,
      folder ? { kind: 'folder' } : link ? { kind: 'link', target: '' } : { kind: 'file' },
    );
    if (path === null) throw new Refused(badZip);
    declaredBytes += entry.uncompressedSize;
    if (declaredBytes >= limits.codeUnzippedBytesMax) throw new Refused(tooLargeUnzipped);
    if (link) links.push({ entry, path, executable: false });
    else if (!folder) files.push({ entry, path, executable: (unixMode & 0o111) !== 0 });
  }
  if (files.length === 0) throw new Refused(emptyZip);
  return { files, links };
}

/** All files, a few at a time: one waits for the disk while another inflates. */
async function unpackAll(
  archive: ZipFile,
  zip: Buffer,
  files: readonly Member[],
  folder: string,
  wide: boolean,
): Promise<number> {
  let bytes = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let member = files[next++]; member !== undefined; member = files[next++]) {
      const path = join(folder, member.path);
      const mode = member.executable ? 0o755 : 0o644;
      const small = member.entry.uncompressedSize <= smallBytesMax && member.entry.compressedSize <= smallBytesMax;
      const file = await open(path, 'wx', mode);
      try {
        for await (const chunk of small
          ? inflatedAtOnce(archive, zip, member.entry)
          : inflated(archive, member.entry)) {
          bytes += chunk.length;
          if (bytes >= limits.codeUnzippedBytesMax) throw new Refused(tooLargeUnzipped);
          await file.writeFile(chunk);
        }
        if (!wide) await file.chmod(mode);
        await file.utimes(fileTimeSeconds, fileTimeSeconds);
      } finally {
        await file.close();
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: lanesMax }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
  return bytes;
}

/** Whether the process's umask leaves the modes we ask for alone; it must not decide who can read the code. */
async function honoursModes(folder: string): Promise<boolean> {
  const probe = join(folder, '..', `${basename(folder)}.mode`);
  await mkdir(probe, { mode: 0o755 });
  const { mode } = await stat(probe);
  await rmdir(probe);
  return (mode & 0o777) === 0o755;
}

/** A small entry without the cost of a stream. */
async function* inflatedAtOnce(archive: ZipFile, zip: Buffer, entry: Entry): AsyncGenerator<Buffer> {
  const { fileDataStart } = await blame(archive.readLocalFileHeaderPromise(entry, { minimal: true }));
  const end = fileDataStart + entry.compressedSize;
  if (end > zip.length) throw new Refused(badZip);
  const packed = zip.subarray(fileDataStart, end);
  const data = entry.isCompressed()
    ? await blame(inflate(packed, { maxOutputLength: entry.uncompressedSize + 1 }))
    : packed;
  if (data.length !== entry.uncompressedSize || crc32(data) !== entry.crc32) throw new Refused(badZip);
  yield data;
}

/** The entry's bytes; whatever is wrong with them (length, deflate, CRC-32) is the zip's fault. */
async function* inflated(archive: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  const stream = await blame(archive.openReadStreamPromise(entry));
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let sum = 0;
  try {
    for (;;) {
      const next = await blame(chunks.next());
      if (next.done === true) break;
      sum = crc32(next.value, sum);
      yield next.value;
    }
  } finally {
    stream.destroy();
  }
  if (sum !== entry.crc32) throw new Refused(badZip);
}

async function blame<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(badZip);
  }
}
