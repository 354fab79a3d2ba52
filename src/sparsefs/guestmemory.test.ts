import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Conversation, makeTestGuest, type TestGuest } from '../../test/contract/vmm/testguest.js';
import { EmbeddedBlob } from '../adapters/embedded/blob.js';
import type { SparseFsComposition } from '../bin/sparsefsserver.js';
import { type Manifest, pageBytes } from '../chunks/layout.js';
import { Origin } from '../chunks/origin.js';
import { Packer } from '../chunks/packer.js';
import { mib } from '../kernel/units.js';
import { QemuVmm } from '../vmm/qemu/qemuvmm.js';
import type { Capture, Machine, MachineShape } from '../vmm/vmm.js';
import { insideMountNamespace } from '../worker/sandbox/namespace.js';
import { reexecInMountNamespace } from '../worker/sandbox/reexec.js';
import { SparseFsClient } from './client.js';

reexecInMountNamespace();

const shape: MachineShape = { memoryMib: 128, processors: 1, network: false, drives: [] };
const program = fileURLToPath(new URL('../bin/sparsefsserver.js', import.meta.url));
const suite = { timeout: 300_000 };

describe('memory of virtual machines in the sparse file system', suite, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-guestmemory-'));
  let unavailable = '';
  let vmm: QemuVmm;
  let fs: SparseFsClient;
  let manifest: Manifest;
  let saved: Capture;
  let checksum: string;
  /** Pages that the first restore touched. */
  let touched: Uint32Array;

  before(async () => {
    let guest: TestGuest;
    try {
      if (!insideMountNamespace()) throw new Error('no mount namespace can be had here');
      const composition: SparseFsComposition = {
        memoryBytesMax: 64 * mib,
        disk: null,
        l2: null,
        origin: { folder: join(folder, 'origin') },
      };
      fs = await SparseFsClient.open({ directory: join(folder, 'fs'), program, composition, onLine: () => {} });
      vmm = await QemuVmm.open({ stateDirectory: join(folder, 'state') });
      guest = await makeTestGuest(folder);
    } catch (error) {
      unavailable = (error as Error).message;
      return;
    }
    const machine = await vmm.boot({ ...guest, id: 'first', shape, drivePaths: [], commandLine: 'quiet' });
    const talk = new Conversation(machine);
    assert.equal(await talk.next(), 'ready');
    checksum = await talk.ask('fill 1 4096');
    await machine.pause();
    saved = await machine.capture();
    manifest = await pack(saved);
    await machine.kill();
  });
  after(async () => {
    await vmm?.close();
    await fs?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function pack(source: Capture): Promise<Manifest> {
    const packer = new Packer(new Origin(new EmbeddedBlob(join(folder, 'origin'))), null);
    const bytes = shape.memoryMib * mib;
    const { manifest: packed } = await packer.pack({ source, bytes, parent: null, salt: randomBytes(32) });
    await packer.close();
    return packed;
  }

  const expose = (name: string) => fs.expose(name, manifest.bytes, manifest);
  const restore = (id: string, memoryPath: string): Promise<Machine> =>
    vmm.restore({ id, shape, drivePaths: [], memoryPath, state: saved.state });

  async function answers(machine: Machine): Promise<void> {
    const talk = new Conversation(machine);
    await machine.resume();
    assert.equal(await talk.ask('sum'), checksum);
  }

  const point = (what: string, body: (say: (text: string) => void) => Promise<void>) =>
    it(what, suite, async (context) =>
      unavailable ? context.skip(unavailable) : body((text) => context.diagnostic(text)),
    );

  point('a restored machine reads single pages, each once, and all of them are written down', async (say) => {
    const path = await expose('recorded');
    await fs.record('recorded');
    const machine = await restore('recorded', path);
    await answers(machine);
    await machine.pause();
    touched = await fs.recorded('recorded');
    const { reads } = await fs.metrics();
    await machine.kill();
    say(`${touched.length} of ${manifest.bytes / pageBytes} pages`);
    assert.ok(touched.length > 4096 && touched.length < manifest.bytes / pageBytes / 2);
    // Single pages; some twice, if the kernel dropped them meanwhile.
    assert.equal(reads.bytes, reads.hits * pageBytes);
    assert.ok(reads.hits >= touched.length && reads.hits < touched.length * 1.1, `${reads.hits} reads`);
    assert.equal(reads.misses, 0);
  });

  point('one whose pages were pushed reads next to nothing; the next shares them', async (say) => {
    const path = await expose('prefetched');
    // Held open, so that the kernel knows the file before there is a machine.
    const held = await open(path);
    try {
      const { prefetchedPages } = await fs.metrics();
      fs.prefetch('prefetched', touched);
      while ((await fs.metrics()).prefetchedPages < prefetchedPages + touched.length) await delay(10);
      const before = await fs.metrics();
      const first = await restore('prefetched', path);
      await answers(first);
      const second = await restore('shared', path);
      await answers(second);
      const reads = (await fs.metrics()).reads.hits - before.reads.hits;
      say(`${reads} reads of two machines, ${touched.length} pages pushed`);
      assert.ok(reads < touched.length / 4, `${reads} reads`);
      await Promise.all([first.kill(), second.kill()]);
    } finally {
      await held.close();
    }
  });

  point('a machine whose memory has lost its server ends; nothing hangs', async () => {
    const machine = await restore('orphan', await expose('orphan'));
    process.kill(fs.pid!, 'SIGKILL');
    await fs.ended;
    const talk = new Conversation(machine);
    const never = assert.rejects(talk.ask('sum'));
    // It may die of the first page it touches, before it has answered the monitor.
    await machine.resume().catch(() => {});
    assert.match((await machine.exited).reason, /./);
    await never;
  });
});
