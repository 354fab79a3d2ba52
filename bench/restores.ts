// Restores of real virtual machines, one group of rows a run; started by scenarios/snapshot.ts inside a mount namespace.
// Argument: the group. Prints a line of JSON a row.
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { EmbeddedBlob } from '../src/adapters/embedded/blob.js';
import { Origin } from '../src/chunks/origin.js';
import { mib } from '../src/kernel/units.js';
import { makeInvocation } from '../src/worker/fake/world.js';
import { ProcessDriver } from '../src/worker/sandbox/process/processdriver.js';
import { FaultsOnly, PlainMemory } from './plainmemory.js';
import type { Figure } from './scenario.js';
import { SlowBlob } from './slowblob.js';
import { functions, Ground, nodeFunction, Stage } from './stage.js';
import { quantile } from './statistics.js';

/** A row with what each round gave. */
export interface Row extends Omit<Figure, 'value' | 'range'> {
  readonly values: readonly number[];
}

const setting = (name: string, usual: number) => Number(process.env[`HEARTH_BENCH_${name}`] ?? usual);
const rounds = setting('ROUNDS', 7);
/** The first restores of a snapshot are recorded; those after them are what a function usually sees. */
const recordedRestores = 3;

function row(name: string, unit: string, values: readonly number[], limit?: Figure['limit']): void {
  process.stdout.write(`${JSON.stringify({ name, unit, values, ...(limit && { limit }) } satisfies Row)}\n`);
}

const ratios = (above: readonly number[], below: readonly number[]) => above.map((value, at) => value / below[at]!);

/** Longer than a worker rests before it prepares monitors for what was started last: both begin with one. */
const restMs = 3_000;

/** Restores against plain files, other sizes, cold starts and the `process` driver, one after the other in rounds. */
async function latency(ground: Ground): Promise<void> {
  const stage = await Stage.open(ground);
  const small = nodeFunction('echo', { snapshot: 'small', memoryMib: 128 });
  const large = nodeFunction('echo', { snapshot: 'large', memoryMib: 2048 });
  const half = nodeFunction('half', { snapshot: 'half', memoryMib: 128 });
  const whole = nodeFunction('whole', { snapshot: 'whole', memoryMib: 128 });
  const recorded: number[] = [];
  for (const spec of [small, large, half, whole]) {
    await stage.capture(spec);
    for (let time = 0; time < recordedRestores; time += 1) {
      const tookMs = await stage.coldMs(spec);
      if (time > 0) recorded.push(tookMs);
    }
    await stage.coldMs(spec);
  }
  const plainFolder = join(ground.folder, 'plain');
  mkdirSync(plainFolder);
  const plain = await Stage.open(ground, { through: (fs) => new PlainMemory(fs, plainFolder) });
  const processes = Stage.over(await ProcessDriver.open({ stateDirectory: join(ground.folder, 'process') }), ground);
  await plain.coldMs(small);
  await plain.coldMs({ ...whole, snapshot: null });
  await processes.coldMs({ ...half, snapshot: null });
  const ms: Record<'small' | 'large' | 'plain' | 'half' | 'halfProcess' | 'whole' | 'wholeInit', number[]> = {
    ...{ small: [], large: [], plain: [], half: [], halfProcess: [], whole: [], wholeInit: [] },
  };
  for (let round = 0; round < rounds; round += 1) {
    // In turns, and not while a worker clears away what was before or prepares what may come.
    const pair = [
      async () => ms.small.push(await stage.coldMs(small)),
      async () => ms.plain.push(await plain.coldMs(small)),
    ];
    for (const one of round % 2 === 0 ? pair : pair.reverse()) {
      await new Promise((resolve) => setTimeout(resolve, restMs));
      await one();
    }
    ms.large.push(await stage.coldMs(large));
    ms.half.push(await stage.coldMs(half));
    ms.halfProcess.push(await processes.coldMs({ ...half, snapshot: null }));
    ms.whole.push(await stage.coldMs(whole));
    ms.wholeInit.push(await stage.coldMs({ ...whole, snapshot: null }));
  }
  row('restore to first reply, all in L1', 'ms', ms.small);
  row('÷ the same from a plain local memory file', '×', ratios(ms.small, ms.plain), { kind: 'at-most', value: 1.5 });
  const plainMs = quantile(ms.plain, 0.5);
  row(
    'pages in L1 but not in the page cache, nothing fetched ahead ÷ plain',
    '×',
    recorded.map((value) => value / plainMs),
  );
  row('2,048 MiB ÷ 128 MiB', '×', ratios(ms.large, ms.small), { kind: 'at-most', value: 1.3 });
  row('SnapStart ÷ on-demand cold start, init of 1 s', '×', ratios(ms.whole, ms.wholeInit), {
    kind: 'at-most',
    value: 0.2,
  });
  row('SnapStart ÷ cold start of the process driver, init of 0.5 s', '×', ratios(ms.half, ms.halfProcess), {
    kind: 'at-most',
    value: 1,
  });
  await Promise.all([stage.close(), plain.close(), processes.close()]);
}

