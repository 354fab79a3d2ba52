import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { pageBytes } from '../chunks/layout.js';
import { insideMountNamespace } from '../worker/sandbox/namespace.js';

/** Why no sparse file system can be mounted here, or null. For tests, in a mount namespace of their own. */
export function mountObstacle(): string | null {
  if (!insideMountNamespace()) return 'no mount namespace can be had here';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return `FUSE cannot be used here: ${(error as Error).message}`;
  }
}

/** Mounts of a process's namespace below a folder. */
export function mountsBelow(folder: string, pid: number | 'self' = 'self'): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
}

/** Waits for what comes by itself; the deadline only ends a failing test. */
export async function until(done: () => boolean | Promise<boolean>, otherwise = 'it never came'): Promise<void> {
  for (const endMs = Date.now() + 20_000; !(await done()); ) {
    assert.ok(Date.now() < endMs, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function withFile<T>(
  path: string,
  use: (file: FileHandle) => Promise<T>,
  flags: string | number = 'r',
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

export async function readPage(file: FileHandle, page: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(pageBytes), 0, pageBytes, page * pageBytes);
  assert.equal(bytesRead, pageBytes);
  return buffer;
}

/** Runs a program to its end; standard output. */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000, killSignal: 'SIGKILL' });
  return stdout;
}

/** For Python: touches pages of a private writable mapping, as a monitor does, and prints the first bytes of each. */
export const mapProgram = `
import mmap, os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
fd = os.open(sys.argv[1], os.O_RDWR)
size = os.fstat(fd).st_size
memory = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
if sys.argv[2] == 'huge':
    memory.madvise(mmap.MADV_HUGEPAGE)
for page in sys.argv[3:]:
    at = int(page) * 4096
    print(memory[at:at + 4].hex())
    memory[at:at + 1] = b'x'
`;
