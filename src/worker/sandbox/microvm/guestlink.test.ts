import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type BoxSocket, DriverError } from '../driver.js';
import { GuestLink } from './guestlink.js';
import { TestAgent } from './testagent.js';

/** The agent of virtual machines itself, running beside this process. */

const agents: TestAgent[] = [];
after(() => Promise.all(agents.map((agent) => agent.stop())));

async function started(): Promise<{ agent: TestAgent; link: GuestLink }> {
  const agent = await TestAgent.start();
  agents.push(agent);
  return { agent, link: await agent.link() };
}

const node = (program: string) => [process.execPath, '-e', program];

/** Everything a stream says until its end. */
function all(stream: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1');
    });
    stream.on('end', () => resolve(text));
  });
}

/** Waits until what was said contains `text`. */
function heard(stream: NodeJS.ReadableStream, text: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const listen = (bytes: Buffer) => {
      said += bytes.toString('latin1');
      if (!said.includes(text)) return;
      stream.off('data', listen);
      resolve(said);
    };
    stream.on('data', listen);
  });
}

const options = { timeout: 60_000 };

test('a program: channel both ways, output, environment, status', options, async () => {
  const { link } = await started();
  const program = `
    const channel = new (require('node:net').Socket)({ fd: 3 });
    process.stdout.write('out ' + JSON.stringify(process.env));
    process.stderr.write('err');
    channel.write('HELLO');
    channel.on('data', (bytes) => { channel.write(bytes.toString().toUpperCase(), () => process.exit(7)); });`;
  const output = all(link.stdout);
  const errors = all(link.stderr);
  link.start(node(program), { NAME: 'value', EMPTY: '' }, { keepsChannel: true });
  await heard(link.channel, 'HELLO');
  const answer = heard(link.channel, 'ABC');
  link.channel.write('abc');
  assert.equal(await answer, 'ABC');
  assert.deepEqual(await link.exited, { code: 7, signal: null, outOfMemory: false });
  assert.equal(await output, 'out {"NAME":"value","EMPTY":""}');
  assert.equal(await errors, 'err');
});

test('a program without channel; what it printed comes before its end', options, async () => {
  const { link } = await started();
  const ended = new Promise((resolve) => link.channel.once('end', resolve));
  link.channel.resume();
  let bytes = 0;
  link.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  link.start(['/bin/sh', '-c', 'head -c 3000000 /dev/zero; kill -KILL $$'], {}, { keepsChannel: false });
  await ended;
  assert.deepEqual(await link.exited, { code: null, signal: 'SIGKILL', outOfMemory: false });
  assert.equal(bytes, 3_000_000);
});

test('a command that is not there', options, async () => {
  const { link } = await started();
  const errors = all(link.stderr);
  link.start(['/no/such/program'], {}, { keepsChannel: true });
  assert.deepEqual(await link.exited, { code: 127, signal: null, outOfMemory: false });
  assert.match(await errors, /No such file/);
});

test('signals reach a program', options, async () => {
  const { link } = await started();
  link.start(
    node(`process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('up')`),
    {},
    {
      keepsChannel: false,
    },
  );
  await heard(link.stdout, 'up');
  link.signal(0, 'SIGTERM');
  assert.equal((await link.exited).code, 3);
});

test('megabytes over the channel arrive as they were, while output that nobody reads waits', options, async () => {
  const { link } = await started();
  const program = `
    process.stdout.write(Buffer.alloc(4 << 20, 'x'));
    const channel = new (require('node:net').Socket)({ fd: 3 });
    channel.pipe(channel);`;
  link.stdout.pause();
  link.start(node(program), {}, { keepsChannel: true });
  const sent = randomBytes(12 << 20);
  const hash = createHash('sha256');
  let bytes = 0;
  const whole = new Promise<void>((resolve) => {
    link.channel.on('data', (piece: Buffer) => {
      hash.update(piece);
      bytes += piece.length;
      if (bytes === sent.length) resolve();
    });
  });
  link.channel.write(sent);
  await whole;
  assert.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
  // At most a window is on its way.
  assert.ok(link.stdout.readableLength <= 256 * 1024, String(link.stdout.readableLength));
  let printed = 0;
  const flood = new Promise<void>((resolve) => {
    link.stdout.on('data', (piece: Buffer) => {
      printed += piece.length;
      if (printed === 4 << 20) resolve();
    });
  });
  link.stdout.resume();
  await flood;
});