/** New functions, each from a machine that waits with the runtime in it. */
async function pool(ground: Ground): Promise<void> {
  const stage = await Stage.open(ground, { spares: 2 });
  const spec = nodeFunction('echo', { memoryMib: 128 });
  await stage.coldMs(spec);
  const values: number[] = [];
  for (let round = 0; round < rounds + recordedRestores; round += 1) {
    stage.world.worker.prewarm(spec.runtime, spec.account);
    await stage.world.worker.spared();
    const tookMs = await stage.coldMs(spec);
    if (round >= recordedRestores) values.push(tookMs);
  }
  row('first reply of a new function, from a pool of machines restored to its runtime', 'ms', values);
  const saved = nodeFunction('echo', { snapshot: 'pool', memoryMib: 128 });
  await stage.capture(saved);
  const clones: number[] = [];
  for (let round = 0; round < rounds + recordedRestores; round += 1) {
    const tookMs = await stage.coldMs(saved);
    await stage.world.worker.spared();
    if (round > recordedRestores) clones.push(tookMs);
  }
  row('first reply of a function with a snapshot, from a pool of restored machines', 'ms', clones, {
    kind: 'at-most',
    value: 40,
  });
  await stage.close();
}

/** What a burst does to the worker's other work. */
async function burst(ground: Ground): Promise<void> {
  const stage = await Stage.open(ground);
  const spec = nodeFunction('echo', { snapshot: 'burst', memoryMib: 128 });
  await stage.capture(spec);
  for (let time = 0; time <= recordedRestores; time += 1) await stage.coldMs(spec);
  const resolutionMs = 1;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const startedMs = performance.now();
  const ends = await Promise.allSettled(Array.from({ length: 20 }, () => stage.coldMs(spec)));
  row('burst of 20 restores, to the last reply', 'ms', [performance.now() - startedMs]);
  delay.disable();
  const delayMs = delay.percentile(99) / 1e6 - resolutionMs;
  row('event loop of the worker meanwhile, delay p99', 'ms', [delayMs], { kind: 'at-most', value: 20 });
  // A restore has ten seconds, as on Lambda: a machine that is too busy for that refuses.
  row('of them refused', '', [ends.filter(({ status }) => status === 'rejected').length], {
    kind: 'at-most',
    value: 0,
  });
  await stage.close();
}

function monitors(): number[] {
  const ours = new Set([process.pid]);
  const found: number[] = [];
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      parents.set(Number(name), Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]));
    } catch {
      // It ended while we looked.
    }
  }
  for (const pid of parents.keys()) {
    for (let at: number | undefined = pid; at; at = parents.get(at)) {
      if (ours.has(at) && /qemu-system/.test(readFileSync(`/proc/${pid}/comm`, 'utf8'))) found.push(pid);
    }
  }
  return found;
}

function privateMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return (kib('Private_Clean') + kib('Private_Dirty') + kib('Private_Hugetlb') + kib('Swap')) / 1024;
}

/** Many machines of one function that wait for work. */
async function density(ground: Ground): Promise<void> {
  const count = setting('IDLE', 50);
  const stage = await Stage.open(ground);
  const spec = nodeFunction('echo', { snapshot: 'idle', memoryMib: 128 });
  await stage.capture(spec);
  for (let time = 0; time <= recordedRestores; time += 1) await stage.coldMs(spec);
  for (let made = 0; made < count; made += 1) {
    const id = await stage.world.start(spec);
    const { kind } = await stage.world.invoke(id, makeInvocation(spec));
    if (kind !== 'success') throw new Error(`invocation: ${kind}`);
  }
  const values = monitors().map(privateMib);
  if (values.length !== count) throw new Error(`${values.length} monitors of ${count} machines`);
  row('idle machines', '', [values.length]);
  row('private memory of an idle Node machine', 'MiB', values, { kind: 'at-most', value: 40 });
  await stage.close();
}

function objects(ground: Ground): Map<string, number> {
  const folder = join(ground.origin, 'objects');
  return new Map(readdirSync(folder).map((name) => [name, statSync(join(folder, name)).size]));
}

const chunksIn = (all: ReadonlyMap<string, number>) =>
  [...all.keys()].filter((name) => name.startsWith('chunks')).length;
const bytesIn = (all: ReadonlyMap<string, number>) => [...all.values()].reduce((sum, bytes) => sum + bytes, 0);

