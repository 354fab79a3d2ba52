import { writeFileSync } from 'node:fs';
import colours from 'picocolors';
import { DataFolder } from '../datafolder.js';
import { cacheOptions, sharedCacheOf } from './cachemembers.js';
import { connect } from './client.js';
import { runDemo } from './demo.js';
import { destinationOptions, destinationsOf } from './destinations.js';
import { clientVariables } from './env.js';
import { commonOptions, defineCommand } from './options.js';
import { otlpOf, otlpOptions } from './otlp.js';
import { policiesOf, policyOptions } from './policies.js';
import { objectStoreOf, s3Options } from './s3.js';
import { bucketOptions, snapshotBucketOf } from './snapshotbucket.js';
import { queuesOf, sqsOptions } from './sqs.js';
import { CommandError, Terminal } from './terminal.js';

/** The port that tools preset for a local AWS endpoint expect. */
const defaultPort = 4566;

interface Greeting {
  readonly endpoint: string;
  readonly isolation: string;
  readonly dataFolder: string;
  readonly credentials: Readonly<Record<string, string>>;
  /** Where they are sent; null: nowhere. */
  readonly traces: string | null;
  readonly pid: number;
}

function render({ endpoint, isolation, dataFolder, credentials, traces }: Greeting): string {
  const exports = Object.entries(credentials).map(([name, value]) => `  export ${name}=${value}`);
  const weak = isolation === 'none' ? colours.red('  functions are not isolated: run trusted code only') : '';
  return [
    `${colours.green('●')} ${colours.bold('Hearth')} serves AWS Lambda at ${colours.bold(endpoint)}`,
    `  isolation   ${isolation}${weak}`,
    `  data        ${dataFolder}`,
    ...(traces === null ? [] : [`  traces      ${traces}`]),
    '',
    'Point AWS clients at it:',
    ...exports,
    '',
    'Then try:',
    `  aws --endpoint-url ${endpoint} lambda list-functions`,
    `  aws --endpoint-url ${endpoint} sts get-caller-identity`,
    '  bin/hearth doctor',
    '',
    colours.dim('Ctrl-C stops it; work in flight is finished first.'),
  ].join('\n');
}

