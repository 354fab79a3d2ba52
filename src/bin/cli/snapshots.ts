import colours from 'picocolors';
import type { LayerReport, PatternCell, SnapshotReport } from '../../snapshot/report.js';
import { DataFolder } from '../datafolder.js';
import type { RotatedSalt } from '../saltrotation.js';
import { connect, getAdmin } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
import { s3Options } from './s3.js';
import { bucketOptions, snapshotBucketOf } from './snapshotbucket.js';
import { CommandError, Terminal, table } from './terminal.js';

const cellsPerLine = 64;

function size(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  return `${(bytes / 1024).toFixed(0)} KiB`;
}

/** How many times smaller what is stored is than the memory it stands for. */
function ratio({ logicalBytes, storedBytes }: LayerReport): string {
  return storedBytes === 0 ? '—' : `${(logicalBytes / storedBytes).toFixed(1)} ×`;
}

function renderLayers(layers: readonly LayerReport[]): string {
  if (layers.length === 0) return 'No snapshots yet: the first start of a function makes them (--isolation microvm).';
  return table(
    ['LAYER', 'OF', 'MEMORY', 'UNIQUE', 'STORED', 'DEDUP', 'WORKING SET', 'MADE', ''],
    layers.map((one) => [
      one.layer,
      one.of ?? one.id,
      size(one.logicalBytes),
      size(one.uniqueBytes),
      size(one.storedBytes),
      ratio(one),
      one.recordedRuns === 0 ? 'not recorded yet' : `${size(one.workingSetBytes)} of ${one.recordedRuns} runs`,
      new Date(one.createdMs).toISOString().slice(0, 19).replace('T', ' '),
      one.stale ? colours.yellow('stale: made again at the next start') : '',
    ]),
  );
}

/** Taller: more of the cell's pages. Green was touched first, red last. */
function drawCell({ touched, order }: PatternCell): string {
  if (order === null) return colours.dim('·');
  const bar = '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(touched * 8))]!;
  if (order < 1 / 3) return colours.green(bar);
  return order < 2 / 3 ? colours.yellow(bar) : colours.red(bar);
}

function renderPattern({ cells, cellBytes }: SnapshotReport['pattern']): string {
  const touched = cells.filter(({ order }) => order !== null).length;
  if (touched === 0) return 'No accesses recorded yet: the next restores are.';
  const lines: string[] = [];
  for (let first = 0; first < cells.length; first += cellsPerLine) {
    const line = cells.slice(first, first + cellsPerLine).map(drawCell);
    lines.push(`  ${size(first * cellBytes).padStart(11)} ${line.join('')}`);
  }
  const legend = `a cell is ${size(cellBytes)}; ${colours.green('first')}, ${colours.yellow('then')}, ${colours.red('last')} touched; · never`;
  return [colours.bold('Page accesses of a restore'), ...lines, colours.dim(`  ${legend}`)].join('\n');
}

export const snapshots = defineCommand({
  command: 'snapshots [action] [name]',
  describe: 'List the snapshots that sandboxes start from, show one, or encrypt all anew',
  builder: (command) =>
    bucketOptions(s3Options(connectionOptions(command)))
      .positional('action', {
        choices: ['list', 'show', 'rotate-salt'] as const,
        default: 'list' as const,
        describe: 'what to do',
      })
      .positional('name', {
        type: 'string',
        describe: 'FUNCTION, FUNCTION:VERSION or the name of a layer; of rotate-salt: an account (default: all)',
      })
      .example('hearth snapshots', 'layers with their bytes: of memory, unique, stored')
      .example('hearth snapshots show hello:1', 'its layers, and how a restore reads its memory')
      .example('hearth snapshots rotate-salt', 'other keys and names for all chunks of accounts; no platform may serve')
      .epilogue(
        'Exit status 3 when no platform serves from the data folder. rotate-salt takes the bucket as hearth up does.',
      ),
  handler: async (options) => {
    if (options.action === 'rotate-salt') return await rotate(options);
    const connection = connect(options);
    const terminal = new Terminal(options.json);
    if (options.action === 'list') {
      terminal.result(await getAdmin<readonly LayerReport[]>(connection, '/_hearth/snapshots'), renderLayers);
      return;
    }
    if (options.name === undefined) throw new CommandError('hearth snapshots show takes a name', 64);
    const path = `/_hearth/snapshots/${encodeURIComponent(options.name)}`;
    const report = await getAdmin<SnapshotReport>(connection, path);
    terminal.result(report, ({ layers, pattern }) => `${renderLayers(layers)}\n\n${renderPattern(pattern)}`);
  },
});

/** Offline: what is in memory of a platform that serves names manifests that would go. */
async function rotate(options: Parameters<typeof snapshotBucketOf>[0] & RotateOptions): Promise<void> {
  const { data, name, json } = options;
  const folder = new DataFolder(data);
  const running = folder.platform();
  if (running !== null) throw new CommandError(`stop the platform first (pid ${running.pid}): hearth down`);
  const { FolderInUseError } = await import('../datafolder.js');
  const { rotateSalts } = await import('../saltrotation.js');
  const { ChunkError } = await import('../../chunks/chunkerror.js');
  folder.create();
  try {
    await folder.lock();
    const done = await rotateSalts(folder.snapshots, snapshotBucketOf(options), name ?? null);
    new Terminal(json).result(done, renderRotated);
  } catch (error) {
    if (error instanceof FolderInUseError || error instanceof ChunkError) throw new CommandError(error.message);
    throw error;
  }
}

interface RotateOptions {
  readonly data: string;
  readonly name?: string | undefined;
  readonly json: boolean;
}

function renderRotated(rotated: readonly RotatedSalt[]): string {
  if (rotated.length === 0) return 'No account has stored anything.';
  const rows = rotated.map(({ account, files }) => [account, `${files}`]);
  return table(['ACCOUNT', 'FILES ENCRYPTED ANEW'], rows);
}
