import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, Hearth, ownNode } from './hearth.js';

/** What a curious function of either language finds out; each entry the same in both. */
const nodeSpy = `
import { readFileSync, readdirSync, writeFileSync, openSync, writeSync, closeSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
const attempt = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
const reach = (host, port) => new Promise((resolve) => {
  const socket = connect({ host, port, timeout: 3000 });
  socket.on('connect', () => { socket.destroy(); resolve('reached'); });
  socket.on('timeout', () => { socket.destroy(); resolve('timeout'); });
  socket.on('error', (error) => resolve(error.code));
});
export const handler = async (event) => {
  if (event.fill) {
    const file = openSync('/tmp/fill', 'w');
    const piece = Buffer.alloc(1 << 20, 1);
    let mib = 0;
    try { for (; mib < 2048; mib++) writeSync(file, piece); } catch (error) { return { mib, code: error.code }; }
    finally { closeSync(file); rmSync('/tmp/fill'); }
    return { mib, code: null };
  }
  return {
    writes: Object.fromEntries(event.paths.map((path) => [path, attempt(() => writeFileSync(path + '/spy', 'x'))])),
    reads: Object.fromEntries(event.secrets.map((path) => [path, attempt(() => readFileSync(path))])),
    lists: Object.fromEntries(event.folders.map((path) => [path, attempt(() => readdirSync(path))])),
    uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(),
    setuid: attempt(() => process.setuid(0)),
    processes: readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map((pid) => {
      try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').replaceAll('\\0', ' '); } catch { return ''; }
    }),
    status: readFileSync('/proc/self/status', 'utf8'),
    reached: Object.fromEntries(await Promise.all(event.addresses.map(async ([host, port]) => [host + ':' + port, await reach(host, port)]))),
    environment: { ...process.env },
  };
};`;

const pythonSpy = `
import errno, os, socket
def attempt(work):
    try:
        work()
        return 'done'
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
def write(path):
    with open(path + '/spy', 'w') as file:
        file.write('x')
def read(path):
    with open(path, 'rb') as file:
        file.read(1)
def text(path):
    try:
        with open(path) as file:
            return file.read().replace('\\0', ' ')
    except OSError:
        return ''
def reach(host, port):
    try:
        socket.create_connection((host, port), 3).close()
        return 'reached'
    except OSError as error:
        return errno.errorcode.get(error.errno, 'timeout')
def handler(event, context):
    if event.get('fill'):
        piece, mib = b'x' * (1 << 20), 0
        file = os.open('/tmp/fill', os.O_CREAT | os.O_WRONLY)
        try:
            while mib < 2048:
                os.write(file, piece)
                mib += 1
        except OSError as error:
            return {'mib': mib, 'code': errno.errorcode[error.errno]}
        finally:
            os.close(file)
            os.unlink('/tmp/fill')
        return {'mib': mib, 'code': None}
    return {
        'writes': {path: attempt(lambda: write(path)) for path in event['paths']},
        'reads': {path: attempt(lambda: read(path)) for path in event['secrets']},
        'lists': {path: attempt(lambda: os.listdir(path)) for path in event['folders']},
        'uid': os.getuid(), 'gid': os.getgid(), 'groups': os.getgroups(),
        'setuid': attempt(lambda: os.setuid(0)),
        'processes': [text('/proc/' + pid + '/cmdline') for pid in os.listdir('/proc') if pid.isdigit()],
        'status': text('/proc/self/status'),
        'reached': {host + ':' + str(port): reach(host, port) for host, port in event['addresses']},
        'environment': dict(os.environ),
    }`;

