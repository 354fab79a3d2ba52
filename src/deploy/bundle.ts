import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import picomatch from 'picomatch';
import { ZipFile } from 'yazl';
import { DeployError } from './model.js';

/** Code ready to be uploaded. */
export interface Bundle {
  readonly zip: Buffer;
  /** As the API shows it: base64 of the zip's SHA-256. */
  readonly codeSha256: string;
  /** Folder or file to watch, or null for code that stands in the template. */
  readonly watch: string | null;
}

/** The same files give the same zip, whenever and wherever it is made (zip's own first day). */
const entryTime = new Date(1980, 0, 1);

export interface BundleEntry {
  /** In the zip, with `/`. */
  readonly name: string;
  readonly content: Buffer;
  readonly executable: boolean;
}

function bundleOf(zip: Buffer, watch: string | null): Bundle {
  return { zip, codeSha256: createHash('sha256').update(zip).digest('base64'), watch };
}

export async function zipEntries(entries: readonly BundleEntry[]): Promise<Buffer> {
  const file = new ZipFile();
  for (const { name, content, executable } of [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    file.addBuffer(content, name, { mtime: entryTime, mode: executable ? 0o100755 : 0o100644 });
  }
  file.end();
  const chunks: Buffer[] = [];
  for await (const chunk of file.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Code that stands in the template itself; `index.js` or `index.py`, as CloudFormation names it. */
export async function inlineBundle(text: string, runtime: string): Promise<Bundle> {
  const name = runtime.startsWith('python') ? 'index.py' : 'index.js';
  return bundleOf(await zipEntries([{ name, content: Buffer.from(text), executable: false }]), null);
}

/** Patterns of what goes into the zip, last match wins; `!` excludes. Without any, everything goes in. */
export type Patterns = readonly string[];

/**
 * Code from a local path: a zip (or jar) as it is, a folder with everything in it, or a single file.
 */
export async function localBundle(path: string, where: string, patterns: Patterns = []): Promise<Bundle> {
  if (!existsSync(path)) throw new DeployError(where, `${path} does not exist (does it have to be built first?)`);
  if (!statSync(path).isDirectory()) {
    if (/\.(zip|jar)$/i.test(path)) return bundleOf(readFileSync(path), path);
    const name = path.split('/').at(-1) as string;
    return bundleOf(await zipEntries([entryOf(path, name)]), path);
  }
  const entries = listFiles(path, path)
    .filter((name) => isWanted(name, patterns))
    .map((name) => entryOf(join(path, name), name));
  if (entries.length === 0) throw new DeployError(where, `${path} holds no files`);
  return bundleOf(await zipEntries(entries), path);
}

function entryOf(path: string, name: string): BundleEntry {
  return { name, content: readFileSync(path), executable: (statSync(path).mode & 0o111) !== 0 };
}

function isWanted(name: string, patterns: Patterns): boolean {
  let wanted = true;
  for (const pattern of patterns) {
    const excludes = pattern.startsWith('!');
    const glob = (excludes ? pattern.slice(1) : pattern).replace(/^\.\//, '');
    if (picomatch.isMatch(name, glob, { dot: true })) wanted = !excludes;
  }
  return wanted;
}

/** Folders of tools, which are no code. */
const toolFolders = ['.git', '.aws-sam', '.serverless'];

/**
 * Paths of all files below `folder`, relative to `root`. Links are followed: a linked folder (npm workspaces) is taken
 * unless it is, or contains, one that we are in; links inside of it are left out, so that there is an end.
 */
function listFiles(folder: string, root: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (toolFolders.includes(entry.name)) return [];
    if (entry.isDirectory()) return listFiles(path, root);
    if (!entry.isSymbolicLink()) return entry.isFile() ? [relative(root, path)] : [];
    if (!existsSync(path)) return [];
    if (!statSync(path).isDirectory()) return [relative(root, path)];
    return contains(realpathSync(path), realpathSync(folder)) ? [] : listLinked(path, root);
  });
}

/** Whether a folder is `inner` or above it; both real paths. */
function contains(folder: string, inner: string): boolean {
  return inner === folder || inner.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function listLinked(path: string, root: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return listLinked(inner, root);
    return entry.isFile() ? [relative(root, inner)] : [];
  });
}
