import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';

interface Locked {
  readonly version?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

// npm leaves out what the registry at hand does not have; `npm ci` then refuses the lock, here and elsewhere.
test('the lock names the native packages of every platform, so that `npm ci` works on each', () => {
  const named = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies).map(([name, version]) => ({ path, name, version })),
  );
  assert.ok(named.some(({ name }) => name === '@duckdb/node-bindings-darwin-arm64'));
  for (const { path, name, version } of named) {
    const found = lock.packages[`node_modules/${name}`];
    assert.ok(found !== undefined, `${name}, of ${path}`);
    assert.equal(found.optional, true, name);
    if (/-(linux|darwin|win32)-/.test(name)) {
      assert.deepEqual([found.version, found.os?.length, found.cpu?.length], [version, 1, 1], name);
    }
  }
});