/** Variables Lambda documents for every managed runtime; credentials come with a role, which is not checked yet. */
const common = [
  ...['AWS_DEFAULT_REGION', 'AWS_EXECUTION_ENV', 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', 'AWS_LAMBDA_FUNCTION_NAME'],
  ...['AWS_LAMBDA_FUNCTION_VERSION', 'AWS_LAMBDA_INITIALIZATION_TYPE', 'AWS_LAMBDA_LOG_GROUP_NAME'],
  ...['AWS_LAMBDA_LOG_STREAM_NAME', 'AWS_LAMBDA_RUNTIME_API', 'AWS_REGION', 'AWS_XRAY_CONTEXT_MISSING'],
  ...['AWS_XRAY_DAEMON_ADDRESS', 'LAMBDA_RUNTIME_DIR', 'LAMBDA_TASK_ROOT', 'LANG', 'LD_LIBRARY_PATH', 'PATH', 'TZ'],
  ...['_AWS_XRAY_DAEMON_ADDRESS', '_AWS_XRAY_DAEMON_PORT', '_HANDLER'],
];
/** Set by the runtime itself while an invocation runs, or given with a role. */
const optional = new Set(['_X_AMZN_TRACE_ID', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']);

describe('what a function can reach', () => {
  let hearth: Hearth;
  let listener: Server;
  let listenerPort: number;
  let python: string | null = null;
  before(async () => {
    // A variable of the host that must not be seen inside.
    process.env.HEARTH_TEST_SECRET = 'of the host';
    hearth = await Hearth.start('--spares', '1');
    delete process.env.HEARTH_TEST_SECRET;
    listener = createServer((socket) => socket.end('hello'));
    listenerPort = await new Promise((resolve) =>
      listener.listen(0, '127.0.0.1', () => resolve((listener.address() as { port: number }).port)),
    );
    const runtimes: { name: string; status: string }[] = JSON.parse((await hearth.cli('runtimes', '--json')).stdout);
    python = runtimes.findLast(({ name, status }) => name.startsWith('python') && status === 'ready')?.name ?? null;
  });
  after(async () => {
    listener.close();
    await hearth.remove();
  });

  for (const language of ['node', 'python'] as const) {
    it(`holds a ${language} function`, async (test) => {
      const runtime = language === 'node' ? ownNode : python;
      if (runtime === null) return test.skip('no Python of a Lambda runtime on this machine');
      const name = `spy-${language}`;
      const files: Record<string, string> = language === 'node' ? { 'index.mjs': nodeSpy } : { 'index.py': pythonSpy };
      await hearth.create(name, runtime, 'index.handler', files, {
        MemorySize: 512,
        Timeout: 60,
        EphemeralStorage: { Size: 512 },
        Environment: { Variables: { MINE: 'yes' } },
      });
      const endpoint = new URL(hearth.endpoint);
      const folders = [hearth.folder, '/root', '/home', process.cwd()];
      const invoked = await hearth.invoke(name, {
        paths: [
          '',
          '/var/task',
          '/var/runtime',
          '/opt',
          '/etc',
          '/usr',
          '/dev',
          '/dev/shm',
          '/var/tmp',
          '/run',
          '/tmp',
        ],
        secrets: [join(hearth.folder, 'credentials.json'), '/etc/shadow', '/proc/1/environ', '/proc/kcore', '/dev/mem'],
        folders,
        addresses: [
          ['127.0.0.1', listenerPort],
          ['127.0.0.1', Number(endpoint.port)],
          ['10.0.2.2', listenerPort],
          ['10.0.2.2', Number(endpoint.port)],
          // The gateway of a virtual machine.
          ['10.0.3.2', listenerPort],
          ['10.0.3.2', Number(endpoint.port)],
        ],
      });
      assert.equal(invoked.functionError, undefined, invoked.payload);
      const seen = JSON.parse(invoked.payload);

      const { '/tmp': tmp, ...elsewhere } = seen.writes;
      assert.equal(tmp, 'done');
      for (const [path, outcome] of Object.entries(elsewhere)) assert.notEqual(outcome, 'done', `wrote to ${path}/`);
      for (const [path, outcome] of Object.entries(seen.reads)) {
        // The first process of the sandbox may be readable: it is nobody's but the sandbox's own.
        if (path !== '/proc/1/environ') assert.notEqual(outcome, 'done', `read ${path}`);
      }
      assert.notEqual(seen.lists[hearth.folder], 'done', 'the data folder is visible');
      assert.notEqual(seen.lists[process.cwd()], 'done', 'the checkout is visible');

      assert.notEqual(seen.uid, 0);
      assert.notEqual(seen.gid, 0);
      assert.ok(!seen.groups.includes(0), `groups ${seen.groups}`);
      assert.notEqual(seen.setuid, 'done');
      assert.match(seen.status, /^NoNewPrivs:\s+1$/m);
      const { isolation } = JSON.parse((await hearth.cli('status', '--json')).stdout);
      const machine = isolation.grade === 'microvm';
      // A virtual machine's kernel is the function's own: what could be asked of it concerns nobody else.
      if (machine) test.diagnostic('virtual machines have no filter of system calls inside, and no bounding set');
      else assert.match(seen.status, /^Seccomp:\s+2$/m);
      for (const set of ['Inh', 'Prm', 'Eff', 'Amb', ...(machine ? [] : ['Bnd'])]) {
        assert.match(seen.status, new RegExp(`^Cap${set}:\\s+0+$`, 'm'));
      }
      assert.ok(seen.processes.length <= 5, `${seen.processes.length} processes`);
      for (const command of seen.processes) assert.doesNotMatch(command, /hearth\.js|slirp4netns|\/system\//);

      for (const [address, outcome] of Object.entries(seen.reached)) assert.notEqual(outcome, 'reached', address);

      const own = language === 'node' ? ['NODE_PATH'] : ['PYTHONPATH'];
      const names = Object.keys(seen.environment).filter((one) => !optional.has(one));
      assert.deepEqual(names.sort(), [...common, ...own, 'MINE'].sort());
      const { environment } = seen;
      assert.equal(environment.MINE, 'yes');
      assert.equal(environment.AWS_LAMBDA_FUNCTION_NAME, name);
      assert.equal(environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, '512');
      assert.equal(environment.AWS_LAMBDA_FUNCTION_VERSION, '$LATEST');
      assert.equal(environment.AWS_LAMBDA_LOG_GROUP_NAME, `/aws/lambda/${name}`);
      assert.match(environment.AWS_LAMBDA_LOG_STREAM_NAME, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
      assert.equal(environment.AWS_EXECUTION_ENV, `AWS_Lambda_${runtime}`);
      assert.equal(environment.AWS_LAMBDA_INITIALIZATION_TYPE, 'on-demand');
      assert.equal(environment._HANDLER, 'index.handler');
      assert.equal(environment.LAMBDA_TASK_ROOT, '/var/task');
      assert.equal(environment.TZ, ':UTC');
      assert.ok(!JSON.stringify(environment).includes('of the host'));

      const filled = JSON.parse((await hearth.invoke(name, { fill: true })).payload);
      assert.equal(filled.code, 'ENOSPC');
      // A file system keeps some of its size for itself.
      assert.ok(filled.mib > 400 && filled.mib <= 512, `${filled.mib} MiB fit into /tmp`);
    });
  }

  it('keeps one sandbox from the Runtime API of another', async () => {
    const code = {
      'index.mjs': `
        import { connect } from 'node:net';
        import { networkInterfaces } from 'node:os';
        const reach = (host, port) => new Promise((resolve) => {
          const socket = connect({ host, port, timeout: 2000 });
          socket.on('connect', () => { socket.destroy(); resolve('reached'); });
          socket.on('timeout', () => { socket.destroy(); resolve('timeout'); });
          socket.on('error', (error) => resolve(error.code));
        });
        export const handler = async (event) => {
          const [, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
          const own = Object.values(networkInterfaces()).flat().filter((one) => one.family === 'IPv4').map((one) => one.address);
          if (event.hold) {
            console.log('holding ' + own.join(' '));
            await new Promise((resolve) => setTimeout(resolve, 500));
            return own;
          }
          const others = event.addresses.filter((address) => !own.includes(address));
          // The gateway, and all that a shared network would give to neighbours.
          for (const last of [2, 3, 14, 15, 16, 17]) if (!own.includes('10.0.2.' + last)) others.push('10.0.2.' + last);
          return Promise.all(others.map(async (address) => [address, await reach(address, Number(port))]));
        };`,
    };
    await hearth.create('holder', ownNode, 'index.handler', code, { Timeout: 60 });
    await hearth.create('prober', ownNode, 'index.handler', code, { Timeout: 60 });
    const held = hearth.invoke('holder', { hold: true });
    const line = await eventually(
      async () => /holding (.*)/.exec((await hearth.cli('logs', 'holder')).stdout)?.[1],
      'the sandbox that holds',
    );
    const addresses = line.split(' ').filter((address) => !address.startsWith('127.'));
    const answer = await hearth.invoke('prober', { addresses });
    for (const [address, outcome] of JSON.parse(answer.payload)) assert.notEqual(outcome, 'reached', address);
    assert.equal((await held).functionError, undefined);
  });

  it('bounds a fork bomb, and goes on', async (test) => {
    const { isolation } = JSON.parse((await hearth.cli('status', '--json')).stdout);
    const limit = isolation.protections.find(({ name }: { name: string }) => name === 'process limit');
    if (!limit?.inForce) return test.skip(`no process limit here: ${limit?.detail}`);
    await hearth.create(
      'bomb',
      ownNode,
      'index.handler',
      {
        'index.mjs': `
          import { spawn } from 'node:child_process';
          export const handler = async () => {
            const children = [];
            let code = null;
            while (children.length < 3_000 && code === null) {
              try {
                const child = spawn('/bin/sleep', ['300'], { stdio: 'ignore' });
                child.on('error', (error) => { code = error.code; });
                children.push(child);
              } catch (error) { code = error.code; }
              await new Promise((resolve) => setImmediate(resolve));
            }
            for (const child of children) child.kill('SIGKILL');
            return { count: children.length, code };
          };`,
      },
      { MemorySize: 1024, Timeout: 120 },
    );
    const bombed = await hearth.invoke('bomb');
    // Either the limit refuses another process, or the memory limit ends it: the machine stays whole.
    if (bombed.functionError === undefined) {
      const { count, code } = JSON.parse(bombed.payload);
      assert.equal(code, 'EAGAIN');
      assert.ok(count <= 1_100, `${count} processes`);
    } else assert.match(bombed.payload, /OutOfMemory|Timedout|ExitError/);
    assert.equal(
      (await hearth.invoke('spy-node', { paths: [], secrets: [], folders: [], addresses: [] })).statusCode,
      200,
    );
  });

  it('lets nothing run between invocations', async () => {
    await hearth.create('ticking', ownNode, 'index.handler', {
      'index.mjs': `
        let ticks = 0;
        setInterval(() => { ticks += 1; }, 1);
        export const handler = async () => ({ ticks, cpuMicros: process.cpuUsage().user + process.cpuUsage().system });`,
    });
    await hearth.invoke('ticking');
    const before = JSON.parse((await hearth.invoke('ticking')).payload);
    const until = Date.now() + 2_000;
    await eventually(async () => Date.now() > until, 'a pause');
    const after = JSON.parse((await hearth.invoke('ticking')).payload);
    // Two seconds hold 2,000 ticks of a function that runs on; the grace before freezing holds some.
    assert.ok(after.ticks - before.ticks < 1_000, `${after.ticks - before.ticks} ticks while frozen`);
  });

  it('leaves no trace of the host in the environment of provided runtimes', async () => {
    await hearth.create('bare', 'provided.al2023', 'any', {
      bootstrap: readFileSync(join(process.cwd(), 'test', 'system', 'fixtures', 'bootstraps', 'environment.sh')),
    });
    const invoked = await hearth.invoke('bare');
    assert.equal(invoked.functionError, undefined, invoked.payload);
    const names = invoked.payload.trim().split(' ');
    const expected = common.filter((name) => name !== 'AWS_EXECUTION_ENV');
    // The shell itself adds PWD, SHLVL and _.
    const found = names.filter((name) => !optional.has(name) && !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name));
    assert.deepEqual(found.sort(), expected.sort());
  });
});