test('connections to the Runtime API, and from outside', options, async () => {
  const { agent, link } = await started();
  link.runtimeApi.on('connection', (socket) => socket.pipe(socket));
  const inside = connect(agent.apiPort, '127.0.0.1');
  inside.write('ping');
  assert.equal(await heard(inside, 'ping'), 'ping');
  inside.end();
  await new Promise((resolve) => inside.once('close', resolve));

  const server = createServer((socket) => socket.end('hello from inside'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = await link.connect(port);
  assert.equal(await all(socket), 'hello from inside');
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(link.connect(port), DriverError);
});

test('more connections than there may be wait, and come when others go', options, async () => {
  const { agent, link } = await started();
  const open: BoxSocket[] = [];
  const inside = Array.from({ length: 70 }, () => connect(agent.apiPort, '127.0.0.1').on('error', () => {}));
  const enough = new Promise<void>((resolve) => {
    link.runtimeApi.on('connection', (socket) => {
      open.push(socket);
      socket.resume();
      if (open.length === 70) resolve();
      // Some go, whenever: those that wait in the kernel follow.
      if (open.length === 64)
        setTimeout(() => {
          for (const each of open.slice(0, 10)) each.destroy();
        }, 50);
    });
  });
  await enough;
  for (const socket of inside) socket.destroy();
});

test('extensions run beside the runtime, and the runtime’s end is theirs to tell', options, async () => {
  const { link } = await started();
  const crew = link.crew();
  const exits: [number, number | null, string | null][] = [];
  const three = new Promise<void>((resolve) => {
    crew.onExit = (program, { code, signal }) => {
      exits.push([program, code, signal]);
      if (exits.length === 3) resolve();
    };
  });
  const printed = heard(crew.output, 'two');
  crew.start(['/bin/sh', '-c', 'echo one; exec sleep 1000'], {});
  crew.start(['/bin/sh', '-c', 'sleep 0.2; echo two; exit 5'], {});
  link.start(['/bin/sh', '-c', 'exit 0'], {}, { keepsChannel: false });
  assert.match(await printed, /one/);
  crew.signal(1, 'SIGKILL');
  await three;
  assert.deepEqual(
    exits.sort(([one], [other]) => one - other),
    [
      [0, 0, null],
      [1, null, 'SIGKILL'],
      [2, 5, null],
    ],
  );
});

test('what a quiet guest said last is heard again by whoever takes the link over', options, async () => {
  const { agent, link } = await started();
  const early = new Promise<BoxSocket>((resolve) => link.runtimeApi.on('connection', resolve));
  const program = `
    const net = require('node:net');
    const channel = new net.Socket({ fd: 3 });
    channel.on('data', (bytes) => channel.write('echo ' + bytes));
    channel.write('HELLO');
    const api = net.connect(+process.env.PORT, '127.0.0.1');
    api.write('first');
    api.on('data', (bytes) => api.write(bytes.toString() === 'one' ? 'waiting' : 'then ' + bytes));`;
  link.start(node(program), { PORT: String(agent.apiPort) }, { keepsChannel: true });
  await heard(link.channel, 'HELLO');
  const socket = await early;
  await heard(socket, 'first');
  const answer = heard(socket, 'waiting');
  socket.write('one');
  await answer;
  await link.quiesce();
  const state = JSON.parse(JSON.stringify(link.suspend()));
  // The first worker is forgotten; the bytes go to another from here on.
  agent.port.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
  const other = new GuestLink(agent.port, state);
  await other.resume({ entropy: randomBytes(64), clockMs: Date.now(), hostName: 'restored' });
  assert.equal(await heard(other.channel, 'HELLO'), 'HELLO');
  const again = await new Promise<BoxSocket>((resolve) => other.runtimeApi.on('connection', resolve));
  assert.equal(await heard(again, 'waiting'), 'waiting');
  const then = heard(again, 'then two');
  again.write('two');
  await then;
  const echo = heard(other.channel, 'echo x');
  other.channel.write('x');
  await echo;
});

test('a sandbox that goes on after a snapshot goes on where it was', options, async () => {
  const { link } = await started();
  const program = `const c = new (require('node:net').Socket)({ fd: 3 }); c.pipe(c);`;
  link.start(node(program), {}, { keepsChannel: true });
  const first = heard(link.channel, 'one');
  link.channel.write('one');
  await first;
  await link.quiesce();
  assert.equal(link.suspend().version, 1);
  const second = heard(link.channel, 'two');
  link.channel.write('two');
  // Written while the guest was told to be quiet: kept, and no snapshot any more.
  assert.throws(() => link.suspend(), DriverError);
  await link.resume();
  await second;
});

test('nothing but what can be heard again is saved', options, async () => {
  const { link } = await started();
  link.channel.resume();
  const said = new Promise<void>((resolve) => {
    let bytes = 0;
    link.channel.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes === 70_000) resolve();
    });
  });
  link.start(['/bin/sh', '-c', 'head -c 70000 /dev/zero >&3; exec sleep 1000'], {}, { keepsChannel: true });
  await said;
  await link.quiesce();
  assert.throws(() => link.suspend(), DriverError);
  await link.resume();
});

test('the agent’s end ends everything', options, async () => {
  const { agent, link } = await started();
  link.start(['/bin/sh', '-c', 'exec sleep 1000'], {}, { keepsChannel: true });
  const closed = new Promise((resolve) => link.channel.once('close', resolve));
  const output = all(link.stdout);
  agent.child.kill('SIGKILL');
  assert.equal((await link.exited).signal, 'SIGKILL');
  await closed;
  await output;
  await assert.rejects(link.quiesce(), DriverError);
  await assert.rejects(link.connect(1), DriverError);
});

test('the guest says why it cannot attach', options, async () => {
  const { link } = await started();
  await assert.rejects(link.attach({ code: true }), /Function not implemented/);
});

test('many conversations at once, each as it was said', { timeout: 120_000 }, async () => {
  const { agent, link } = await started();
  link.runtimeApi.on('connection', (socket) => socket.pipe(socket));
  const conversation = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 8 }), async (conversations) => {
      await Promise.all(
        conversations.map(async (sizes) => {
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const sent = randomBytes(total);
          const socket = connect(agent.apiPort, '127.0.0.1');
          const pieces: Buffer[] = [];
          let bytes = 0;
          const back = new Promise<void>((resolve, reject) => {
            socket.on('data', (piece: Buffer) => {
              pieces.push(piece);
              bytes += piece.length;
              if (bytes === total) resolve();
            });
            socket.on('error', reject);
          });
          let at = 0;
          for (const size of sizes) {
            socket.write(sent.subarray(at, at + size));
            at += size;
            await new Promise((resolve) => setImmediate(resolve));
          }
          await back;
          socket.end();
          assert.ok(Buffer.concat(pieces).equals(sent));
        }),
      );
    }),
    { numRuns: 15 },
  );
});
