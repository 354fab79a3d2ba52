import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { projectRoot } from '../../adapters/projectroot.js';

const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin'];

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Absolute path of a program of the machine, or null. Looks in the sbin folders too, which users' PATHs lack. */
export function findProgram(name: string): string | null {
  for (const directory of searchPath) {
    if (directory.startsWith('/') && executable(join(directory, name))) return join(directory, name);
  }
  return null;
}

export type NativeProgram =
  | 'agent'
  | 'connector'
  | 'extents'
  | 'fence'
  | 'launcher'
  | 'mounthelper'
  | 'probeguest'
  | 'vmagent';

/** Path of one of Hearth's own C programs (`setup/native.mjs` builds them), or null when it is not built. */
export function nativeProgram(name: NativeProgram): string | null {
  const path = join(projectRoot, 'build', 'native', name);
  return executable(path) ? path : null;
}
