import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ImageError } from '../../src/image/image.js';
import { QemuVmm } from '../../src/vmm/qemu/qemuvmm.js';
import type { Capture, Machine, MachineShape, RestoreMachine, Vmm } from '../../src/vmm/vmm.js';
import { DriverError } from '../../src/worker/sandbox/driver.js';
import { groupsNamed } from '../../src/worker/sandbox/process/cgroups.js';
import { descendants } from '../../src/worker/sandbox/process/processes.js';
import { MemoryImage } from './vmm/memoryimage.js';
import { Conversation, makeTestGuest, type TestGuest } from './vmm/testguest.js';

/** `reachable`: addresses of this machine that guests may reach. */
const monitors: Record<string, (stateDirectory: string, reachable?: readonly string[]) => Promise<Vmm>> = {
  qemu: (stateDirectory, reachable = []) => QemuVmm.open({ stateDirectory, reachable }),
};

const mib = 1024 * 1024;
const shape: MachineShape = {
  memoryMib: 128,
  processors: 1,
  network: true,
  drives: [
    { bytes: 1 * mib, readOnly: true },
    { bytes: 3 * mib, readOnly: false },
  ],
};
const listenMsMax = 300_000;

for (const [name, open] of Object.entries(monitors)) {
  describe(`virtual machines by ${name}`, { timeout: listenMsMax }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'hearth-vmmtest-'));
    const state = join(folder, 'state');
    let unavailable = '';
    let vmm: Vmm;
    let guest: TestGuest;
    /** The guest as it was when it had said `ready` and filled its memory. */
    let image: MemoryImage;
    let saved: Capture;
    let checksum: string;
    let drives = 0;
    let bootLine = '';

    /** Two drives' files of the right sizes. */
    function drivePaths(text = 'contents of drive'): string[] {
      drives += 1;
      const paths = shape.drives.map((_, index) => join(folder, `drive-${drives}-${index}`));
      paths.forEach((path, index) => {
        writeFileSync(path, `${text} ${index}`);
        truncateSync(path, shape.drives[index]!.bytes);
      });
      return paths;
    }

    async function restore(
      id: string,
      more: Partial<RestoreMachine> = {},
      monitor = vmm,
    ): Promise<[Machine, Conversation]> {
      const request = { id, shape, drivePaths: drivePaths(), memoryPath: image.path, state: saved.state };
      const machine = await monitor.restore({ ...request, ...more });
      return [machine, new Conversation(machine)];
    }

    /** How many processes and cgroups there are below us, and the monitor's files. */
    function things(): unknown {
      const groups = groupsNamed((each) => each.startsWith(`hearth-${process.pid}-`)).flatMap((group) =>
        readdirSync(group, { withFileTypes: true }).filter((entry) => entry.isDirectory()),
      );
      const files = readdirSync(state, { recursive: true }).sort();
      return { groups: groups.length, processes: descendants(process.pid).length, files };
    }

    /** The same, once it has stood still for a while: a monitor may keep something ready for its next machines. */
    async function settled(): Promise<unknown> {
      let last = things();
      for (let same = 0; same < 5; ) {
        await delay(50);
        const now = things();
        same = isDeepStrictEqual(now, last) ? same + 1 : 0;
        last = now;
      }
      return last;
    }

    /** What a monitor keeps ready for its next machines comes back by itself; the deadline ends a failing test. */
    async function onlyLeft(before: unknown, what = ''): Promise<void> {
      for (const until = Date.now() + 10_000; Date.now() < until; await delay(20)) {
        if (isDeepStrictEqual(things(), before)) return;
      }
      assert.deepEqual(things(), before, what);
    }

    before(async () => {
      try {
        vmm = await open(state);
        guest = await makeTestGuest(folder);
      } catch (error) {
        await vmm?.close();
        if (!(error instanceof DriverError) && !(error instanceof ImageError)) throw error;
        unavailable = error.message;
        return;
      }
      const zeros = MemoryImage.zeros(join(folder, 'zeros'), shape.memoryMib);
      const machine = await vmm.boot({ ...guest, id: 'first', shape, drivePaths: drivePaths(), commandLine: 'quiet' });
      const conversation = new Conversation(machine);
      // Written long before the guest listens.
      conversation.say('echo early');
      bootLine = `${await conversation.next()} ${await conversation.next()}`;
      checksum = await conversation.ask('fill 1 4096');
      await machine.pause();
      saved = await machine.capture();
      zeros.assertComplete(saved);
      image = zeros.child(join(folder, 'image'), saved);
      await machine.kill();
    });
    after(async () => {
      await vmm?.close();
      const left = unavailable ? [] : readdirSync(state);
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(left, []);
    });
    const point = (what: string, body: (say: (text: string) => void) => Promise<void>) =>
      it(what, async (context) => (unavailable ? context.skip(unavailable) : body((text) => context.diagnostic(text))));

    point('boots a kernel and carries bytes both ways, also those that came before it listened', async () => {
      assert.equal(bootLine, 'ready early');
      assert.match(vmm.identity, new RegExp(`^${name} .*${vmm.accelerator}`));
      assert.ok(vmm.protections().some((one) => one.inForce));
    });

    point('restores paused; a paused machine stands still, a resumed one goes on', async () => {
      const [machine, talk] = await restore('paused');
      talk.say('echo a');
      await delay(300);
      assert.equal(talk.unread, 0);
      const answer = talk.next();
      await machine.resume();
      assert.equal(await answer, 'a');
      await machine.pause();
      const one = await machine.capture();
      const before = one.read(0, 4096);
      talk.say('echo b');
      await delay(300);
      assert.equal(talk.unread, 0);
      assert.ok(before.equals((await machine.capture()).read(0, 4096)));
      await machine.resume();
      assert.equal(await talk.next(), 'b');
      await assert.rejects(machine.capture(), DriverError);
      await machine.kill();
    });

    point('captures exactly what changed, round after round, and goes on after it', async (say) => {
      let [parent, parentState, expected] = [image, saved.state, checksum];
      for (const round of [1, 2, 3]) {
        const [machine, talk] = await restore(`round${round}`, { memoryPath: parent.path, state: parentState });
        await machine.resume();
        assert.equal(await talk.ask('sum'), expected);
        expected = await talk.ask(`fill ${round + 10} ${round * 300}`);
        await machine.pause();
        const capture = await machine.capture();
        parent.assertComplete(capture);
        assert.ok(capture.pages.length >= round * 300);
        assert.ok(capture.pages.length < 8192, `${capture.pages.length} pages: most did not change`);
        assert.ok(capture.pages.every((page, index) => index === 0 || page > capture.pages[index - 1]!));
        say(`round ${round}: ${capture.pages.length} pages, ${capture.state.length} bytes of device state`);
        const child = parent.child(join(folder, `round${round}`), capture);
        await machine.resume();
        assert.equal(await talk.ask('sum'), expected);
        await machine.kill();
        [parent, parentState] = [child, capture.state];
      }
      const [last, talk] = await restore('lastround', { memoryPath: parent.path, state: parentState });
      await last.resume();
      assert.equal(await talk.ask('sum'), expected);
      await last.kill();
    });

    point('runs clones of one image beside each other, and never changes the image', async (say) => {
      const before = readFileSync(image.path);
      const clones = await Promise.all(['one', 'two', 'three'].map((id) => restore(id)));
      await Promise.all(clones.map(([machine]) => machine.resume()));
      assert.deepEqual(await Promise.all(clones.map(([, talk]) => talk.ask('sum'))), Array(3).fill(checksum));
      const sums = await Promise.all(clones.map(([, talk], index) => talk.ask(`fill ${index + 50} 2000`)));
      assert.equal(new Set(sums).size, 3);
      assert.deepEqual(await Promise.all(clones.map(([, talk]) => talk.ask('sum'))), sums);
      say(`private memory: ${clones.map(([machine]) => machine.privateKib()).join(', ')} KiB`);
      await Promise.all(clones.map(([machine]) => machine.kill()));
      assert.ok(before.equals(readFileSync(image.path)));
    });

    point('has drives of fixed sizes: reads what the host put there, also later, and writes', async () => {
      const paths = drivePaths('as restored');
      const [machine, talk] = await restore('drives', { drivePaths: paths });
      await machine.resume();
      assert.equal(await talk.ask('size 0'), String(1 * mib));
      assert.equal(await talk.ask('size 1'), String(3 * mib));
      assert.equal(await talk.ask('read 0 0'), 'as restored 0');
      writeFileSync(paths[0]!, 'put there later', { flag: 'r+' });
      assert.equal(await talk.ask('read 0 0'), 'put there later');
      assert.match(await talk.ask('write 0 0 forbidden'), /^errno/);
      assert.equal(await talk.ask('write 1 4096 written'), 'ok');
      assert.equal(readFileSync(paths[1]!).toString('latin1', 4096, 4103), 'written');
      await machine.kill();
    });

    point('uses no processor time while it is frozen', async () => {
      const [machine, talk] = await restore('frozen');
      await machine.resume();
      assert.equal(await talk.ask('burn'), 'ok');
      // What it used in a wait of ours, in ticks of 10 ms.
      const used = async () => {
        const total = () => descendants(process.pid).reduce((sum, pid) => sum + ticks(pid), 0);
        const first = total();
        await delay(400);
        return total() - first;
      };
      while ((await used()) === 0); // The test's deadline ends it.
      machine.freeze();
      machine.freeze();
      // On a busy machine the last thread stops when it gets its turn.
      while ((await used()) > 0);
      assert.equal(await used(), 0);
      machine.thaw();
      assert.equal(await talk.ask('echo again'), 'again');
      machine.freeze();
      await machine.kill();
    });

    point('reaches the address where the platform listens, and nothing else of the host', async (say) => {
      const outbound = vmm.protections().find((one) => one.name === 'outbound network');
      if (!outbound?.inForce) return say(`no outbound network here: ${outbound?.detail}`);
      const own = Object.values(networkInterfaces())
        .flatMap((list) => list ?? [])
        .find(({ family, internal }) => family === 'IPv4' && !internal);
      const server = createServer((socket) => socket.end('x'));
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
      const { port } = server.address() as { port: number };
      const connects = async (monitor: Vmm, addresses: readonly string[], expected: boolean) => {
        const [machine, talk] = await restore('network', {}, monitor);
        await machine.resume();
        for (const address of addresses) {
          assert.equal((await talk.ask(`connect ${address} ${port}`)) === 'ok', expected, address);
        }
        await machine.kill();
      };
      try {
        await connects(vmm, ['127.0.0.1', '10.0.3.2', '10.0.2.2', ...(own ? [own.address] : [])], false);
        if (!own) return say('this machine has no address but its loopback');
        const other = await open(join(folder, 'state2'), [own.address]);
        await connects(other, [own.address], true).finally(() => other.close());
      } finally {
        server.close();
      }
    });

    point('tells its end, and leaves nothing', async () => {
      const before = await settled();
      const [off, talk] = await restore('off');
      await off.resume();
      talk.say('off');
      assert.match((await off.exited).reason, /status 0/);
      assert.equal(off.privateKib(), null);
      await off.kill();
      await onlyLeft(before);
      const [killed] = await restore('killed');
      assert.ok(killed.privateKib()! > 0);
      killed.limit(128);
      await Promise.all([killed.kill(), killed.kill()]);
      assert.deepEqual(await killed.exited, { reason: 'killed' });
      await onlyLeft(before);
      await assert.rejects(killed.resume(), DriverError);
      await assert.rejects(killed.capture(), DriverError);
      killed.freeze();
      killed.thaw();
      killed.limit(128);
    });

    point('ends, and does not hang, when its memory image fails', async (say) => {
      const memoryPath = join(folder, 'failing');
      copyFileSync(image.path, memoryPath);
      chmodSync(memoryPath, 0o666);
      const [machine] = await restore('failing', { memoryPath });
      // Pages that cannot be had any more: as if the file system had lost its server.
      truncateSync(memoryPath, 0);
      machine.resume().catch(() => {});
      const { reason } = await machine.exited;
      say(reason);
      assert.notEqual(reason, 'killed');
      await machine.kill();
    });

    point('prepares restores, where that saves time', async (say) => {
      if (!vmm.prepare) return say('this monitor needs no preparation');
      const before = await settled();
      const request = { id: 'prepared', shape, drivePaths: drivePaths(), memoryPath: image.path };
      const prepared = await vmm.prepare(request);
      await assert.rejects(vmm.prepare(request), DriverError);
      const machine = await prepared.restore(saved.state);
      await prepared.dispose();
      const talk = new Conversation(machine);
      await machine.resume();
      assert.equal(await talk.ask('sum'), checksum);
      await machine.kill();
      const unused = await vmm.prepare(request);
      await unused.dispose();
      assert.deepEqual(await unused.ended, { reason: 'killed' });
      const spoilt = await vmm.prepare(request);
      await assert.rejects(spoilt.restore(Buffer.alloc(1000, 7)), DriverError);
      await onlyLeft(before);
    });

    point('refuses what cannot work with a DriverError, and leaves nothing', async () => {
      const before = await settled();
      const [good] = await restore('good');
      const during = await settled();
      const bad: Record<string, Partial<RestoreMachine>> = {
        'an id that is in use': { id: 'good' },
        'an id that names a path': { id: '../x' },
        'too little memory': { shape: { ...shape, memoryMib: 64 } },
        'too much memory': { shape: { ...shape, memoryMib: 16_385 } },
        'no processor': { shape: { ...shape, processors: 0 } },
        'too many processors': { shape: { ...shape, processors: 17 } },
        'too many drives': { shape: { ...shape, drives: Array(17).fill(shape.drives[0]) } },
        'a drive without a file': { drivePaths: [] },
        'a drive whose file is missing': { drivePaths: [join(folder, 'missing'), drivePaths()[1]!] },
        'a drive whose file is too short': { drivePaths: [drivePaths()[0]!, drivePaths()[0]!] },
        'a memory image that is missing': { memoryPath: join(folder, 'missing') },
        'a memory image of another size': { memoryPath: drivePaths()[1]! },
        'another shape': { shape: { ...shape, network: false } },
        'no device state': { state: Buffer.alloc(0) },
        'half a device state': { state: saved.state.subarray(0, saved.state.length >> 1) },
        'a device state of something else': { state: Buffer.alloc(10_000, 7) },
      };
      for (const [what, more] of Object.entries(bad)) {
        await assert.rejects(restore('bad', more), DriverError, what);
        await onlyLeft(during, what);
      }
      const boot = { ...guest, id: 'badboot', shape, drivePaths: drivePaths(), commandLine: '' };
      await assert.rejects(vmm.boot({ ...boot, kernelPath: join(folder, 'missing') }), DriverError);
      await assert.rejects(vmm.boot({ ...boot, kernelPath: drivePaths()[0]! }), DriverError);
      await onlyLeft(during);
      await good.kill();
      await onlyLeft(before);
    });
  });
}

/** Processor time a process has used, in the kernel's ticks. */
function ticks(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
