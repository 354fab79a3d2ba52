import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The runtime's first file, which requires the others. */
export const nodeBootstrapFile = 'bootstrap.cjs';

/**
 * The files of `directory` (`guest/node`) as one: finding, opening and wrapping a dozen costs every boot some 3 ms,
 * where Node's own start takes 30. They find each other as before; of anything else `require` is Node's.
 */
function joined(directory: string, names: readonly string[]): string {
  const parts = names.map((name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    return `'./${name}'(module, require) {\n${text}},\n`;
  });
  return `'use strict';
const files = {
${parts.join('')}};
const loaded = {};
const find = (name) => {
  if (!Object.hasOwn(files, name)) return require(name);
  if (!Object.hasOwn(loaded, name)) {
    loaded[name] = { exports: {} };
    files[name](loaded[name], find);
  }
  return loaded[name].exports;
};
find.cache = require.cache;
find('./${nodeBootstrapFile}');
`;
}

/** Replaces a file only where it changed, in one step: boxes that show the old one keep it. */
function put(path: string, content: Buffer): void {
  try {
    if (readFileSync(path).equals(content)) return;
  } catch {
    // Not there yet.
  }
  const next = `${path}.${process.pid}`;
  writeFileSync(next, content);
  chmodSync(next, 0o644);
  renameSync(next, path);
}

/** Makes the runtime's folder `to` out of `from` (`guest/node`): one script, and what is loaded from beside it. */
export function makeNodeBootstrap(from: string, to: string): string {
  const names = readdirSync(from);
  mkdirSync(to, { recursive: true, mode: 0o755 });
  const scripts = names.filter((name) => name.endsWith('.cjs'));
  put(join(to, nodeBootstrapFile), Buffer.from(joined(from, scripts)));
  for (const name of names.filter((other) => /\.(node|js|mjs|json)$/.test(other)))
    put(join(to, name), readFileSync(join(from, name)));
  return to;
}
