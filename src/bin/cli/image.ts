import { stat } from 'node:fs/promises';
import { SingleBar } from 'cli-progress';
import type { GuestImage, ImageProgress } from '../../image/image.js';
import { mib } from '../../kernel/units.js';
import { DataFolder } from '../datafolder.js';
import { commonOptions, defineCommand } from './options.js';
import { CommandError, Terminal, table } from './terminal.js';

/** One runtime's part of the image. */
interface RuntimeRow {
  readonly name: string;
  /** `built`; `absent`: not on this machine, `detail` says how to get it; `unbuilt`: made at its first use. */
  readonly status: 'built' | 'unbuilt' | 'absent' | 'in root';
  readonly id: string | null;
  readonly bytes: number;
  readonly detail: string;
}

export const image = defineCommand({
  command: 'image [action]',
  describe: 'Build or show what virtual machines start from',
  builder: (command) =>
    commonOptions(command)
      .positional('action', { choices: ['show', 'build'] as const, default: 'show' as const, describe: 'what to do' })
      .example('hearth image build', 'fetch newer Debian packages if there are any, and build with them')
      .epilogue(
        'Images are the same for all platforms of a user. `hearth up --isolation microvm` builds what is missing.',
      ),
  handler: async (options) => {
    const { guestImage, currentImage } = await import('../../image/guestimage.js');
    const { ImageError } = await import('../../image/image.js');
    const build = options.action === 'build';
    const startMs = Date.now();
    const progress = new BuildProgress(!options.json);
    try {
      const onProgress = (step: ImageProgress) => progress.show('image', step);
      const made = build ? await guestImage({ refresh: true, onProgress }) : await currentImage();
      if (made === null) throw new CommandError('there is no image yet; build it with: hearth image build');
      const runtimes = await runtimeRows(new DataFolder(options.data).path, build, progress);
      progress.stop();
      const result = { ...made, rootUsedBytes: await usedBytes(made.rootPath), runtimes, tookMs: Date.now() - startMs };
      new Terminal(options.json).result(result, () => render(made, result.rootUsedBytes, runtimes));
    } catch (error) {
      progress.stop();
      if (error instanceof ImageError) throw new CommandError(error.message);
      throw error;
    }
  },
});

async function runtimeRows(data: string, build: boolean, progress: BuildProgress): Promise<readonly RuntimeRow[]> {
  const { MachineRuntimes } = await import('../../worker/runtimes/catalog.js');
  const { currentRuntimeImage, runtimeImage } = await import('../../image/runtimeimage.js');
  const runtimes = new MachineRuntimes({ dataDirectory: data });
  const rows: RuntimeRow[] = [];
  for (const { name, status, detail } of await runtimes.list()) {
    if (status !== 'ready') {
      rows.push({ name, status: 'absent', id: null, bytes: 0, detail });
      continue;
    }
    const launch = await runtimes.launch(name);
    if (launch.mounts.length === 0) {
      rows.push({ name, status: 'in root', id: null, bytes: 0, detail });
      continue;
    }
    progress.show(name, { phase: 'pack', fraction: null });
    const made = build ? await runtimeImage(launch) : await currentRuntimeImage(launch);
    if (made === null) rows.push({ name, status: 'unbuilt', id: null, bytes: 0, detail });
    else rows.push({ name, status: 'built', id: made.id, bytes: await usedBytes(made.path), detail });
  }
  return rows;
}

/** Images have holes. */
const usedBytes = async (path: string) => (await stat(path)).blocks * 512;
const size = (bytes: number) => (bytes === 0 ? '' : `${(bytes / mib).toFixed(0)} MiB`);

function render(made: GuestImage, rootUsedBytes: number, runtimes: readonly RuntimeRow[]): string {
  return [
    `Image ${made.id.slice(0, 16)}`,
    `  kernel   ${made.kernelVersion}`,
    `  root     ${size(rootUsedBytes)}, ${made.packages.length} Debian packages`,
    `  folder   ${made.rootPath.replace(/\/[^/]*\/[^/]*$/, '')}`,
    '',
    table(
      ['RUNTIME', 'STATUS', 'SIZE', 'IMAGE', ''],
      runtimes.map(({ name, status, bytes, id, detail }) => [
        name,
        status,
        size(bytes),
        id?.slice(0, 16) ?? '',
        detail,
      ]),
    ),
  ].join('\n');
}

/** A bar on a terminal, a line a phase elsewhere. */
class BuildProgress {
  readonly #wanted: boolean;
  #bar: SingleBar | null = null;
  #last = '';

  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  show(what: string, { phase, fraction }: ImageProgress): void {
    if (!this.#wanted) return;
    const stage = `${what}: ${phase}`;
    if (process.stderr.isTTY) {
      this.#bar ??= start();
      this.#bar.update(fraction ?? 0, { stage });
    } else if (stage !== this.#last) process.stderr.write(`${stage}\n`);
    this.#last = stage;
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }
}

function start(): SingleBar {
  const bar = new SingleBar({ format: '  [{bar}] {percentage}% {stage}', clearOnComplete: true });
  bar.start(1, 0, { stage: '' });
  return bar;
}