export const up = defineCommand({
  command: 'up',
  describe: 'Start a platform in the foreground',
  builder: (command) =>
    otlpOptions(
      policyOptions(destinationOptions(bucketOptions(cacheOptions(sqsOptions(s3Options(commonOptions(command))))))),
    )
      .option('port', { type: 'number', default: defaultPort, describe: 'port; 0 picks a free one' })
      .option('host', {
        type: 'string',
        default: '127.0.0.1',
        describe: 'address; anything but loopback opens it to others',
      })
      .option('isolation', {
        choices: ['microvm', 'namespaces', 'none'] as const,
        default: 'namespaces' as const,
        describe: 'how sandboxes are isolated: virtual machines, namespaces, or not at all (trusted code only)',
      })
      .option('ready-file', { type: 'string', describe: 'file that receives the endpoint once it serves' })
      .option('spares', { type: 'number', default: 2, describe: 'sandboxes booted ahead, per runtime in use' })
      .option('memory', { type: 'number', describe: 'MiB for all sandboxes (default: 3/4 of the machine)' })
      .option('concurrency', {
        type: 'number',
        describe: 'concurrent invocations per account and region (default: 1000)',
      })
      .option('stream-mbps', {
        type: 'number',
        describe: 'MB a second of each streamed response after its first 6 MB; AWS: 2 (default: no limit)',
        requiresArg: true,
      })
      .option('organization', {
        type: 'string',
        describe: 'organization (o-…) of all accounts, for layers shared with one',
        requiresArg: true,
      })
      .option('metrics-public', {
        type: 'boolean',
        default: false,
        describe: 'answer GET /metrics to everybody who can connect, not to this machine only',
      })
      .option('demo', {
        type: 'boolean',
        default: false,
        describe: 'deploy and invoke two samples, then go on serving',
      })
      .example('hearth up', `serve on 127.0.0.1:${defaultPort}`)
      .example('hearth up --port 0 --ready-file /tmp/endpoint --json', 'for a program')
      .epilogue('Exit status: 0 stopped, 1 could not start, 4 this machine cannot give the isolation asked for.'),
  handler: async (options) => {
    const terminal = new Terminal(options.json);
    const folder = new DataFolder(options.data);
    const { port } = options;
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new CommandError('--port takes a whole number from 0 to 65535', 64);
    }
    if (!Number.isInteger(options.spares) || options.spares < 0 || options.spares > 16) {
      throw new CommandError('--spares takes a whole number from 0 to 16', 64);
    }
    // One sandbox of the smallest function must fit.
    if (options.memory !== undefined && !(Number.isInteger(options.memory) && options.memory >= 128)) {
      throw new CommandError('--memory takes a whole number of MiB, 128 or more', 64);
    }
    if (options.concurrency !== undefined && !(Number.isInteger(options.concurrency) && options.concurrency >= 1)) {
      throw new CommandError('--concurrency takes a whole number, 1 or more', 64);
    }
    const { 'stream-mbps': streamMbps } = options;
    if (streamMbps !== undefined && !(streamMbps > 0 && Number.isFinite(streamMbps))) {
      throw new CommandError('--stream-mbps takes a number above 0', 64);
    }
    const { lifetime, ...life } = policiesOf(options);
    const objects = objectStoreOf(options);
    const queues = queuesOf(options);
    const told = destinationsOf(options);
    const otlp = otlpOf(options);
    const snapshotPlaces = { sharedCache: sharedCacheOf(options), bucket: snapshotBucketOf(options) };
    const running = folder.platform();
    if (running !== null) {
      throw new CommandError(`${running.endpoint} (pid ${running.pid}) serves from ${folder.path} already`);
    }
    const { startPlatform } = await import('../platform.js');
    const { DriverError } = await import('../../worker/sandbox/driver.js');
    const platform = await startPlatform({
      folder,
      host: options.host,
      port,
      isolation: options.isolation,
      sparesPerRuntime: options.spares,
      ...(objects === null ? {} : { objects }),
      ...(queues === null ? {} : { queues }),
      ...told,
      snapshotPlaces,
      metricsPublic: options['metrics-public'],
      ...life,
      ...(otlp === null ? {} : { otlp }),
      ...(lifetime === null ? {} : { sandboxLifetime: lifetime }),
      ...(options.organization === undefined ? {} : { organizationId: options.organization }),
      ...(streamMbps === undefined ? {} : { streamMbps }),
      ...(options.concurrency === undefined ? {} : { accountConcurrency: options.concurrency }),
      ...(options.memory === undefined ? {} : { memoryMib: options.memory }),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error instanceof DriverError) throw new CommandError(`${error.message}\n  hearth doctor tells more.`, 4);
      if (error.name === 'FolderInUseError') throw new CommandError(error.message);
      if (error.code === 'EADDRINUSE') throw new CommandError(`port ${port} is taken; --port 0 picks a free one`);
      throw error;
    });

    let stopping = false;
    const stop = () => {
      // A second Ctrl-C does not wait for work in flight.
      if (stopping) process.exit(130);
      stopping = true;
      terminal.note('Stopping…');
      platform.close().then(
        () => process.exit(0),
        (error: Error) => {
          process.stderr.write(`${error.stack}\n`);
          process.exit(1);
        },
      );
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    process.on('SIGHUP', stop);

    const { AWS_ENDPOINT_URL: _, ...credentials } = clientVariables(connect({ data: folder.path }));
    const greeting: Greeting = {
      endpoint: platform.endpoint,
      isolation: platform.grade,
      dataFolder: folder.path,
      credentials,
      traces: otlp?.url ?? null,
      pid: process.pid,
    };
    terminal.result(greeting, render);
    if (options['ready-file'] !== undefined) writeFileSync(options['ready-file'], `${platform.endpoint}\n`);
    if (options.demo) await runDemo(folder.path, terminal);
  },
});
