import colours from 'picocolors';
import type { LayerReport, PatternCell, SnapshotReport } from '../../snapshot/report.js';
import { connect, getAdmin } from './client.js';
import { connectionOptions, defineCommand } from './options.js';
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
  describe: 'List the snapshots that sandboxes start from, or show one',
  builder: (command) =>
    connectionOptions(command)
      .positional('action', { choices: ['list', 'show'] as const, default: 'list' as const, describe: 'what to do' })
      .positional('name', { type: 'string', describe: 'FUNCTION, FUNCTION:VERSION or the name of a layer' })
      .example('hearth snapshots', 'layers with their bytes: of memory, unique, stored')
      .example('hearth snapshots show hello:1', 'its layers, and how a restore reads its memory')
      .epilogue('Exit status 3 when no platform serves from the data folder.'),
  handler: async (options) => {
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
