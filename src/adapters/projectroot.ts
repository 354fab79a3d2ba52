import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../kernel/assert.js';

function find(): string {
  for (let directory = dirname(fileURLToPath(import.meta.url)); ; directory = dirname(directory)) {
    if (existsSync(join(directory, 'package.json'))) return directory;
    assert(directory !== dirname(directory), 'package.json of Hearth not found above its own code');
  }
}

/** Folder of Hearth's `package.json`: what is not TypeScript (`guest/`, `build/native/`) is found from here. */
export const projectRoot = find();
