import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpioArchive, directoryMode, fileMode, programMode } from './cpio.js';
import type { Kernel } from './kernel.js';

/**
 * The kernel's first file system: the agent, as `/init`, and its drivers. Not compressed: it is small, and an emulated
 * processor unpacks slowly.
 */
export async function makeInitrd(kernelDirectory: string, agent: Buffer): Promise<Buffer> {
  const { order } = JSON.parse(await readFile(join(kernelDirectory, 'about.json'), 'utf8')) as Kernel;
  const modules = await Promise.all(
    order.map(async (name) => ({
      path: `modules/${name}`,
      mode: fileMode,
      data: await readFile(join(kernelDirectory, 'modules', name)),
    })),
  );
  return cpioArchive([
    // For what the agent says before it has mounted anything; the kernel makes no device files itself.
    { path: 'dev', mode: directoryMode },
    { path: 'init', mode: programMode, data: agent },
    { path: 'modules', mode: directoryMode },
    { path: 'modules/order', mode: fileMode, data: Buffer.from(order.map((name) => `${name}\n`).join('')) },
    ...modules,
  ]);
}
