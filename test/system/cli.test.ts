import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { projectRoot } from '../../src/adapters/projectroot.js';
import { processStart } from '../../src/worker/sandbox/process/owner.js';
import { cleanEnvironment, stop } from './childprocess.js';
import { eventually, Hearth, ownNode, type Ran } from './hearth.js';

const bin = join(projectRoot, 'bin', 'hearth');

function command(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...cleanEnvironment(), ...environment };
    execFile(bin, args, { env, timeout: 60_000, encoding: 'utf8' }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, stdout, stderr });
    });
  });
}

const code = {
  'index.mjs': `export const handler = async (event) => {
    console.log('seen', JSON.stringify(event));
    if (event.fail) throw new Error('as told');
    return event;
  };`,
};

describe('the hearth command', () => {
  let hearth: Hearth;
  before(async () => {
    hearth = await Hearth.start('--spares', '1');
    await hearth.create('hello', ownNode, 'index.handler', code);
  });
  after(() => hearth.remove());

  const good = (ran: Ran) => {
    assert.equal(ran.status, 0, ran.stderr);
    return JSON.parse(ran.stdout);
  };

  it('tells its state', async () => {
    const status = good(await hearth.cli('status', '--json'));
    assert.equal(status.endpoint, hearth.endpoint);
    assert.equal(status.pid, hearth.pid);
    assert.equal(status.dataFolder, hearth.folder);
    assert.equal(status.functions, 1);
    assert.equal(status.isolation.grade, 'namespaces');
    assert.ok(status.isolation.protections.length > 5);
    const shown = await hearth.cli('status');
    assert.equal(shown.status, 0);
    assert.ok(shown.stdout.includes(hearth.endpoint));
  });

  it('tells what the machine offers', async () => {
    const doctor = good(await hearth.cli('doctor', '--json'));
    assert.equal(doctor.usable, true);
    const usable = (grade: string) => doctor.grades.find((one: { grade: string }) => one.grade === grade)?.usable;
    assert.ok(usable('namespaces') && usable('none'));
    // Whether virtual machines work depends on the machine; either way it says why.
    const { grade, accelerator, identity } = doctor.machines;
    assert.equal(usable('microvm'), grade.usable);
    assert.match(grade.detail, /\w/);
    if (grade.usable) assert.ok(['kvm', 'tcg'].includes(accelerator) && identity.includes('qemu'));
    assert.ok(doctor.runtimes.some(({ name, status }: never) => name === ownNode && status === 'ready'));
    const shown = await hearth.cli('doctor');
    assert.equal(shown.status, 0);
    assert.match(shown.stdout, /This machine runs Hearth with isolation/);
    assert.match(shown.stdout, /seccomp/);
    assert.match(shown.stdout, /accelerator: (kvm|tcg|none)/);
  });

  it('lists functions, and shows one with the isolation in force', async () => {
    const list = good(await hearth.cli('functions', '--json'));
    assert.deepEqual(
      list.map(({ FunctionName }: { FunctionName: string }) => FunctionName),
      ['hello'],
    );
    const one = good(await hearth.cli('functions', 'hello', '--json'));
    assert.equal(one.configuration.Runtime, ownNode);
    assert.equal(one.isolation.grade, 'namespaces');
    assert.match((await hearth.cli('functions', 'hello')).stdout, /isolation\s+namespaces/);
    const nobody = await hearth.cli('functions', 'nobody');
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, /ResourceNotFoundException: Function not found/);
  });

  it('invokes: result on standard output, log on standard error, the outcome as exit status', async () => {
    const shown = await hearth.cli('invoke', 'hello', '{"a":1}');
    assert.deepEqual([shown.status, shown.stdout], [0, '{"a":1}\n']);
    assert.match(shown.stderr, /REPORT RequestId/);
    const json = good(await hearth.cli('invoke', 'hello', '{"a":2}', '--json'));
    assert.deepEqual([json.statusCode, json.payload, json.functionError], [200, '{"a":2}', null]);
    const file = join(hearth.folder, 'payload.json');
    writeFileSync(file, '{"from":"file"}');
    assert.equal((await hearth.cli('invoke', 'hello', '--file', file)).stdout, '{"from":"file"}\n');
    const failed = await hearth.cli('invoke', 'hello', '{"fail":true}');
    assert.equal(failed.status, 2);
    assert.equal(JSON.parse(failed.stdout).errorMessage, 'as told');
    const nobody = await hearth.cli('invoke', 'nobody');
    assert.deepEqual([nobody.status, nobody.stdout], [1, '']);
    assert.equal(good(await hearth.cli('invoke', 'hello', '{"mark":"event"}', '--event', '--json')).statusCode, 202);
  });

  it('shows and follows logs', async () => {
    await eventually(async () => (await hearth.cli('logs', 'hello')).stdout.includes('"mark":"event"'), 'the event');
    const lines = (await hearth.cli('logs', 'hello', '--json', '--filter', '"as told"')).stdout.trim().split('\n');
    assert.ok(lines.every((line) => JSON.parse(line).message.includes('as told')));
    const child = spawn(bin, ['logs', 'hello', '-f', '--data', hearth.folder], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      await eventually(async () => text.includes('"mark":"event"'), 'what was there before');
      await hearth.invoke('hello', { mark: 'followed' });
      await eventually(async () => text.includes('"mark":"followed"'), 'the new line');
      assert.equal(text.match(/"mark":"followed"/g)?.length, 1);
    } finally {
      await stop(child, 'SIGKILL');
    }
    assert.equal((await hearth.cli('logs', 'hello', '--since', 'soon')).status, 1);
    assert.equal((await hearth.cli('logs', 'nobody')).status, 1);
  });

  it('lists runtimes and accounts, and adds an account', async () => {
    const runtimes = good(await hearth.cli('runtimes', '--json'));
    assert.ok(runtimes.some(({ name, status }: never) => name === 'provided.al2023' && status === 'ready'));
    assert.equal((await hearth.cli('runtimes', 'add', 'cobol')).status, 64);
    assert.equal(good(await hearth.cli('accounts', '--json')).length, 1);
    assert.equal((await hearth.cli('accounts', 'add', '12')).status, 64);
    const [added] = good(await hearth.cli('accounts', 'add', '210987654321', '--json'));
    assert.match(added.accessKeyId, /^AKIA[A-Z2-7]{16}$/);
    assert.deepEqual(good(await hearth.cli('functions', '--account', '210987654321', '--json')), []);
    assert.equal((await hearth.cli('functions', '--account', '999999999999')).status, 1);
  });

  it('prints what AWS clients need', async () => {
    const variables = good(await hearth.cli('env', '--json'));
    assert.equal(variables.AWS_ENDPOINT_URL, hearth.endpoint);
    assert.equal(variables.AWS_ACCESS_KEY_ID, hearth.credential.accessKeyId);
    const shown = (await hearth.cli('env')).stdout.trim().split('\n');
    assert.ok(shown.every((line) => /^export AWS_[A-Z_]+=[^\s'"$`]+$/.test(line)));
  });

  it('helps, completes, and refuses what it does not know', async () => {
    const names = 'up down status doctor functions invoke logs runtimes accounts env'.split(' ');
    const helps = await Promise.all(names.map((name) => command([name, '--help'])));
    for (const [at, help] of helps.entries()) {
      assert.equal(help.status, 0);
      assert.match(help.stdout, /Examples:\n {2}(eval "\$\()?hearth /, names[at]);
      assert.match(help.stdout, /--json/, names[at]);
    }
    const all = await command(['--help']);
    for (const name of names) assert.match(all.stdout, new RegExp(`^  hearth ${name}\\b`, 'm'));
    const completion = await command(['completion'], { SHELL: '/bin/bash' });
    assert.match(completion.stdout, /complete .*hearth/);
    const unknown = await command(['functoins']);
    assert.equal(unknown.status, 64);
    assert.match(unknown.stderr, /Did you mean functions\?/);
    assert.equal((await command(['status', '--nonsense'])).status, 64);
    assert.equal((await command([])).status, 64);
  });

  it('refuses a port that is taken, a second platform on a folder, and nonsense', async () => {
    const second = await command(['up', '--data', hearth.folder, '--port', '0']);
    assert.equal(second.status, 1);
    assert.match(second.stderr, new RegExp(`${hearth.endpoint} .*serves from .* already`));
    assert.equal(good(await hearth.cli('status', '--json')).pid, hearth.pid);

    const folder = mkdtempSync(join(tmpdir(), 'hearth-system-'));
    const server = createServer();
    try {
      const port = await new Promise<number>((resolve) =>
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
      );
      const taken = await command(['up', '--data', folder, '--port', String(port)]);
      assert.equal(taken.status, 1);
      assert.match(taken.stderr, new RegExp(`port ${port} is taken; --port 0 picks a free one`));
      assert.equal((await command(['up', '--data', folder, '--port', '70000'])).status, 64);
      assert.equal((await command(['up', '--data', folder, '--isolation', 'hope'])).status, 64);
      const down = await command(['down', '--data', folder, '--json']);
      assert.deepEqual([down.status, JSON.parse(down.stdout)], [0, { stopped: false }]);
      assert.equal((await command(['status', '--data', folder])).status, 3);
    } finally {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('runs without isolation when told so, says so everywhere, and stops on `down`', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hearth-system-'));
    const readyFile = join(folder, 'ready');
    const args = ['up', '--data', folder, '--port', '0', '--isolation', 'none', '--ready-file', readyFile, '--json'];
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', bin, ...args], {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      let printed = '';
      child.stdout.on('data', (chunk) => {
        printed += chunk;
      });
      await eventually(async () => existsSync(readyFile) && readFileSync(readyFile, 'utf8') !== '', 'the platform');
      const greeting = JSON.parse(printed);
      assert.equal(greeting.isolation, 'none');
      assert.equal(`${greeting.endpoint}\n`, readFileSync(readyFile, 'utf8'));
      const open = Hearth.at(folder, greeting.endpoint);
      await open.create('plain', ownNode, 'index.handler', code);
      assert.equal((await open.invoke('plain', { really: 1 })).payload, '{"really":1}');
      await open.create(
        'preload',
        ownNode,
        'index.handler',
        {
          'index.mjs': 'export const handler = async () => globalThis.preloaded;',
          'preload.cjs': 'globalThis.preloaded = "yes";',
        },
        { Environment: { Variables: { NODE_OPTIONS: '--require /var/task/preload.cjs' } } },
      );
      assert.equal((await open.invoke('preload')).payload, '"yes"');
      assert.equal(good(await open.cli('status', '--json')).isolation.grade, 'none');
      const one = good(await open.cli('functions', 'plain', '--json'));
      assert.equal(one.isolation.grade, 'none');
      assert.ok(
        !one.isolation.protections.some(({ inForce, name }: never) => inForce && /namespace|seccomp/.test(name)),
      );
      const down = good(await open.cli('down', '--json'));
      assert.deepEqual(down, { stopped: true, pid: child.pid });
      assert.equal(processStart(child.pid!), null);
    } finally {
      await stop(child, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
