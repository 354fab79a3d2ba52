// Installs moto's server (a stand-in for SQS and S3 over HTTP) and boto3 into a Python environment under
// .cache/peers/moto, for the system tests. What cannot be installed is reported; the tests then say so and skip.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, '.cache', 'peers', 'moto');
const minutesMax = 10;

function run(command, args) {
  const options = { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: minutesMax * 60_000 };
  const ended = spawnSync(command, args, { ...options, killSignal: 'SIGKILL' });
  if (ended.status === 0) return null;
  return (ended.error?.message ?? `${ended.stdout ?? ''}${ended.stderr ?? ''}`)
    .trim()
    .split('\n')
    .slice(-2)
    .join(' | ');
}

/** Does nothing that is done already; never fails. */
export function ensureMotoServer(say = (text) => process.stderr.write(`${text}\n`)) {
  if (existsSync(join(target, 'installed'))) return;
  say('• moto server and boto3');
  mkdirSync(join(root, '.cache', 'peers'), { recursive: true });
  // Not made elsewhere and moved: the scripts of an environment name its folder. The mark comes last instead.
  rmSync(target, { recursive: true, force: true });
  const failed =
    run('python3', ['-m', 'venv', target]) ??
    run(join(target, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', 'moto[server]>=5,<6', 'boto3']);
  if (failed !== null) {
    rmSync(target, { recursive: true, force: true });
    return say(`  not available: ${failed}`);
  }
  writeFileSync(join(target, 'installed'), '');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) ensureMotoServer();