/** What many functions on one runtime take on disk, and what the same code takes a second time. */
async function stored(ground: Ground): Promise<void> {
  const count = setting('FUNCTIONS', 100);
  const stage = await Stage.open(ground);
  const one = (at: number) =>
    nodeFunction('full', {
      ...{ snapshot: `stored-${at}`, functionName: `stored-${at}`, memoryMib: 128 },
      environment: { FILL_MIB: '1', SEED: String(at + 1) },
    });
  // The layers and the code's image are there from then on.
  await stage.capture(one(count));
  const layers = (await stage.store!.all()).filter(
    ({ layer, memoryMib }) => layer !== 'function' && memoryMib === 1152,
  );
  const baseBytes = layers.reduce((sum, { sizes }) => sum + sizes.storedBytes, 0);
  const before = objects(ground);
  let next = 0;
  const work = async () => {
    for (let at = next++; at < count; at = next++) await stage.capture(one(at));
  };
  await Promise.all([work(), work()]);
  const after = objects(ground);
  const own = (await stage.store!.all()).filter(({ id }) => /^stored-\d+$/.test(id) && id !== `stored-${count}`);
  if (own.length !== count) throw new Error(`${own.length} snapshots of ${count}`);
  const ownBytes = own.map(({ sizes }) => sizes.storedBytes);
  row(
    `own bytes of each of ${count} functions, stored`,
    'MiB',
    ownBytes.map((bytes) => bytes / mib),
  );
  const wanted = baseBytes + ownBytes.reduce((sum, bytes) => sum + bytes, 0);
  const all = baseBytes + bytesIn(after) - bytesIn(before);
  row('all that is stored ÷ (one base + what is the functions’ own)', '×', [all / wanted], {
    kind: 'at-most',
    value: 1.2,
  });
  // The same files as another deployment has them: in another folder.
  const again = join(ground.folder, 'again');
  const original = join(ground.folder, 'original');
  for (const folder of [original, again]) cpSync(functions, folder, { recursive: true });
  const owner = { account: '000000000000', lineage: 'uploaded' };
  await stage.images!.of(original, owner);
  const first = chunksIn(objects(ground));
  await stage.images!.of(again, owner);
  row('new chunks of identical code', '', [chunksIn(objects(ground)) - first], { kind: 'at-most', value: 0 });
  await stage.close();
}

/** An origin 20 ms and 50 MB/s away, and nothing in any cache. */
async function distant(ground: Ground): Promise<void> {
  const distance = { latencyMs: 20, mbPerS: 50 };
  const near = await Stage.open(ground);
  const fillMib = setting('FILL_MIB', 768);
  const spec = nodeFunction('full', {
    ...{ snapshot: 'full', memoryMib: 1024 },
    environment: { FILL_MIB: String(fillMib), SEED: '7' },
  });
  await near.capture(spec);
  for (let time = 0; time < recordedRestores; time += 1) await near.coldMs(spec);
  const localMs: number[] = [];
  const record = (await near.store!.all()).find(({ id }) => id === 'full')!;
  const { memory } = await near.store!.load(record);
  const ms = { logged: [] as number[], faults: [] as number[], downloaded: [] as number[] };
  for (let round = 0; round < setting('DISTANT_ROUNDS', 3); round += 1) {
    localMs.push(await near.coldMs(spec));
    for (const kind of ['logged', 'faults'] as const) {
      const stage = await Stage.open(ground, {
        distance,
        ...(kind === 'faults' && { through: (fs) => new FaultsOnly(fs) }),
      });
      ms[kind].push(await stage.coldMs(spec));
      await stage.close();
    }
    // Everything first, over the same line, as much at a time as the line bears; then as from a local file.
    const blob = new EmbeddedBlob(ground.origin);
    const origin = new Origin(new SlowBlob(blob, distance));
    const startedMs = performance.now();
    const left = [...memory.chunks];
    const fetch = async () => {
      for (let chunk = left.pop(); chunk; chunk = left.pop()) await origin.get(chunk.name, chunk.storedBytes, 'fault');
    };
    await Promise.all(Array.from({ length: 32 }, fetch));
    ms.downloaded.push(performance.now() - startedMs + localMs.at(-1)!);
    await blob.close();
  }
  row(`snapshot of a function that holds ${fillMib} MiB`, 'MiB', [record.sizes.storedBytes / mib]);
  row('first reply, empty caches, origin 20 ms and 50 MB/s away, with its page-access log', 'ms', ms.logged);
  row('without the log ÷ with it', '×', ratios(ms.faults, ms.logged), { kind: 'at-least', value: 3.7 });
  row('download, then restore ÷ with the log', '×', ratios(ms.downloaded, ms.logged), { kind: 'at-least', value: 10 });
  await near.close();
}

export const groups = { latency, pool, burst, density, stored, distant };
export type Group = keyof typeof groups;

const wanted = process.argv[2];
if (wanted !== undefined && Object.hasOwn(groups, wanted)) {
  const ground = new Ground();
  let status = 0;
  try {
    await groups[wanted as Group](ground);
    ground.remove();
  } catch (error) {
    // What is still mounted cannot be removed: it ends with us, its folder is in the machine's for temporary files.
    process.stderr.write(`${(error as Error).stack}\n`);
    status = 1;
  }
  process.exit(status);
}
