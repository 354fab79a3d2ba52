import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type MicroVmParts, openMicroVm } from '../../src/bin/microvm.js';
import type { RuntimeName } from '../../src/wire/functionspec.js';
import { makeInvocation, makeSpec, World } from '../../src/worker/fake/world.js';
import { MachineRuntimes } from '../../src/worker/runtimes/catalog.js';
import { reexecInMountNamespace } from '../../src/worker/sandbox/reexec.js';
import { type Draws, nodeDraws, pythonDraws, repeated } from './draws.js';
import { microVmProblem } from './microvms.js';
import { keepSnapshots, seedSnapshots } from './snapshotseed.js';

// No two clones of one snapshot draw the same value, from any generator; and each does where nothing is renewed, so
// that the test can fail. HEARTH_CLONES=100 for the number that the requirement names: `npm run test:clones`.
/** Of each runtime. A restore costs a third of a second of a processor without hardware virtualization. */
const clones = Number(process.env.HEARTH_CLONES ?? 4);
/** Few show that every generator repeats. */
const clonesUnrenewed = 2;
/** Tries: a kernel renews itself every 5 seconds or more, and that moment may come between a snapshot and the draws. */
const snapshotsUnrenewed = 5;
/** Restored at a time: the machine has few processors. */
const atOnce = 2;
const deadlineMs = 120_000 + clones * 10_000;
reexecInMountNamespace(4 * deadlineMs);

const folder = mkdtempSync(join(tmpdir(), 'hearth-clones-'));
const code = join(folder, 'code');
mkdirSync(code);
writeFileSync(join(code, 'index.js'), nodeDraws);
writeFileSync(join(code, 'app.py'), pythonDraws);
after(() => rmSync(folder, { recursive: true, force: true }));

/** They have the time in them, too: what they repeat without new seeds is the rest. */
const timed: readonly string[] = ['uuid.uuid1'];

const functions: readonly { readonly runtime: RuntimeName; readonly handler: string }[] = [
  { runtime: `nodejs${process.versions.node.split('.')[0]}.x` as RuntimeName, handler: 'index.handler' },
  { runtime: 'python3.11', handler: 'app.handler' },
];

async function open(renewed: boolean): Promise<MicroVmParts> {
  const data = join(folder, renewed ? 'renewed' : 'unrenewed');
  seedSnapshots(data);
  const runFolder = join(data, 'run');
  mkdirSync(runFolder, { recursive: true });
  const progress = () => {};
  return await openMicroVm({ snapshotFolder: join(data, 'snapshots'), runFolder, progress, renews: renewed });
}

/** What clones of one snapshot of the function drew. */
async function drawn(world: World, index: number, count: number): Promise<Draws[]> {
  const { runtime, handler } = functions[index]!;
  const functionName = `draws-${index}`;
  const spec = makeSpec({ functionName, runtime, handler, version: '1', snapshot: functionName, timeoutMs: 60_000 });
  assert.deepEqual(await world.worker.capture(spec), { kind: 'captured' });
  const found: Draws[] = [];
  const one = async () => {
    const id = await world.start(spec);
    const outcome = await world.invoke(id, makeInvocation(spec));
    assert.equal(
      outcome.kind,
      'success',
      JSON.stringify(outcome.kind === 'refused' ? outcome.failure : world.logs.lines),
    );
    if (outcome.kind === 'success') found.push(JSON.parse(outcome.payload.toString()) as Draws);
    await world.stop(id);
  };
  for (let left = count; left > 0; left -= atOnce) {
    await Promise.all(Array.from({ length: Math.min(left, atOnce) }, one));
  }
  assert.ok(
    world.logs.lines.some((line) => line.startsWith('RESTORE_REPORT')),
    'they were restored',
  );
  assert.ok(!world.logs.lines.some((line) => line.includes('Init Duration') && line.startsWith('REPORT')));
  return found;
}

const problem = microVmProblem();
const skip = problem !== null && `no virtual machines here: ${problem}`;

for (const renewed of [true, false]) {
  describe(renewed ? `${clones} clones of one snapshot` : 'clones that are not renewed', { skip }, () => {
    let parts: MicroVmParts;
    let world: World;

    before(async () => {
      parts = await open(renewed);
      const runtimes = new MachineRuntimes({ dataDirectory: folder, cloned: true });
      const limits = { memoryMib: 8192, sandboxesMax: 8, sparesPerRuntime: 0 };
      world = new World(parts.driver, { runtimes, reseeding: renewed, ...limits }, code);
    });
    after(async () => {
      await world.worker.close();
      await parts.driver.close();
      await parts.close();
      // The second platform finds the layers of the first.
      if (renewed) keepSnapshots(join(folder, 'renewed'));
    });

    for (const [index, { runtime }] of functions.entries()) {
      if (renewed) {
        it(`${runtime}: the first restore tells what each cache tier served to it`, {
          timeout: deadlineMs,
        }, async () => {
          const functionName = `told-${index}`;
          const { handler } = functions[index]!;
          const over = { functionName, runtime, handler, version: '1', snapshot: functionName, timeoutMs: 60_000 };
          const spec = makeSpec(over);
          assert.deepEqual(await world.worker.capture(spec), { kind: 'captured' });
          const id = await world.start(spec);
          const outcome = await world.invoke(id, makeInvocation(spec));
          assert.ok(outcome.kind === 'success' && outcome.run !== undefined);
          const { life, restoreMs } = outcome.run;
          assert.equal(life.box, 'restore');
          assert.ok(restoreMs! > 0);
          assert.ok(life.tierBytes !== null);
          assert.deepEqual(Object.keys(life.tierBytes), ['memory', 'disk', 'origin']);
          assert.ok(Object.values(life.tierBytes).reduce((sum, bytes) => sum + bytes, 0) > 0);
          await world.stop(id);
        });
        it(`${runtime}: no value comes twice`, { timeout: deadlineMs }, async () => {
          const found = await drawn(world, index, clones);
          assert.ok(Object.keys(found[0]!).length >= 7);
          assert.deepEqual(repeated(found), []);
        });
        continue;
      }
      it(`${runtime}: every generator repeats itself`, { timeout: deadlineMs }, async () => {
        const repeating = new Set<string>();
        let generators: string[] = [];
        for (let snapshot = 1; snapshot <= snapshotsUnrenewed; snapshot += 1) {
          const found = await drawn(world, index, clonesUnrenewed);
          generators = Object.keys(found[0]!).filter((name) => !timed.includes(name));
          for (const name of repeated(found)) repeating.add(name);
          if (generators.every((name) => repeating.has(name))) return;
        }
        assert.deepEqual([...repeating].sort(), generators.sort());
      });
    }
  });
}
