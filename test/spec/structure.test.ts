import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import test from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';

/** The rules of ARCHITECTURE.md that a compiler does not check. */

interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** Project files that it imports (as `.ts`), types included, and packages. */
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

const sourceEnding = /\.(ts|mjs|cjs|js|py|c|h)$/;
const linesMax = 400;

function listFiles(folder: string): string[] {
  return readdirSync(join(projectRoot, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : listFiles(path);
    return sourceEnding.test(entry.name) ? [path] : [];
  });
}

function readSource(path: string): SourceFile {
  const text = readFileSync(join(projectRoot, path), 'utf8');
  const imports: string[] = [];
  const packages: string[] = [];
  const statement = /^\s*(?:import|export)\s+(?:[\w\s{},*$]+?\sfrom\s+)?'([^']+)'/gm;
  for (const [, specifier = ''] of text.replace(/\/\*[\s\S]*?\*\//g, '').matchAll(statement)) {
    if (!specifier.startsWith('.')) packages.push(specifier);
    else {
      const target = normalize(join(projectRoot, dirname(path), specifier));
      imports.push(relative(projectRoot, target).replace(/\.js$/, '.ts'));
    }
  }
  return { path, text, imports, packages };
}

const paths = [...listFiles('src'), ...listFiles('guest')];
const sources = paths.filter((path) => path.startsWith('src/') && path.endsWith('.ts')).map(readSource);
const byPath = new Map(sources.map((source) => [source.path, source]));
const production = sources.filter(({ path }) => !isTest(path) && !path.startsWith('src/sim/'));

const isMachine = (path: string) => path.endsWith('/machine.ts');
const isBin = (path: string) => path.startsWith('src/bin/');

/** `name.test.ts`, what it needs beside it (`name.child.ts` for a process of its own, say), and what only tests import. */
function isTest(path: string, asked: readonly string[] = []): boolean {
  const [stem, ...endings] = path.split('/').at(-1)!.split('.');
  if (endings.at(-2) === 'test') return true;
  if (endings.length > 1 && paths.includes(`${dirname(path)}/${stem}.test.ts`)) return true;
  const importers = sources.filter(({ imports }) => imports.includes(path));
  return (
    importers.length > 0 && importers.every((one) => !asked.includes(one.path) && isTest(one.path, [...asked, path]))
  );
}

/** Machines, messages and whatever they are made of: pure all the way down. */
function pureFiles(): SourceFile[] {
  const pure = new Map<string, SourceFile>();
  const add = (path: string) => {
    const source = byPath.get(path);
    if (source === undefined || pure.has(path)) return;
    pure.set(path, source);
    source.imports.forEach(add);
  };
  for (const { path } of production) if (isMachine(path) || path.endsWith('/messages.ts')) add(path);
  return [...pure.values()];
}

/** Without comments and the text of strings: `process` may be spoken of. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, ' ');
}

test('the imports of the sources are understood', () => {
  const dangling = sources.flatMap(({ path, imports }) =>
    imports
      .filter((target) => target.startsWith('src/') && target.endsWith('.ts') && !byPath.has(target))
      .map((target) => `${path} → ${target}`),
  );
  assertNone(dangling, 'every import leads to a file');
  assert.ok(production.reduce((sum, { imports }) => sum + imports.length, 0) > production.length);
});

function assertNone(offences: readonly string[], rule: string): void {
  assert.deepEqual(offences, [], rule);
}

test('pure files name no clock, chance, process, timer, network or Node module, and nothing asynchronous', () => {
  const forbidden =
    /\b(Date|Math\.random|process|performance|fetch|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await|Buffer|globalThis|crypto)\b(?!\??:)/g;
  const offences = pureFiles().flatMap(({ path, text, packages }) => [
    // A member may be called so; only bare words count.
    ...[...codeOf(text).matchAll(forbidden)]
      .filter(({ index, input }) => input[index - 1] !== '.')
      .map(([name]) => `${path}: ${name}`),
    ...packages.map((name) => `${path}: imports ${name}`),
  ]);
  assertNone(offences, 'time, chance and the world come in with the input');
  assert.ok(pureFiles().filter(({ path }) => isMachine(path)).length >= 5);
});

test('a machine imports no other machine and no service', () => {
  const offences = pureFiles().flatMap(({ path, imports }) =>
    imports
      .filter((target) => (isMachine(target) && target !== path) || target.endsWith('/service.ts'))
      .map((target) => `${path} → ${target}`),
  );
  assertNone(offences, 'machines know each other by messages only');
});

test('kernel imports only kernel; wire only kernel and wire', () => {
  const within = (folder: string, allowed: readonly string[]) =>
    production
      .filter(({ path }) => path.startsWith(folder))
      .flatMap(({ path, imports }) =>
        imports
          .filter((target) => !allowed.some((prefix) => target.startsWith(prefix)))
          .map((target) => `${path} → ${target}`),
      );
  assertNone(within('src/kernel/', ['src/kernel/']), 'kernel is the lowest layer');
  assertNone(within('src/wire/', ['src/kernel/', 'src/wire/']), 'wire comes right after it');
});

test('nobody but bin imports bin; only bin and the adapters know an adapter', () => {
  const offences = production.flatMap(({ path, imports }) =>
    imports
      .filter((target) => {
        if (isBin(path)) return false;
        if (isBin(target)) return true;
        const isAdapter = target.startsWith('src/adapters/') && target !== 'src/adapters/projectroot.ts';
        return isAdapter && !path.startsWith('src/adapters/');
      })
      .map((target) => `${path} → ${target}`),
  );
  assertNone(offences, 'composition happens in bin');
});

test('the simulator is used by nobody but its command', () => {
  const offences = production
    .filter(({ path, imports }) => path !== 'src/bin/sim.ts' && imports.some((one) => one.startsWith('src/sim/')))
    .map(({ path }) => path);
  assertNone(offences, 'production code does not depend on the simulator');
});

test('OpenTelemetry is loaded only where traces are exported', () => {
  // What is imported when it is needed looks as if only its tests did.
  const all = sources.filter(({ path }) => !path.endsWith('.test.ts'));
  const users = all.filter(({ packages }) => packages.some((name) => name.startsWith('@opentelemetry/')));
  assertNone(
    users.map(({ path }) => path).filter((path) => !path.startsWith('src/adapters/otlp/')),
    'one adapter knows it',
  );
  const loading = new Set(users.map(({ path }) => path));
  assert.ok(loading.has('src/adapters/otlp/exporter.ts'));
  const offences = all
    .filter(({ path, imports }) => !loading.has(path) && imports.some((one) => loading.has(one)))
    .map(({ path }) => path);
  assertNone(offences, 'its files are imported when they are needed');
});

test(`no file is longer than ${linesMax} lines`, () => {
  const offences = paths
    .filter((path) => !path.includes('.test.'))
    .map((path) => ({ path, lines: readFileSync(join(projectRoot, path), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path}: ${lines}`);
  assertNone(offences, 'split it by what its parts are about');
});

test('files are named by what is in them', () => {
  const offences = paths.filter((path) => /(^|[/._-])(utils?|helpers?|commons?|managers?|misc)[._-][^/]*$/i.test(path));
  assertNone(offences, 'such names say nothing');
});
