import { writeFileSync } from 'node:fs';
import colours from 'picocolors';
import { DiskStripes } from '../../chunks/l2/diskstripes.js';
import { CacheMember } from '../../chunks/l2/member.js';
import { MemoryStripes } from '../../chunks/l2/stripestore.js';
import { mib } from '../../kernel/units.js';
import { cacheSecret } from './cachesecret.js';
import { defineCommand } from './options.js';
import { CommandError, Terminal } from './terminal.js';

const defaultPort = 7400;
const defaultMib = 1024;

export const cacheMember = defineCommand({
  command: 'cache-member',
  describe: 'Serve a share of the snapshot cache (L2) that the workers of a zone have in common',
  builder: (command) =>
    command
      .option('port', { type: 'number', default: defaultPort, describe: 'port; 0 picks a free one' })
      .option('host', {
        type: 'string',
        default: '127.0.0.1',
        describe: 'address; anything but loopback opens it to others, who need the secret',
      })
      .option('size', {
        type: 'number',
        default: defaultMib,
        describe: 'MiB that it holds; then what is least used goes',
      })
      .option('folder', { type: 'string', describe: 'hold it there, not in memory', requiresArg: true })
      .option('cache-secret-file', {
        type: 'string',
        default: process.env.HEARTH_CACHE_SECRET_FILE,
        describe: 'file with the secret that workers and members share',
        requiresArg: true,
      })
      .option('ready-file', { type: 'string', describe: 'file that receives the address once it serves' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON for programs' })
      .example('hearth cache-member --cache-secret-file secret', `serve on 127.0.0.1:${defaultPort}`)
      .epilogue(
        'It sees pieces of encrypted chunks and their names, never a key. Give its address to the workers: hearth up --cache-members.',
      ),
  handler: async (options) => {
    const { port, host, size, folder } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new CommandError('--port takes a whole number from 0 to 65535', 64);
    }
    if (!Number.isInteger(size) || size < 1)
      throw new CommandError('--size takes a whole number of MiB, 1 or more', 64);
    const secret = cacheSecret(options['cache-secret-file']);
    const store = folder === undefined ? new MemoryStripes(size * mib) : new DiskStripes(folder, size * mib);
    const member = await CacheMember.listen({ host, port, secret, store }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') throw new CommandError(`port ${port} is taken; --port 0 picks a free one`);
      throw new CommandError(`cannot serve on ${host}: ${error.message}`);
    });
    const stop = () => {
      member.close().then(() => process.exit(0));
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
    const url = member.url.href.replace(/\/$/, '');
    new Terminal(options.json).result({ url, chunks: store.count, bytes: store.bytes, pid: process.pid }, () =>
      [
        `${colours.green('●')} A member of the snapshot cache at ${colours.bold(url)}`,
        `  holds       ${size} MiB ${folder === undefined ? 'in memory' : `in ${folder}`}`,
        colours.dim('Ctrl-C stops it; the workers go on without it.'),
      ].join('\n'),
    );
    if (options['ready-file'] !== undefined) writeFileSync(options['ready-file'], `${url}\n`);
  },
});
