// Installs Lambda's official runtime clients for the differential tests, under .cache/official (nothing of them is
// part of the product): npm aws-lambda-ric 3.x (Node 20 and 22) and 4.x (Node 24), and PyPI awslambdaric for the
// machine's Python versions. What cannot be installed is reported and left out; the tests then say so and skip.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, '.cache', 'official');
const minutesMax = 10;

function run(command, args, options = {}) {
  const ended = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: minutesMax * 60_000,
    killSignal: 'SIGKILL',
    ...options,
  });
  if (ended.status === 0) return null;
  return (ended.error?.message ?? `${ended.stdout ?? ''}${ended.stderr ?? ''}`)
    .trim()
    .split('\n')
    .slice(-3)
    .join(' | ');
}

function npmInstall(directory, name) {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"private":true}');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error'];
  return run('npm', ['install', '--prefix', directory, ...quiet, name]);
}

/** The client's native part is compiled here (C++ compiler, cmake, autoconf, libtool); 4.x takes the same one. */
function buildNative(packageDirectory) {
  // npm does not run the scripts of packages by itself any more.
  const bin = { ...process.env, PATH: `${join(packageDirectory, '..', '.bin')}:${process.env.PATH}` };
  for (const script of ['preinstall.sh', 'postinstall.sh']) {
    const failed = run('sh', [join('scripts', script)], { cwd: packageDirectory, env: bin });
    if (failed !== null) return `${script}: ${failed}`;
  }
  return null;
}

function ensureNodeClients(say) {
  const three = join(folder, 'node3', 'node_modules', 'aws-lambda-ric');
  const four = join(folder, 'node4', 'node_modules', 'aws-lambda-ric');
  const native = join(three, 'dist', 'rapid-client.node');
  if (!existsSync(native)) {
    say('• official Node runtime client (compiled once, some minutes)');
    const needed = [
      ['autoreconf', 'autoconf'],
      ['automake', 'automake'],
      ['libtoolize', 'libtool'],
      ['cmake', 'cmake'],
      ['g++', 'g++'],
      ['make', 'make'],
    ];
    const missing = needed.filter(([command]) => run('sh', ['-c', `command -v ${command}`]) !== null);
    if (missing.length > 0) {
      const packages = missing.map(([, name]) => name);
      if (process.getuid?.() === 0) run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
      else say(`  needs: sudo apt-get install -y ${packages.join(' ')}`);
    }
    const failed = npmInstall(join(folder, 'node3'), 'aws-lambda-ric@3') ?? buildNative(three);
    if (failed !== null) {
      rmSync(join(folder, 'node3'), { recursive: true, force: true });
      return say(`  not available: ${failed}`);
    }
  }
  const entry =
    "import { run } from 'aws-lambda-ric';\nawait run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);\n";
  writeFileSync(join(folder, 'node3', 'index.mjs'), entry);
  if (!existsSync(join(four, 'rapid-client.node'))) {
    const failed = npmInstall(join(folder, 'node4'), 'aws-lambda-ric@4');
    if (failed !== null) return say(`  4.x not available: ${failed}`);
    copyFileSync(native, join(four, 'rapid-client.node'));
  }
}

/** `interpreters`: minor version (`3.11`) → program. */
export function ensurePythonClients(interpreters, say) {
  for (const [minor, interpreter] of Object.entries(interpreters)) {
    const target = join(folder, `python${minor}`);
    if (existsSync(join(target, 'awslambdaric'))) continue;
    say(`• official Python runtime client for ${minor}`);
    const install = ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '--target', target, 'awslambdaric'];
    const failed = run(interpreter, install);
    if (failed !== null) {
      rmSync(target, { recursive: true, force: true });
      say(`  not available: ${failed}`);
    }
  }
}

/** Interpreters on PATH and those of pyenv: minor version → program. */
function findInterpreters() {
  const found = {};
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const own = existsSync(pyenv) ? readdirSync(pyenv) : [];
  for (const minor of ['3.9', '3.10', '3.11', '3.12', '3.13', '3.14']) {
    const version = own.find((name) => name.startsWith(`${minor}.`));
    const places = [...(version ? [join(pyenv, version, 'bin', `python${minor}`)] : []), `python${minor}`];
    const program = places.find((place) => run(place, ['-m', 'pip', '--version']) === null);
    if (program) found[minor] = program;
  }
  return found;
}

/** Node 20, 22 and 24, except the one that runs this, for the tests: `.cache/runtimes/NAME` as `hearth runtimes add`. */
function ensureNodeVersions(say) {
  const own = Number.parseInt(process.versions.node, 10);
  for (const major of [20, 22, 24].filter((version) => version !== own)) {
    const target = join(root, '.cache', 'runtimes', `nodejs${major}.x`);
    if (existsSync(join(target, 'bin', 'node'))) continue;
    say(`• Node ${major}`);
    const name = `node-linux-${process.arch}`;
    const temporary = join(root, '.cache', 'runtimes', `.adding-${major}-${process.pid}`);
    const failed = npmInstall(temporary, `${name}@${major}`);
    if (failed === null) {
      rmSync(target, { recursive: true, force: true });
      renameSync(join(temporary, 'node_modules', name), target);
    } else {
      say(`  not available: ${failed}`);
    }
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** All of it. Does nothing that is done already; never fails. */
export function ensureOfficialClients(say = (text) => process.stderr.write(`${text}\n`)) {
  mkdirSync(folder, { recursive: true });
  ensureNodeVersions(say);
  ensureNodeClients(say);
  ensurePythonClients(findInterpreters(), say);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) ensureOfficialClients();
