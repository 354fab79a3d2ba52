import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import colours from 'picocolors';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { projectRoot } from '../adapters/projectroot.js';
import { accounts } from './cli/accounts.js';
import { cacheMember } from './cli/cachemember.js';
import { deploy } from './cli/deploy.js';
import { doctor } from './cli/doctor.js';
import { down } from './cli/down.js';
import { drain } from './cli/drain.js';
import { env } from './cli/env.js';
import { functions } from './cli/functions.js';
import { image } from './cli/image.js';
import { invoke } from './cli/invoke.js';
import { logs } from './cli/logs.js';
import { query } from './cli/query.js';
import { runtimes } from './cli/runtimes.js';
import { snapshots } from './cli/snapshots.js';
import { status } from './cli/status.js';
import { CommandError } from './cli/terminal.js';
import { up } from './cli/up.js';
import { why } from './cli/why.js';

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };

// A reader that stops early (`hearth logs … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await yargs(hideBin(process.argv))
  .scriptName('hearth')
  .usage('$0 <command>\n\nAWS Lambda on your own machine: real API, isolated sandboxes, no account.')
  .command(up)
  .command(down)
  .command(status)
  .command(doctor)
  .command(deploy)
  .command(functions)
  .command(invoke)
  .command(logs)
  .command(query)
  .command(why)
  .command(drain)
  .command(runtimes)
  .command(image)
  .command(snapshots)
  .command(accounts)
  .command(cacheMember)
  .command(env)
  .completion('completion', 'Print a completion script: source <(hearth completion)')
  .example('hearth up', 'start a platform on 127.0.0.1:4566')
  .example('eval "$(hearth env)"', 'point the AWS clients of this shell at it')
  .example('hearth doctor', 'what this machine offers, and what is missing')
  .demandCommand(1, 'Which command? They are listed above.')
  .recommendCommands()
  .strict()
  .version(version)
  .help()
  .wrap(Math.min(110, process.stdout.columns ?? 100))
  .fail((message, error, parser) => {
    if (error instanceof CommandError) {
      process.stderr.write(`${colours.red('✗')} ${error.message}\n`);
      process.exit(error.exitCode);
    }
    if (error) {
      process.stderr.write(`${colours.red('✗')} ${error.stack ?? error.message}\n`);
      process.exit(1);
    }
    process.stderr.write(`${parser.help()}\n\n${colours.red('✗')} ${message}\n`);
    process.exit(64);
  })
  .parseAsync();
