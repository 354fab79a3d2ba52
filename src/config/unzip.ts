import { type FileHandle, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { type ApiFailure, apiFailure } from '../kernel/errors.js';
import { limits } from '../kernel/limits.js';
import { fail, ok, type Result } from '../kernel/result.js';
import { ZipTree } from './ziptree.js';

const typeMask = 0o170000;
const typeFile = 0o100000;
const typeFolder = 0o040000;
const typeLink = 0o120000;
/** `version made by`: the upper byte says whose file attributes these are. */
const madeByUnix = 3;
/** A link's target is read into memory. */
const linkBytesMax = 4_096;
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
    let unzippedBytes = 0;
    for (const link of links) {
      const chunks: Buffer[] = [];
      for await (const chunk of inflated(archive, link.entry)) chunks.push(chunk);
      tree.setTarget(link.path, Buffer.concat(chunks).toString());
    }
    if (!tree.linksStayInside()) throw new Refused(badZip);
    for (const path of tree.folders()) await mkdir(join(folder, path), { recursive: true, mode: 0o755 });
    for (const file of files) {
      unzippedBytes += await unpack(archive, file, folder, limits.codeUnzippedBytesMax - unzippedBytes);
    }
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

async function unpack(archive: ZipFile, member: Member, folder: string, bytesMax: number): Promise<number> {
  const mode = member.executable ? 0o755 : 0o644;
  const file: FileHandle = await open(join(folder, member.path), 'wx', mode);
  try {
    let bytes = 0;
    for await (const chunk of inflated(archive, member.entry)) {
      bytes += chunk.length;
      if (bytes >= bytesMax) throw new Refused(tooLargeUnzipped);
      await file.writeFile(chunk);
    }
    // The process's umask must not decide who can read the code.
    await file.chmod(mode);
    await file.utimes(fileTimeSeconds, fileTimeSeconds);
    return bytes;
  } finally {
    await file.close();
  }
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
